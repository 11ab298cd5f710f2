"""The dispatcher on a real Asterisk."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.product import Product
from bench.systems import Place
from bench.waiting import LOOK_EVERY, TooSlow
from tests.asterisk.server import TRUNK, AsteriskServer
from tests.services.process import HOST

PBX = """\
[[pbx]]
name = "hq"
family = "asterisk"
host = "{host}"
port = {port}
username = "{username}"
password = "{password}"

[[pbx.trunk]]
name = "{trunk}"
dial = "PJSIP/{{number}}@{trunk}"
channels = {channels}
"""


class AsteriskProduct(Product):
    """The dispatcher's processes, with an Asterisk in place of the simulated PBX."""

    def __init__(self, place: Place, asterisk: AsteriskServer, *, channels: int) -> None:
        super().__init__(place, channels=channels)
        config = place.folder / "dispatcher.toml"
        pbx = PBX.format(
            host=HOST,
            port=asterisk.port,
            username=asterisk.username,
            password=asterisk.secret,
            trunk=TRUNK,
            channels=channels,
        )
        config.write_text(config.read_text().partition("[[pbx]]")[0] + pbx)

    def place(self, numbers: Sequence[str], timeout: float) -> None:
        """Place every call, and wait for the last one's outcome."""
        self.load(numbers)
        self.go()
        give_up = time.monotonic() + timeout
        while self.progress().ended < len(numbers):
            if time.monotonic() > give_up:
                raise TooSlow(f"{self.progress()} after {timeout:.0f} s")
            time.sleep(LOOK_EVERY)

    def words(self) -> Mapping[str, str]:
        """Outcome and key of each number's call."""
        return {call["number"].lstrip("+"): _word(call) for call in self._calls()}

    def _calls(self) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            query = {"limit": 500} | ({"cursor": cursor} if cursor else {})
            answer = self._http.get(f"/v1/campaigns/{self._campaign}/calls", params=query)
            page = answer.raise_for_status().json()
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _word(call: Mapping[str, Any]) -> str:
    digits = [attempt["digits"] or "" for attempt in call["attempts"]]
    return f"{call['outcome']} {' '.join(digits)}"
