"""An installation of the product whose PBX is a real Asterisk."""

from collections.abc import Mapping
from pathlib import Path

from tests.asterisk.server import TRUNK, AsteriskServer
from tests.services.process import HOST
from tests.system.site import Site

RING_SECONDS = 4.0
"""For how long phones may ring; the reference callee that answers late does so after more."""

PBX = """
[[pbx]]
name = "{name}"
family = "asterisk"
host = "{host}"
port = {port}
username = "{username}"
password = "{password}"
timeout = 2.0
ring_timeout = {ring}
{keys}
[[pbx.trunk]]
name = "{trunk}"
dial = "PJSIP/{{number}}@{trunk}"
channels = {channels}
{more}
"""


class AsteriskSite(Site):
    """``dispatcher up``, or the roles apart, with Asterisks in place of a simulated PBX."""

    def __init__(
        self,
        folder: Path,
        pbxes: Mapping[str, tuple[AsteriskServer, int]],
        store_url: str,
        broker_url: str = "",
        *,
        channels: int,
        ring: float = RING_SECONDS,
        pacing: Mapping[str, float] | None = None,
        trunk: str = "",
        keys: str = "",
    ) -> None:
        """``pbxes`` are Asterisks by name, each with the port where it is reached.

        ``keys`` are further keys of each, ``trunk`` those of its trunk.
        """
        super().__init__(
            folder, "http://none.invalid", store_url, broker_url, channels=channels, pacing=pacing
        )
        text = self.config.read_text().partition("[[pbx]]")[0]
        for name, (asterisk, port) in pbxes.items():
            text += PBX.format(
                name=name,
                host=HOST,
                port=port,
                username=asterisk.username,
                password=asterisk.secret,
                ring=ring,
                keys=keys,
                trunk=TRUNK,
                channels=channels,
                more=trunk,
            )
        self.config.write_text(text)
