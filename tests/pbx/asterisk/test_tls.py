"""The manager interface over TLS, with a certificate that Asterisk has signed itself."""

import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.asterisk import Asterisk
from dispatcher.pbx.errors import PbxRefused
from tests.pbx.asterisk.ami import ScriptedManager, usual
from tests.pbx.asterisk.samples import sample
from tests.pbx.asterisk.test_requests import ORDER

CERTIFICATE = Path(__file__).parent.parent / "yeastar" / "self_signed.pem"


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with ScriptedManager(usual, tls=tls) as manager:
        driver = Asterisk(manager.account(tls=True), lambda *_: None)
        with pytest.raises(PbxRefused) as refused:
            driver.login()
        driver.close()

    assert refused.value.reason is Reason.PBX_AWAY
    assert "certificate" in refused.value.detail.lower()
    assert manager.actions == [], "not even the user's name was sent"


def test_many_threads_ask_at_once_while_answers_come(tls: ssl.SSLContext) -> None:
    with ScriptedManager(usual, tls=tls) as manager:
        driver = Asterisk(manager.account(tls=True, verify_tls=False), lambda *_: None)
        session = driver.login()
        done: list[str] = []

        def dial(thread: int) -> None:
            for place in range(40):
                done.append(driver.dial(session, replace(ORDER, callid=f"{thread}-{place}")).callid)

        threads = [threading.Thread(target=dial, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30.0)
        driver.close()

    assert len(done) == len(set(done)) == 320
    assert manager.connections == 1


def test_events_over_tls(tls: ssl.SSLContext) -> None:
    call = sample("22", "ok-dtmf1")
    with ScriptedManager(usual, tls=tls) as manager:
        account = manager.account(tls=True, verify_tls=False, dials={"provider": "PJSIP/{number}@trunk"})
        opened = Asterisk(account, lambda *_: None).open_reports("")
        opened.read()
        manager.tell(*call.messages)
        bodies: list[bytes] = []
        for _ in range(10):
            bodies += opened.read().bodies
            if len(bodies) == len(call.bodies()):
                break
        opened.close()

    assert bodies == call.bodies()
