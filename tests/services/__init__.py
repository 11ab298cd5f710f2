"""Private servers for tests and benchmarks: PostgreSQL, Redis and Prometheus on free loopback ports."""

from tests.services.binaries import ServiceMissing
from tests.services.postgres import PostgresServer
from tests.services.process import ServiceFailed
from tests.services.prometheus import PrometheusServer
from tests.services.redis import RedisServer

__all__ = ["PostgresServer", "PrometheusServer", "RedisServer", "ServiceFailed", "ServiceMissing"]
