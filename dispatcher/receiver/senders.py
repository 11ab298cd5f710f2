"""Which PBX a report can come from: by path, by address and by serial number."""

import ipaddress
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

_log = logging.getLogger(__name__)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=1024)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of a client; None where it is none. PBXs post often, and from few addresses."""
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
        return client.ipv4_mapped
    return client


@dataclass(frozen=True, slots=True)
class Sender:
    """A configured PBX as a sender of reports."""

    pbx: str
    serial: str
    networks: tuple[Network, ...]

    def may_post_from(self, address: str) -> bool:
        """Whether ``address`` is one of the PBX's own."""
        client = _parsed(address)
        return client is not None and any(
            client in network for network in self.networks if network.version == client.version
        )

    def is_serial_right(self, serial: str) -> bool:
        """Whether a report's serial is this PBX's. Firmware before API 1.0.6 sends none."""
        return not self.serial or not serial or serial == self.serial


def sender_of(pbx: str, url: str, serial: str, report_sources: Sequence[str]) -> Sender:
    """The sender for a PBX: the addresses of its URL's host, and the ``report_sources`` beside them."""
    networks = [ipaddress.ip_network(source, strict=False) for source in report_sources]
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
    except OSError as error:
        _log.warning("the address of %s (%s) can't be found: %s", pbx, host, error)
        addresses = set()
    if any(ipaddress.ip_address(address).is_loopback for address in addresses):
        addresses |= {"127.0.0.1", "::1"}
    networks += [ipaddress.ip_network(address) for address in sorted(addresses)]
    return Sender(pbx, serial, tuple(networks))
