"""``POST /reports/{pbx}`` and ``POST /``: answered 200 once the report is durable, and not before."""

import logging
from collections.abc import Mapping, Sequence

from dispatcher.core import Core
from dispatcher.metrics import catalogue
from dispatcher.pbx.protocol import Driver, SignsReports
from dispatcher.receiver.batching import Batcher
from dispatcher.receiver.connection import Answer, Request
from dispatcher.receiver.entering import Entering
from dispatcher.receiver.senders import Sender
from dispatcher.reports import Inbox, Incoming
from dispatcher.reports.incoming import read
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

PREFIX = "/reports/"
WHY_REFUSED = ("address", "serial", "path", "signature")


class _Refused(Exception):
    def __init__(self, status: int, text: str, why: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.why = status, text, why


class Receiver:
    """The receiver of one process, in its event loop; :class:`ReportServer` brings it the requests.

    Whatever comes from a PBX of ours is kept and answered 200, however strange, so that the PBX does
    not repeat it for ever; only when it could not be made durable is the answer 503, and the PBX
    repeats it (S-Series API v1.1.0 manual, "Report": anything but 200 is sent again).
    """

    def __init__(
        self, core: Core, inbox: Inbox, senders: Sequence[Sender], drivers: Mapping[str, Driver]
    ) -> None:
        self._core = core
        self._drivers = drivers
        self._signing = {name: driver for name, driver in drivers.items() if isinstance(driver, SignsReports)}
        self._senders = {sender.pbx: sender for sender in senders}
        self._inbox = inbox
        self._entering = Entering(inbox.enter)
        self._batcher = Batcher(self._keep)
        self._is_away = False

    @property
    def limit(self) -> int:
        """So many bytes at most a report has."""
        return self._core.settings.reports.max_body_bytes

    def open(self) -> None:
        """Begin to enter what becomes durable."""
        self._entering.start()
        for sender in self._senders.values():
            sender.open()

    def close(self) -> None:
        """Finish what is under way; no request may follow."""
        for sender in self._senders.values():
            sender.close()
        self._batcher.close()
        self._entering.close()
        try:
            self._core.arrivals.tidy(self._core.clock())
        except Exception as error:
            if not is_outage(error):
                raise

    def serve(self, request: Request, answer: Answer) -> None:
        """Serve one request; ``answer`` is called once, in the event loop."""
        if request.path == "/healthz" and request.method == "GET":
            answer(200, "ok")
            return
        if request.method != "POST":
            answer(405, "reports are posted")
            return
        try:
            senders = self._senders_from(request.path, request.client)
            if request.body is None:
                raise _Refused(413, f"a report has at most {self.limit} bytes")
            item = self._read(self._signed(senders, request, request.body), request.body)
        except _Refused as refused:
            if refused.why:
                self._core.counts.add(catalogue.REPORTS_REFUSED, refused.why)
            answer(refused.status, refused.text)
            return
        self._batcher.submit(item, lambda failure: self._answer(item, failure, answer))

    def _answer(self, item: Incoming, failure: Exception | None, answer: Answer) -> None:
        is_away = failure is not None and is_outage(failure)
        if is_away and not self._is_away:
            _log.warning("the database is away, reports are refused until it is back")
        elif failure is not None and not is_away:
            _log.error("a report of %s could not be kept", item.pbx, exc_info=failure)
        self._is_away = is_away
        if failure is None:
            answer(200, "OK")
        else:
            answer(503, "the report could not be kept; send it again")

    def _keep(self, batch: Sequence[Incoming]) -> None:
        self._entering.put(self._inbox.keep(batch))

    def _senders_from(self, path: str, client: str) -> list[Sender]:
        """The PBXs that this request can come from, by its path and its address."""
        if path.startswith(PREFIX):
            named = self._senders.get(path[len(PREFIX) :].strip("/"))
            if named is None:
                _log.warning("a report from %s to %.80r was refused: no PBX has this name", client, path)
                raise _Refused(403, "no PBX of this name is configured", "path")
            candidates = [named]
        elif path == "/":
            candidates = list(self._senders.values())
        else:
            _log.warning("a report from %s to %.80r was refused: it belongs to %s{pbx}", client, path, PREFIX)
            raise _Refused(404, "reports are posted to /reports/{pbx}", "path")
        allowed = [sender for sender in candidates if sender.may_post_from(client)]
        if not allowed:
            _log.warning("a report from %s was refused: no configured PBX has this address", client)
            raise _Refused(403, "this address is no configured PBX's", "address")
        return allowed

    def _signed(self, senders: list[Sender], request: Request, body: bytes) -> list[Sender]:
        """Those of the PBXs that would have signed it so, or do not sign."""
        if not any(sender.pbx in self._signing for sender in senders):
            return senders
        headers = request.headers
        genuine = [
            sender
            for sender in senders
            if (driver := self._signing.get(sender.pbx)) is None or driver.is_genuine(body, headers)
        ]
        if not genuine:
            names = " or ".join(sender.pbx for sender in senders)
            _log.warning("a report to %s was refused: its signature is wrong", names)
            raise _Refused(403, "the signature is wrong", "signature")
        return genuine

    def _read(self, senders: Sequence[Sender], body: bytes) -> Incoming:
        """Parse the body, and find the one PBX whose serial number it carries.

        Which family's words it has is not known before, so each of the PBXs reads it with its own driver.
        """
        now = self._core.clock()
        readings = {sender.pbx: read(self._drivers[sender.pbx], sender.pbx, body, now) for sender in senders}
        serial = next((item.serial for item in readings.values() if item.serial), "")
        fitting = [sender for sender in senders if sender.is_serial_right(serial)]
        if len(fitting) > 1 and serial:
            fitting = [sender for sender in fitting if sender.serial == serial] or fitting
        if not fitting:
            raise _Refused(403, "this serial number is no configured PBX's", "serial")
        if len(fitting) > 1:
            raise _Refused(403, "several PBXs could have sent this: post to /reports/{pbx}", "path")
        return readings[fitting[0].pbx]
