"""PBXs come with certificates that they signed themselves: refused, unless the account says otherwise."""

import ssl
from pathlib import Path

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxRefused
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.conftest import ORDER, SESSION, MakeDriver

# A throw-away key for the name pbx.test, made for this test alone.
CERTIFICATE = Path(__file__).parent / "self_signed.pem"
CALLID = answer(b'{"status":"Success","callid":"1.2"}')


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_a_self_signed_certificate_is_refused(driver_for: MakeDriver, tls: ssl.SSLContext) -> None:
    with RawPbx(CALLID, tls) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_AWAY
    assert "CERTIFICATE_VERIFY_FAILED" in refusal.value.detail
    assert pbx.requests == []


def test_unless_certificates_are_not_verified(driver_for: MakeDriver, tls: ssl.SSLContext) -> None:
    with RawPbx(CALLID, tls) as pbx:
        driver = driver_for(pbx.url, verify_tls=False)
        assert [driver.dial(SESSION, ORDER).callid for _ in range(2)] == ["1.2", "1.2"]

    assert (len(pbx.requests), pbx.connections) == (2, 1)
