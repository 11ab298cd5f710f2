"""Where this machine keeps the servers' programs."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

# Distributions keep PostgreSQL's server programs off the PATH, one folder a version.
POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
UNPACKED = Path(__file__).parents[2] / ".venv/packages"
"""Packages that are only unpacked, since to install them would bring a mail server and the like."""
OTHER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", str(UNPACKED / "usr/sbin"))


class ServiceMissing(RuntimeError):
    """A server's program is not on this machine."""

    def __init__(self, service: str, package: str) -> None:
        super().__init__(
            f"no {service} server was found on this machine; "
            f"`make services` installs it on Debian and Ubuntu (package {package})"
        )
        self.service = service


def postgres_folder() -> Path:
    """The folder with `initdb` and `postgres` of the newest PostgreSQL; ServiceMissing if there is none."""
    folders = [folder for pattern in POSTGRES_FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    folders.sort(key=_version, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        # The link may stand alone in its folder; `postgres` finds its libraries from its real place.
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServiceMissing("PostgreSQL", "postgresql")


def redis_server() -> Path:
    """The Redis (or Valkey) server; ServiceMissing if there is none."""
    return _first("Redis", "redis-server", ("redis-server", "valkey-server"))


def prometheus() -> Path:
    """The Prometheus server; ServiceMissing if there is none."""
    return _first("Prometheus", "prometheus", ("prometheus",))


def alertmanager() -> Path:
    """Prometheus's Alertmanager; ServiceMissing if there is none."""
    return _first("Alertmanager", "prometheus-alertmanager", ("prometheus-alertmanager", "alertmanager"))


def icinga() -> Path:
    """The Icinga 2 daemon; ServiceMissing if there is none."""
    return _first("Icinga 2", "icinga2-bin", ("icinga2",))


def nagios() -> Path:
    """The Nagios daemon; ServiceMissing if there is none."""
    return _first("Nagios", "nagios4-core", ("nagios4",))


def zabbix_js() -> Path:
    """Zabbix's engine for the scripts of media types; ServiceMissing if there is none."""
    return _first("Zabbix script", "zabbix-proxy-sqlite3", ("zabbix_js",))


def _first(service: str, package: str, names: Iterable[str]) -> Path:
    for name in names:
        found = shutil.which(name)
        candidates = [Path(found)] if found else [Path(folder, name) for folder in OTHER_FOLDERS]
        for candidate in candidates:
            if candidate.exists():
                return candidate
    raise ServiceMissing(service, package)


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))
