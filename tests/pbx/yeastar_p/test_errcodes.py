"""Every error code of the guide, and those that are in no guide."""

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.yeastar_p.errcodes import ERRCODES
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.newer import ORDER
from tests.pbx.yeastar_p.conftest import SESSION, MakeDriver, refusal

OF_REQUESTS = {
    -2: Reason.PBX_FAULT,
    -1: Reason.PBX_FAULT,
    1: Reason.PBX_FAULT,
    2: Reason.PBX_FAULT,
    10001: Reason.UNSUPPORTED,
    10003: Reason.UNSUPPORTED,
    10004: Reason.TOKEN_INVALID,
    10005: Reason.PBX_CONFIG,
    40001: Reason.BAD_REQUEST,
    40002: Reason.BAD_REQUEST,
    40003: Reason.BAD_REQUEST,
    60001: Reason.NOTHING_FOUND,
    60002: Reason.TOO_FREQUENT,
    70004: Reason.LOCKED_OUT,
    70082: Reason.TOO_FREQUENT,
    70084: Reason.PBX_CONFIG,
}


def test_the_guides_list_is_whole() -> None:
    assert {code: errno.reason for code, errno in ERRCODES.items()} == OF_REQUESTS
    assert all(errno.meaning for errno in ERRCODES.values())


@pytest.mark.parametrize("code", OF_REQUESTS)
def test_a_dial_is_in_doubt_where_the_fault_is_within_the_pbx(
    driver_for: MakeDriver, observed: Observed, code: int
) -> None:
    with RawPbx(answer(refusal(code))) as pbx, pytest.raises(PbxError) as error:
        driver_for(pbx.url).dial(SESSION, ORDER)

    # What a dial names and the PBX does not find, it will not find later.
    expected = Reason.BAD_REQUEST if code == 60001 else OF_REQUESTS[code]
    assert error.value.reason is expected
    assert isinstance(error.value, PbxInDoubt) is (meaning(expected).nature is Nature.IN_DOUBT)
    assert str(code) in error.value.detail
    assert len(pbx.requests) == 1
    assert observed == [("dial", "in_doubt" if isinstance(error.value, PbxInDoubt) else "refused")]


@pytest.mark.parametrize("code", [3, -3, 10002, 20003, 50000, 60003, 79999, 999999999])
def test_a_code_that_is_not_listed_is_in_doubt(driver_for: MakeDriver, code: int) -> None:
    with RawPbx(answer(refusal(code))) as pbx, pytest.raises(PbxInDoubt) as doubt:
        driver_for(pbx.url).dial(SESSION, ORDER)

    assert doubt.value.reason is Reason.PBX_FAULT
    assert "does not list" in doubt.value.detail


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (10005, Reason.CREDENTIALS_REFUSED),
        (60001, Reason.CREDENTIALS_REFUSED),
        (70084, Reason.CREDENTIALS_REFUSED),
        (70087, Reason.CREDENTIALS_REFUSED),
        (70004, Reason.LOCKED_OUT),
        (60002, Reason.TOO_FREQUENT),
        (70082, Reason.TOO_FREQUENT),
        (10001, Reason.UNSUPPORTED),
        (-2, Reason.PBX_FAULT),
        (50000, Reason.PBX_FAULT),
    ],
)
def test_whatever_may_mean_a_wrong_secret_is_taken_for_it_since_five_lock_us_out(
    driver_for: MakeDriver, code: int, reason: Reason
) -> None:
    with RawPbx(answer(refusal(code))) as pbx:
        driver = driver_for(pbx.url)
        for request_it in (driver.login, lambda: driver.open_reports("")):
            with pytest.raises(PbxError) as error:
                request_it()
            assert error.value.reason is reason
            assert isinstance(error.value, PbxRefused) is (reason is not Reason.PBX_FAULT)

    assert len(pbx.requests) == 2
