"""The way back of reports: where PBXs are told to post, and whether that leads here."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from dispatcher.cli.doctor.calls import ago, last_report, missing_reports
from dispatcher.cli.doctor.findings import Finding, fail, ok
from dispatcher.config import PbxSettings, Settings
from dispatcher.receiver.senders import sender_of
from dispatcher.runtime.running import CanNotListen, bound
from dispatcher.store.engine import Store

_CHECK = "way back of reports"
_ENOUGH = 5.0


def check_way_back(settings: Settings) -> Iterator[Finding]:
    """Whether what PBXs are told leads to the receiver, or would once there is one."""
    told = settings.reports.advertised()
    try:
        listener = bound(settings.reports.listen)
    except CanNotListen:
        listener = None
    if listener is None:
        yield _look(told, "the receiver answers at it")
        return
    with _answering(listener):
        yield _look(told, "it leads here, but no receiver runs: the doctor answered for it")


@contextmanager
def _answering(listener: socket.socket) -> Iterator[None]:
    """Answer ``/healthz`` as the receiver would, while none runs."""
    server = HTTPServer(("", 0), _Healthy, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Healthy(BaseHTTPRequestHandler):
    """The doctor's stand-in for the receiver."""

    def do_GET(self) -> None:
        """Answer as the receiver's ``/healthz`` does."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def _look(told: str, meaning: str) -> Finding:
    mend = (
        "Write in reports.advertise this machine's address as the PBX sees it, and let TCP through to "
        "reports.listen (port forwarding, firewall)"
    )
    try:
        answer = httpx.get(f"{told}/healthz", timeout=_ENOUGH, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return fail(_CHECK, f"{told}: {str(error) or type(error).__name__}", mend)
    if answer.status_code != 200 or answer.text != "ok":
        detail = f"{told} answers {answer.status_code}, and not as the receiver does"
        return fail(_CHECK, detail, mend)
    return ok(_CHECK, f"{told}: {meaning}")


def check_reports_of(settings: Settings, pbx: PbxSettings, store: Store) -> Finding:
    """Where one PBX is told to post, whether it may, and when it last did."""
    check = f"reports of {pbx.name}"
    told = f"told to post to {settings.reports.advertised()}/reports/{pbx.name}"
    if not sender_of(pbx.name, pbx.address, pbx.serial, pbx.report_sources).networks:
        mend = "Correct url, or name the PBX's address in report_sources"
        return fail(check, f"{told}, but its own address can't be found: all are refused", mend)
    with store.read() as tx:
        last, missing = last_report(tx, pbx.name), missing_reports(tx, pbx.name)
    if missing:
        mend = (
            "Check reports.advertise and the firewall; another application that has logged in at the PBX "
            "since then gets its reports in our place"
        )
        return fail(check, f"{told}, but {missing}", mend)
    if last is None:
        return ok(check, f"{told}; none has come yet")
    return ok(check, f"{told}; the last came {ago(last)} ago")
