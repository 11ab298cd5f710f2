"""Which PBX a report can come from: by path, by address and by serial number."""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

_log = logging.getLogger(__name__)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOK_UP_SECONDS = 30.0
FIRST_LOOK_UP_SECONDS = 1.0
"""The pause between two lookups of a host that was never found: at boot no name may be found yet."""


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


class Sender:
    """A configured PBX as a sender of reports.

    The addresses of its host are looked up at the start, and from :meth:`open` on every second until they
    are found. They are looked up again when somebody posts from an unknown one: a PBX that has moved is
    refused once, and its report, which it repeats, is let in. The lookup is made in a thread, since it may
    take long, and nobody can cause more than one in half a minute.
    """

    def __init__(self, pbx: str, host: str, serial: str, added: Sequence[Network]) -> None:
        self.pbx = pbx
        self.serial = serial
        self._host = host
        self._added = tuple(added)
        self._looked_up_at = 0.0
        self.networks: tuple[Network, ...] = self._added
        self._is_closed = threading.Event()
        self._is_missed = False
        """Whether the last lookup failed: its failure is logged once."""
        self._is_found = self.look_up()

    def open(self) -> None:
        """Go on looking for a host that was not found, until :meth:`close`."""
        if not self._is_found:
            threading.Thread(target=self._look_until_found, name="addresses", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._is_closed.set()

    def may_post_from(self, address: str) -> bool:
        """Whether ``address`` is one of the PBX's own."""
        client = _parsed(address)
        if client is None:
            return False
        known = any(client in network for network in self.networks if network.version == client.version)
        if not known and self._may_have_moved():
            threading.Thread(target=self.look_up, name="addresses", daemon=True).start()
        return known

    def is_serial_right(self, serial: str) -> bool:
        """Whether a report's serial is this PBX's. Firmware before API 1.0.6 sends none."""
        return not self.serial or not serial or serial == self.serial

    def look_up(self) -> bool:
        """Find the host's addresses; those known before stay when it can't be found."""
        self._looked_up_at = time.monotonic()
        try:
            found = socket.getaddrinfo(self._host, None, proto=socket.IPPROTO_TCP)
        except OSError as error:
            if not self._is_missed:
                _log.warning("the address of %s (%s) can't be found: %s", self.pbx, self._host, error)
            self._is_missed = True
            return False
        if self._is_missed:
            _log.info("the address of %s (%s) has been found", self.pbx, self._host)
        self._is_missed = False
        addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
        if any(ipaddress.ip_address(address).is_loopback for address in addresses):
            addresses |= {"127.0.0.1", "::1"}
        self.networks = (*self._added, *(ipaddress.ip_network(address) for address in sorted(addresses)))
        return True

    def _look_until_found(self) -> None:
        while not self._is_closed.wait(FIRST_LOOK_UP_SECONDS):
            if self.look_up():
                return

    def _may_have_moved(self) -> bool:
        if time.monotonic() < self._looked_up_at + LOOK_UP_SECONDS or _parsed(self._host) is not None:
            return False
        self._looked_up_at = time.monotonic()
        return True


def sender_of(pbx: str, url: str, serial: str, report_sources: Sequence[str]) -> Sender:
    """The sender for a PBX: the addresses of its URL's host, and the ``report_sources`` beside them."""
    added = [ipaddress.ip_network(source, strict=False) for source in report_sources]
    return Sender(pbx, urlsplit(url).hostname or "", serial, added)
