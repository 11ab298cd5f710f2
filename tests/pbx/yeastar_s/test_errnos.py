"""Every error code of the manual, and those that are in no manual."""

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.yeastar_s.errnos import ERRNOS
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar_s.conftest import ORDER, SESSION, MakeDriver

# The chapter 'Error codes' of the S-Series API v1.1.0 manual; 30002 is missing there.
MANUAL = [
    10002, 10003, 10004, *range(10006, 10034),
    *range(20000, 20022),
    30001, 30003,
]  # fmt: skip

WHAT_IT_MEANS = {
    10003: Reason.UNSUPPORTED,
    10004: Reason.BAD_REQUEST,
    10006: Reason.EXTENSION_UNKNOWN,
    10007: Reason.CALL_OVER,
    10008: Reason.EXTENSION_NOT_IDLE,
    10011: Reason.INVALID_NUMBER,
    10012: Reason.IVR_UNKNOWN,
    10013: Reason.QUEUE_UNKNOWN,
    10014: Reason.RING_GROUP_UNKNOWN,
    10015: Reason.NOT_CONNECTED,
    10023: Reason.PROMPT_UNKNOWN,
    10024: Reason.NOT_PERMITTED,
    10025: Reason.TOO_FREQUENT,
    10027: Reason.CONGESTION,
    10028: Reason.INVALID_NUMBER,
    10031: Reason.INVALID_NUMBER,
    20002: Reason.LOCKED_OUT,
    20003: Reason.CREDENTIALS_REFUSED,
    20004: Reason.TOKEN_INVALID,
    20005: Reason.TOKEN_INVALID,
    20006: Reason.TOKEN_INVALID,
    20010: Reason.PBX_FAULT,
    20021: Reason.NOTHING_FOUND,
    30001: Reason.PBX_FAULT,
    30002: Reason.PBX_FAULT,
    30003: Reason.PBX_FAULT,
}
IN_DOUBT = {20010, 30001, 30002, 30003}


def dial_failing_with(driver_for: MakeDriver, errno: object) -> PbxError:
    body = f'{{"status": "Failed", "errno": {errno}}}'.encode()
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxError) as error:
            driver_for(pbx.url).dial(SESSION, ORDER)
    assert len(pbx.requests) == 1
    return error.value


def test_the_table_is_the_manuals() -> None:
    assert sorted(ERRNOS) == sorted([*MANUAL, 30002])


@pytest.mark.parametrize("errno", ERRNOS)
def test_every_errno(driver_for: MakeDriver, observed: list[tuple[str, str]], errno: int) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert error.reason is ERRNOS[errno].reason
    assert error.reason is WHAT_IT_MEANS.get(errno, error.reason)
    assert isinstance(error, PbxInDoubt if errno in IN_DOUBT else PbxRefused)
    assert (meaning(error.reason).nature is Nature.IN_DOUBT) == (errno in IN_DOUBT)
    assert f"errno {errno}" in error.detail
    assert observed == [("dial", "in_doubt" if errno in IN_DOUBT else "refused")]


def test_an_errno_may_be_a_number(driver_for: MakeDriver) -> None:
    assert dial_failing_with(driver_for, 10012).reason is Reason.IVR_UNKNOWN


@pytest.mark.parametrize("errno", [10001, 10005, 10099, 10116, 19999])
def test_an_unknown_errno_of_the_request_is_a_refusal(driver_for: MakeDriver, errno: int) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert isinstance(error, PbxRefused)
    assert error.reason is Reason.FAILED


@pytest.mark.parametrize("errno", ["0", "7", "20099", "30099", "40002", "-1", "x", "", "9" * 40])
def test_any_other_unknown_errno_is_in_doubt(driver_for: MakeDriver, errno: str) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert isinstance(error, PbxInDoubt)
    assert error.reason is Reason.PBX_FAULT
