"""The configuration: one TOML file, every key of which the environment can override."""

from dispatcher.config.checks import require_shared_broker
from dispatcher.config.loading import load
from dispatcher.config.pbx_settings import PbxSettings, TrunkSettings
from dispatcher.config.problems import ConfigError
from dispatcher.config.settings import (
    AlarmSettings,
    ApiKey,
    ApiSettings,
    AuditSettings,
    BrokerSettings,
    LogSettings,
    PacingSettings,
    PolicySettings,
    ReportSettings,
    RetentionSettings,
    Scope,
    Settings,
    StoreSettings,
    WorkerSettings,
)

__all__ = [
    "AlarmSettings",
    "ApiKey",
    "ApiSettings",
    "AuditSettings",
    "BrokerSettings",
    "ConfigError",
    "LogSettings",
    "PacingSettings",
    "PbxSettings",
    "PolicySettings",
    "ReportSettings",
    "RetentionSettings",
    "Scope",
    "Settings",
    "StoreSettings",
    "TrunkSettings",
    "WorkerSettings",
    "load",
    "require_shared_broker",
]
