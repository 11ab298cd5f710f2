"""Every key of the configuration, with its default. ``docs/configuration.md`` says what each is for.

Errors and ``repr`` never show what a key holds, since some hold passwords. The ``examples`` are what
an error message offers as the mend.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dispatcher.config import fields
from dispatcher.config.fields import WILDCARDS, split_listen, without_password
from dispatcher.config.pbx_settings import PbxSettings
from dispatcher.config.section import Section
from dispatcher.policies import PolicySpec
from dispatcher.requests import Seconds


class Scope(StrEnum):
    """What an API key is for."""

    INTAKE = "intake"
    OPERATE = "operate"
    READ = "read"
    ADMIN = "admin"


class StoreSettings(Section):
    """``[store]``."""

    url: fields.StoreUrl = Field("sqlite:///dispatcher.db", repr=False)

    def shown(self) -> str:
        """The URL without its password, for logs and people."""
        return without_password(self.url)


class BrokerSettings(Section):
    """``[broker]``."""

    url: fields.BrokerUrl = Field("", repr=False, examples=["redis://127.0.0.1:6379/0"])

    def shown(self) -> str:
        """The URL without its password, for logs and people."""
        return without_password(self.url)


class ApiKey(Section):
    """``[[api.key]]``."""

    name: fields.Name = Field(examples=["monitoring"])
    token: fields.Secret
    token_env: str | None = None
    scopes: Annotated[list[Scope], Field(min_length=1)] = Field(examples=[["intake"]])

    def secret(self) -> str:
        """The token itself."""
        return self.token.get_secret_value()


class ApiSettings(Section):
    """``[api]``."""

    listen: fields.Listen = "127.0.0.1:8080"
    key: list[ApiKey] = Field([])
    max_body_bytes: int = Field(1_048_576, ge=1024)


class ReportSettings(Section):
    """``[reports]``."""

    listen: fields.Listen = "127.0.0.1:8260"
    advertise: fields.HttpUrl | Literal[""] = Field("", examples=["http://10.0.0.5:8260"])
    max_body_bytes: int = Field(65_536, ge=1024)

    def advertised(self) -> str:
        """Where PBXs are told to post: ``advertise``, or else the address listened on."""
        return self.advertise or f"http://{self.listen}"

    def listens_everywhere(self) -> bool:
        """Whether the listen address names no machine that a PBX could be told."""
        return split_listen(self.listen)[0] in WILDCARDS


class PolicySettings(PolicySpec):
    """``[[policy]]``: a notification policy, that alarms name in place of saying it all."""

    name: fields.Name = Field(examples=["night-shift"])
    default: bool = False


class AlarmSettings(Section):
    """``[alarms]``."""

    region: fields.Region = Field("", examples=["NL"])
    expires_after: Seconds | None = Field(None, gt=0, examples=[3600.0])
    most_per_minute: int = Field(3, ge=0)
    most_per_hour: int = Field(20, ge=0)


class GrafanaSettings(Section):
    """``[intake.grafana]``."""

    secret: fields.Secret | None = None
    secret_env: str | None = None
    signature_header: fields.Header = "X-Grafana-Alerting-Signature"
    timestamp_header: fields.Header = "X-Grafana-Alerting-Timestamp"
    timestamp_required: bool = False
    max_age: fields.Positive = 300.0

    def signing_secret(self) -> str:
        """The secret itself, or an empty string while none is configured."""
        return self.secret.get_secret_value() if self.secret is not None else ""


class IntakeSettings(Section):
    """``[intake]``."""

    max_body_bytes: int = Field(16_777_216, ge=1024)
    grafana: GrafanaSettings = GrafanaSettings()


class WebhookSettings(Section):
    """``[webhooks]``."""

    private_addresses: bool = True
    timeout: float = Field(10.0, gt=0, le=60, allow_inf_nan=False)
    callback_secret: fields.SigningSecret | None = None
    callback_secret_env: str | None = None

    def callback_keys(self) -> tuple[str, ...]:
        """The secret that calls of a campaign's ``callback_url`` are signed with, if there is one."""
        return (self.callback_secret.get_secret_value(),) if self.callback_secret is not None else ()


class PacingSettings(Section):
    """``[pacing]``, in seconds."""

    tick: fields.Positive = 1.0
    settle: fields.NotNegative = 2.0
    doubt_wait: fields.Positive = 30.0
    silence: fields.Positive = 180.0
    record_wait: fields.Positive = 10.0
    records_every: fields.Positive = 60.0
    longest_call: fields.Positive = 3600.0


class WorkerSettings(Section):
    """``[workers]``."""

    threads: int = Field(24, ge=1, le=1000)


class RetentionSettings(Section):
    """``[retention]``, in days."""

    reports_days: int = Field(30, ge=1, le=36_500)
    events_days: int = Field(90, ge=1, le=36_500)
    deliveries_days: int = Field(14, ge=1, le=36_500)


class AuditSettings(Section):
    """``[audit]``."""

    every: fields.Positive = 15.0
    heartbeat_url: fields.SecretUrl | None = Field(None, examples=["https://hc-ping.com/UUID"])
    heartbeat_url_env: str | None = None

    def all_clear_url(self) -> str:
        """The address to fetch while all is clean, or an empty string. It may be a secret."""
        return self.heartbeat_url.get_secret_value() if self.heartbeat_url is not None else ""


class LogSettings(Section):
    """``[log]``."""

    level: Annotated[Literal["debug", "info", "warning", "error"], fields.Lower] = "info"
    json_lines: bool = Field(False, alias="json")


class Settings(BaseSettings):
    """The whole configuration. Made by hand, it takes what it is given and reads no environment."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix="DISPATCHER_",
        env_nested_delimiter="__",
    )

    store: StoreSettings = StoreSettings()
    broker: BrokerSettings = BrokerSettings()
    api: ApiSettings = ApiSettings()
    reports: ReportSettings = ReportSettings()
    pbx: list[PbxSettings] = []
    policy: list[PolicySettings] = []
    alarms: AlarmSettings = AlarmSettings()
    intake: IntakeSettings = IntakeSettings()
    webhooks: WebhookSettings = WebhookSettings()
    pacing: PacingSettings = PacingSettings()
    workers: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    _source: str = PrivateAttr("configuration")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is given: `load` puts file and environment together, and checks them."""
        return (init_settings,)

    def hunt_order(self) -> dict[tuple[str, str], int]:
        """The rank of every trunk, as (pbx, trunk): of those that can carry a call the lowest comes first."""
        trunks = [(pbx.name, trunk) for pbx in self.pbx for trunk in pbx.trunk]
        return {
            (pbx, trunk.name): place if trunk.hunt is None else trunk.hunt
            for place, (pbx, trunk) in enumerate(trunks, start=1)
        }

    @property
    def source(self) -> str:
        """The file that this was loaded from, for messages."""
        return self._source
