"""The kinds of values in the configuration, each with what makes one wrong."""

import ipaddress
from collections.abc import Callable
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from dispatcher.signing import checked_secret

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - named here to be recognised
_REDIS_SCHEMES = ("redis", "rediss", "unix")


def split_listen(listen: str) -> tuple[str, int]:
    """``host:port`` or ``[v6 address]:port`` in its two parts. Raises ``ValueError``."""
    host, colon, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not colon or not bare or not port.isdecimal() or int(port) > 65535 or bracketed != (":" in bare):
        raise ValueError("must be host:port, with a port from 0 to 65535 ([host]:port for IPv6)")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether ``host`` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def without_password(url: str) -> str:
    """``url`` as it may be shown, with ``***`` where its password is."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    account, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{account.partition(':')[0]}:***@{place}").geturl()


def _listen(value: str) -> str:
    split_listen(value)
    return value


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return parts


def _http_url(value: str) -> str:
    try:
        parts = _split(value)
    except ValueError:
        raise ValueError("is not a URL such as https://192.168.5.150:8088") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password; they have keys of their own")
    if parts.query or parts.fragment:
        raise ValueError("must end with the host, port or path")
    return value.rstrip("/")


def _store_url(value: str) -> str:
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
            raise ValueError("must name a file: every thread and process opens the database by its name")
    elif url.drivername == "postgresql+psycopg":
        if not url.database:
            raise ValueError("must name the database, after the host")
    else:
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return value


def _records_url(value: SecretStr) -> SecretStr:
    try:
        url = make_url(value.get_secret_value())
        url.get_dialect().import_dbapi()
    except NoSuchModuleError:
        raise ValueError("names no kind of database that is known here") from None
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL") from None
    except ImportError as error:
        raise ValueError(f"needs the Python package {error.name}, which is not installed") from None
    if not url.database or url.database == ":memory:":
        raise ValueError("must name the database")
    return value


def _broker_url(value: str) -> str:
    try:
        parts = _split(value)
    except ValueError:
        raise ValueError("is not a URL") from None
    if value and (parts.scheme not in _REDIS_SCHEMES or not (parts.hostname or parts.path)):
        raise ValueError("must begin with redis:// (rediss:// over TLS, unix:// for a socket), or be empty")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone's IANA name") from None
    return value


def _region(value: str) -> str:
    if value and value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is not a country's two-letter ISO code")
    return value.upper()


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is neither an IP address nor a network such as 10.0.0.0/24") from None
    return value


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty")
    return value


def _signing_secret(value: SecretStr) -> SecretStr:
    checked_secret(value.get_secret_value())
    return value


def _secret_url(value: SecretStr) -> SecretStr:
    try:
        parts = _split(value.get_secret_value())
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    return value


def _dial(place: str) -> Callable[[str], str]:
    """A check of dial strings, in which the place for the number or extension must stand once."""

    def check(value: str) -> str:
        is_whole = value.count(place) == value.count("{") == 1 and "/" in value and value.isprintable()
        if value and not is_whole:
            raise ValueError(f"is no dial string with {place} in it")
        return value

    return check


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name of ours that appears in paths: letters, digits, ``_``, ``.`` and ``-``."""

TheirName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=128)]
"""A name as the PBX has it."""

Listen = Annotated[str, AfterValidator(_listen)]
PbxUrl = Annotated[str, AfterValidator(lambda value: _http_url(value) if value else "")]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Region = Annotated[str, AfterValidator(_region)]
Network = Annotated[str, AfterValidator(_network)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing_secret)]
"""What outgoing messages are signed with: ``whsec_`` and base64."""

SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
"""An address that is itself a secret: whoever knows it can use it."""

RecordsUrl = Annotated[SecretStr, AfterValidator(_records_url)]
"""A database that we only read, by SQLAlchemy's URL, which may hold a password."""

Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", max_length=128)]
"""The name of a header of HTTP."""

Host = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?)?$", max_length=253)
]
"""A host name or an address; one of IPv6 without brackets."""

Context = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=79)]
"""The name of a context of a dialplan."""

TrunkDial = Annotated[str, AfterValidator(_dial("{number}"))]
ExtensionDial = Annotated[str, AfterValidator(_dial("{extension}"))]
OneLine = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=80)]
Dialled = Annotated[str, StringConstraints(pattern=r"^[0-9*#+]*$", max_length=20)]
Positive = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Lower = BeforeValidator(_lower)
