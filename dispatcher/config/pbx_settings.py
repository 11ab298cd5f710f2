"""The keys of a PBX and of its trunks."""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from dispatcher.config import fields
from dispatcher.config.section import Section
from dispatcher.lines import NumberFormat


class TrunkSettings(Section):
    """``[[pbx.trunk]]``."""

    name: fields.TheirName = Field(examples=["SPS-6-36"])
    channels: int = Field(ge=1, le=100_000, examples=[30])
    reserved_for_alarms: int = Field(0, ge=0)
    calls_per_second: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False, examples=[5.0])
    hunt: int | None = Field(None, ge=1, le=1000, examples=[1])
    extension: fields.Dialled = Field("", examples=["1000"])
    prefix: fields.Dialled = Field("", examples=["9"])
    dial: fields.TrunkDial = Field("", examples=["PJSIP/{number}@provider"])
    answer_supervision: bool = True
    number_format: NumberFormat = NumberFormat.DIGITS
    region: fields.Region = Field("", examples=["NL"])


POLLED_FAMILIES = ("axeos", "asterisk")
"""Families that post nothing: their reports are always fetched, over the API itself."""

AMI_FAMILIES = ("asterisk",)
"""Families that are reached at a host and port, and not at a URL."""


class PbxSettings(Section):
    """``[[pbx]]``."""

    name: fields.Name = Field(examples=["hq"])
    family: str = Field(examples=["yeastar-s"])
    url: fields.PbxUrl = Field("", examples=["https://192.168.5.150:8088"])
    host: fields.Host = Field("", examples=["192.168.5.150"])
    port: int = Field(5038, ge=1, le=65_535)
    tls: bool = False
    username: str = Field(min_length=1, examples=["api"])
    password: fields.Secret
    password_env: str | None = None
    verify_tls: bool = True
    serial: str = ""
    timezone: fields.TimeZone = Field("UTC", examples=["Europe/Amsterdam"])
    report_transport: Literal["http", "tcp", "websocket"] = "http"
    report_port: int = Field(8333, ge=1, le=65_535)
    webhook_secret: fields.Secret | None = None
    webhook_secret_env: str | None = None
    prompt_volume: int | None = Field(None, ge=0, le=20, examples=[10])
    report_sources: list[fields.Network] = Field([], examples=[["192.168.5.0/24"]])
    internal_channels: int = Field(10, ge=0, le=100_000)
    ring_timeout: float = Field(45.0, ge=1, le=600, allow_inf_nan=False)
    caller_id: fields.OneLine = Field("", examples=["Alarms <6500>"])
    extension_dial: fields.ExtensionDial = Field("PJSIP/{extension}", min_length=1)
    ivr_context: fields.Context = "dispatcher-ivr"
    prompt_context: fields.Context = "dispatcher-play"
    queue_context: fields.Context = "dispatcher-queue"
    ended_context: fields.Context = "dispatcher-ended"
    transfer_context: fields.Context = "dispatcher-transfer"
    cdr_url: fields.RecordsUrl | None = Field(
        None, examples=["postgresql+psycopg://reader@10.0.0.9/asterisk"]
    )
    cdr_url_env: str | None = None
    timeout: float = Field(10.0, gt=0, le=300, allow_inf_nan=False)
    trunk: list[TrunkSettings] = Field([])

    @property
    def reports_are_fetched(self) -> bool:
        """Whether we read its reports over a connection of ours, in place of its posting them."""
        return self.report_transport != "http" or self.family in POLLED_FAMILIES

    @property
    def address(self) -> str:
        """Where the PBX is reached, for people, and for comparing: its URL, or what stands for one."""
        scheme = "amis" if self.tls else "ami"
        return self.url or f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def secret(self) -> str:
        """The password itself."""
        return self.password.get_secret_value()

    def webhook_key(self) -> str:
        """What the PBX signs its reports with, or an empty string."""
        return self.webhook_secret.get_secret_value() if self.webhook_secret is not None else ""

    def records_url(self) -> str:
        """The database with the PBX's call records, or an empty string; it may hold a password."""
        return self.cdr_url.get_secret_value() if self.cdr_url is not None else ""

    def zone(self) -> ZoneInfo:
        """The time zone of the PBX's own timestamps."""
        return ZoneInfo(self.timezone)
