"""``POST /reports/{pbx}`` and ``POST /``: answered 200 once the report is durable, and not before."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from dispatcher.core import Core
from dispatcher.metrics import catalogue
from dispatcher.pbx.protocol import Driver, SignsReports
from dispatcher.receiver.batching import Batcher
from dispatcher.receiver.entering import Entering
from dispatcher.receiver.senders import Sender
from dispatcher.reports import Inbox, Incoming
from dispatcher.reports.incoming import read
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/reports/"
WHY_REFUSED = ("address", "serial", "path", "signature")


class _Refused(Exception):
    def __init__(self, status: int, text: str, why: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.why = status, text, why


class ReceiverApp:
    """The receiver of one process.

    Whatever comes from a PBX of ours is kept and answered 200, however strange, so that the PBX does
    not repeat it for ever; only when it could not be made durable is the answer 503, and the PBX
    repeats it (S-Series API v1.1.0 manual, "Report": anything but 200 is sent again).
    """

    def __init__(
        self, core: Core, inbox: Inbox, senders: Sequence[Sender], drivers: Mapping[str, Driver]
    ) -> None:
        self._core = core
        self._drivers = drivers
        self._senders = {sender.pbx: sender for sender in senders}
        self._limit = core.settings.reports.max_body_bytes
        self._inbox = inbox
        self._entering = Entering(inbox.enter)
        self._batcher = Batcher(self._keep)
        self._is_away = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            status, text = await self._serve(scope, receive)
            await _answer(send, status, text)

    async def _serve(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        path, method = scope["path"], scope["method"]
        if path == "/healthz" and method == "GET":
            return 200, "ok"
        if method != "POST":
            return 405, "reports are posted"
        try:
            client = (scope.get("client") or ("", 0))[0]
            senders = self._senders_from(path, client)
            body = await self._body(receive)
            item = self._read(self._signed(senders, scope, body), body)
        except _Refused as refused:
            if refused.why:
                self._core.counts.add(catalogue.REPORTS_REFUSED, refused.why)
            return refused.status, refused.text
        try:
            await self._batcher.submit(item)
        except Exception as error:
            if not is_outage(error):
                _log.exception("a report of %s could not be kept", item.pbx)
            elif not self._is_away:
                _log.warning("the database is away, reports are refused until it is back")
            self._is_away = is_outage(error)
            return 503, "the report could not be kept; send it again"
        self._is_away = False
        return 200, "OK"

    def _keep(self, batch: Sequence[Incoming]) -> None:
        self._entering.put(self._inbox.keep(batch))

    def _senders_from(self, path: str, client: str) -> list[Sender]:
        """The PBXs that this request can come from, by its path and its address."""
        if path.startswith(PREFIX):
            named = self._senders.get(path[len(PREFIX) :].strip("/"))
            if named is None:
                raise _Refused(403, "no PBX of this name is configured", "path")
            candidates = [named]
        elif path == "/":
            candidates = list(self._senders.values())
        else:
            raise _Refused(404, "reports are posted to /reports/{pbx}")
        allowed = [sender for sender in candidates if sender.may_post_from(client)]
        if not allowed:
            _log.warning("a report from %s was refused: no configured PBX has this address", client)
            raise _Refused(403, "this address is no configured PBX's", "address")
        return allowed

    def _signed(self, senders: Sequence[Sender], scope: Scope, body: bytes) -> list[Sender]:
        """Those of the PBXs that would have signed it so, or do not sign."""
        drivers = {sender.pbx: self._drivers[sender.pbx] for sender in senders}
        if not any(isinstance(driver, SignsReports) for driver in drivers.values()):
            return list(senders)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        genuine = {
            pbx
            for pbx, driver in drivers.items()
            if not isinstance(driver, SignsReports) or driver.is_genuine(body, headers)
        }
        if not genuine:
            _log.warning("a report to %s was refused: its signature is wrong", " or ".join(drivers))
            raise _Refused(403, "the signature is wrong", "signature")
        return [sender for sender in senders if sender.pbx in genuine]

    def _read(self, senders: Sequence[Sender], body: bytes) -> Incoming:
        """Parse the body, and find the one PBX whose serial number it carries."""
        now = self._core.clock()
        item = read(self._drivers[senders[0].pbx], senders[0].pbx, body, now)
        fitting = [sender for sender in senders if sender.is_serial_right(item.serial)]
        if len(fitting) > 1 and item.serial:
            fitting = [sender for sender in fitting if sender.serial == item.serial] or fitting
        if not fitting:
            raise _Refused(403, "this serial number is no configured PBX's", "serial")
        if len(fitting) > 1:
            raise _Refused(403, "several PBXs could have sent this: post to /reports/{pbx}", "path")
        if fitting[0] is not senders[0]:
            item = read(self._drivers[fitting[0].pbx], fitting[0].pbx, body, now)
        return item

    async def _body(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(400, "the connection ended before the body did")
            part = message.get("body", b"")
            size += len(part)
            if size > self._limit:
                raise _Refused(413, f"a report has at most {self._limit} bytes")
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._entering.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._batcher.close()
                self._entering.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode() if status == 200 else json.dumps({"status": status, "detail": text}).encode()
    kind = b"text/plain" if status == 200 else b"application/problem+json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
