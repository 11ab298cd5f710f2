"""Every error code of the manual, and those that are in no manual."""

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.yeastar_k2.errnos import ERRNOS
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar_k2.conftest import ORDER, SESSION, MakeDriver

# The chapter 'Error codes' of the K2 API v2.0.0 manual; 10026 to 10030 are the S-Series'.
MANUAL = [
    *range(10002, 10084), *range(10088, 10093), *range(10100, 10108), 10110, 10112, 10113,
    *range(10115, 10147), 10148, 10149, 10151, 10152, 10153,
    *range(20000, 20023),
    *range(30001, 30004),
]  # fmt: skip

WHAT_IT_MEANS = {
    10003: Reason.UNSUPPORTED,
    10005: Reason.CALL_OVER,
    10006: Reason.EXTENSION_UNKNOWN,
    10007: Reason.CALL_OVER,
    10008: Reason.EXTENSION_NOT_IDLE,
    10011: Reason.INVALID_NUMBER,
    10012: Reason.IVR_UNKNOWN,
    10013: Reason.QUEUE_UNKNOWN,
    10014: Reason.RING_GROUP_UNKNOWN,
    10023: Reason.PROMPT_UNKNOWN,
    10024: Reason.NOT_PERMITTED,
    10031: Reason.INVALID_NUMBER,
    10062: Reason.PBX_CONFIG,
    10101: Reason.BAD_REQUEST,
    10103: Reason.CALL_OVER,
    10104: Reason.BAD_REQUEST,
    20002: Reason.LOCKED_OUT,
    20003: Reason.CREDENTIALS_REFUSED,
    20004: Reason.TOKEN_INVALID,
    20006: Reason.TOKEN_INVALID,
    20010: Reason.PBX_FAULT,
    20021: Reason.NOTHING_FOUND,
    20022: Reason.TOKEN_INVALID,
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
    assert sorted(ERRNOS) == MANUAL


@pytest.mark.parametrize("errno", ERRNOS)
def test_every_errno(driver_for: MakeDriver, observed: list[tuple[str, str]], errno: int) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert error.reason is ERRNOS[errno].reason
    assert error.reason is WHAT_IT_MEANS.get(errno, error.reason)
    assert isinstance(error, PbxInDoubt if errno in IN_DOUBT else PbxRefused)
    assert (meaning(error.reason).nature is Nature.IN_DOUBT) == (errno in IN_DOUBT)
    assert f"errno {errno}" in error.detail
    assert observed == [("dial", "in_doubt" if errno in IN_DOUBT else "refused")]


@pytest.mark.parametrize("errno", [10001, 10084, 10099, 10147, 19999])
def test_an_unknown_errno_of_the_request_is_a_refusal(driver_for: MakeDriver, errno: int) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert isinstance(error, PbxRefused)
    assert error.reason is Reason.FAILED


@pytest.mark.parametrize("errno", ["0", "20099", "-1", "x", ""])
def test_any_other_unknown_errno_is_in_doubt(driver_for: MakeDriver, errno: str) -> None:
    error = dial_failing_with(driver_for, f'"{errno}"')

    assert isinstance(error, PbxInDoubt)
    assert error.reason is Reason.PBX_FAULT
