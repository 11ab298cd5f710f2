"""How dial requests are answered: the faults of requests and responses, the same in every family."""

import time
from collections.abc import Callable
from typing import Protocol

from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.faults import Fault
from dispatcher.simulator.records import DialRecord


class Answerable(Protocol):
    """A dial request, and the way to answer it."""

    def reply(self, body: bytes, status: int = 200, content_type: str = "application/json") -> None:
        """Answer it."""

    def cut(self) -> None:
        """Drop its connection without an answer."""


class DialAnswers:
    """Answers dial requests, with whatever fault strikes them, and tells the judge.

    `internal_error` is the code and the body of the family's answer when something inside the PBX fails.
    """

    def __init__(
        self, exchange: Exchange, restart: Callable[[float], None], internal_error: tuple[str, bytes]
    ) -> None:
        self._exchange = exchange
        self._restart = restart
        self._internal_error = internal_error

    def serve(
        self,
        endpoint: str,
        number: str,
        request: Answerable,
        place: Callable[[], str],
        success: Callable[[str], bytes],
    ) -> None:
        """Place a call with `place`, which returns its callid, and answer `success(callid)` at once.

        A `Refusal` of `place` is noted and raised again.
        """
        record = self.received(endpoint, number)
        if self.struck(record, request):
            return
        try:
            callid = place()
        except Refusal as refusal:
            self.refused(record, refusal.code)
            raise
        self.answer(record, callid, request, success(callid))

    def received(self, endpoint: str, number: str) -> DialRecord:
        """A dial request has come in."""
        return DialRecord(endpoint, number, time.monotonic(), time.time())

    def struck(self, record: DialRecord, request: Answerable) -> bool:
        """Whether a fault answered the request, or cut it, before any call was placed."""
        dice = self._exchange.dice
        if dice.strikes(Fault.DIAL_LOST_BEFORE):
            self._note(record, "lost_before")
            request.cut()
        elif dice.strikes(Fault.DIAL_500):
            self._note(record, "500")
            request.reply(b"<html>500 Internal Server Error</html>", 500, "text/html")
        elif dice.strikes(Fault.ERROR_30001):
            record.errno, body = self._internal_error
            self._note(record, "ok")
            request.reply(body)
        else:
            return False
        return True

    def refused(self, record: DialRecord, code: str) -> None:
        """The request was refused: no call."""
        record.errno = code
        self._note(record, "ok")

    def answer(
        self, record: DialRecord, callid: str, request: Answerable, body: bytes, status: int = 200
    ) -> None:
        """The call is placed: answer its request, unless a fault of the response strikes."""
        record.callid = callid
        exchange, dice = self._exchange, self._exchange.dice
        if dice.strikes(Fault.TRUNK_DOWN):
            self._take_down(exchange.judge.call(callid).trunk)
        if dice.strikes(Fault.DIAL_LOST_AFTER):
            self._note(record, "lost_after")
            request.cut()
        elif dice.strikes(Fault.DIAL_502):
            self._note(record, "502")
            request.reply(b"<html>502 Bad Gateway</html>", 502, "text/html")
        elif dice.strikes(Fault.EARLY_REPORTS):
            self._note(record, "early_reports")
            exchange.loop.call_later(dice.settings.early_seconds, request.reply, body, status)
        elif dice.strikes(Fault.SLOW_RESPONSE):
            self._note(record, "slow")
            exchange.loop.call_later(dice.settings.slow_seconds, request.reply, body, status)
        else:
            self._note(record, "ok")
            request.reply(body, status)
        if dice.strikes(Fault.RESTART):
            exchange.loop.call_soon(self._restart, dice.settings.restart_seconds)

    def _take_down(self, trunk: str) -> None:
        exchange = self._exchange
        if trunk:
            exchange.set_trunk(trunk, down=True)
            exchange.loop.call_later(
                exchange.dice.settings.trunk_down_seconds, lambda: exchange.set_trunk(trunk, down=False)
            )

    def _note(self, record: DialRecord, response: str) -> None:
        record.response = response
        self._exchange.judge.dial(record)
