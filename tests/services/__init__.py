"""Private servers for tests and benchmarks, on free loopback ports."""

from tests.services.alertmanager import AlertmanagerServer
from tests.services.binaries import ServiceMissing
from tests.services.icinga import IcingaServer
from tests.services.nagios import NagiosServer
from tests.services.postgres import PostgresServer
from tests.services.process import ServiceFailed
from tests.services.prometheus import PrometheusServer
from tests.services.redis import RedisServer

__all__ = [
    "AlertmanagerServer",
    "IcingaServer",
    "NagiosServer",
    "PostgresServer",
    "PrometheusServer",
    "RedisServer",
    "ServiceFailed",
    "ServiceMissing",
]
