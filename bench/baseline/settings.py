"""Settings from the environment."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every variable begins with `BASELINE_`."""

    model_config = SettingsConfigDict(env_prefix="BASELINE_")

    database: str
    redis: str
    pbx: str
    username: str = "api"
    password: str = "password"
    ivr: str = "6500"
    extension: str = "1000"
    prefix: str = "9"
    channels: int = 30
    reports: str = "127.0.0.1:8260"
    """Where the PBX is to post its reports."""


settings = Settings()
