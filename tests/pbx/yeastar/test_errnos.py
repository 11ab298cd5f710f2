"""Every error code of the manuals, and those that are in no manual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.yeastar.client import Errno
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_k2.errnos import ERRNOS as ERRNOS_K2
from dispatcher.pbx.yeastar_s import YeastarS
from dispatcher.pbx.yeastar_s.errnos import ERRNOS as ERRNOS_S
from tests.pbx.drivers import Drivers, Observed, account_at
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.conftest import ORDER, SESSION, Yeastar

IN_BOTH = {
    10003: Reason.UNSUPPORTED,
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
    20002: Reason.LOCKED_OUT,
    20003: Reason.CREDENTIALS_REFUSED,
    20004: Reason.TOKEN_INVALID,
    20006: Reason.TOKEN_INVALID,
    20010: Reason.PBX_FAULT,
    20021: Reason.NOTHING_FOUND,
    30001: Reason.PBX_FAULT,
    30002: Reason.PBX_FAULT,
    30003: Reason.PBX_FAULT,
}
IN_DOUBT = {20010, 30001, 30002, 30003}


# 10026 to 10030 are the S-Series'.
LISTED_IN_K2 = [
    *range(10002, 10084), *range(10088, 10093), *range(10100, 10108), 10110, 10112, 10113,
    *range(10115, 10147), 10148, 10149, 10151, 10152, 10153,
    *range(20000, 20023),
    *range(30001, 30004),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manual:
    """The chapter 'Error codes' of one version's manual, and the driver that was written after it."""

    driver: type[Yeastar]
    errnos: Mapping[int, Errno]
    listed: Sequence[int]
    means: Mapping[int, Reason]
    unlisted: Sequence[int]
    """Errnos in the range of requests that the manual lacks."""


MANUALS = (
    Manual(
        YeastarS,
        ERRNOS_S,
        # The S-Series API v1.1.0 manual itself lacks 30002.
        [10002, 10003, 10004, *range(10006, 10034), *range(20000, 20022), *range(30001, 30004)],
        {
            10004: Reason.BAD_REQUEST,
            10015: Reason.NOT_CONNECTED,
            10025: Reason.TOO_FREQUENT,
            10027: Reason.CONGESTION,
            10028: Reason.INVALID_NUMBER,
            20005: Reason.TOKEN_INVALID,
        },
        [10001, 10005, 10099, 10116, 19999],
    ),
    Manual(
        YeastarK2,
        ERRNOS_K2,
        LISTED_IN_K2,
        {
            10005: Reason.CALL_OVER,
            10062: Reason.PBX_CONFIG,
            10101: Reason.BAD_REQUEST,
            10103: Reason.CALL_OVER,
            10104: Reason.BAD_REQUEST,
            20022: Reason.TOKEN_INVALID,
        },
        [10001, 10084, 10099, 10147, 19999],
    ),
)


@pytest.fixture(params=MANUALS, ids=lambda manual: manual.driver.family)
def manual(request: pytest.FixtureRequest) -> Manual:
    found: Manual = request.param
    return found


def of_each(errnos: str) -> pytest.MarkDecorator:
    """A case for every errno that each manual has in this field."""
    return pytest.mark.parametrize(
        ("manual", "errno"),
        [
            pytest.param(manual, errno, id=f"{manual.driver.family}-{errno}")
            for manual in MANUALS
            for errno in getattr(manual, errnos)
        ],
    )


def dial_failing_with(drivers: Drivers, driver: type[Yeastar], errno: object) -> PbxError:
    body = f'{{"status": "Failed", "errno": {errno}}}'.encode()
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxError) as error:
            drivers.make(driver, account_at(pbx.url, family=driver.family)).dial(SESSION, ORDER)
    assert len(pbx.requests) == 1
    return error.value


def test_the_table_is_the_manuals(manual: Manual) -> None:
    assert sorted(manual.errnos) == list(manual.listed)
    assert set(manual.means).isdisjoint(IN_BOTH)


@of_each("listed")
def test_every_errno(drivers: Drivers, observed: Observed, manual: Manual, errno: int) -> None:
    error = dial_failing_with(drivers, manual.driver, f'"{errno}"')

    assert error.reason is manual.errnos[errno].reason
    assert error.reason is {**IN_BOTH, **manual.means}.get(errno, error.reason)
    assert isinstance(error, PbxInDoubt if errno in IN_DOUBT else PbxRefused)
    assert (meaning(error.reason).nature is Nature.IN_DOUBT) == (errno in IN_DOUBT)
    assert f"errno {errno}" in error.detail
    assert observed == [("dial", "in_doubt" if errno in IN_DOUBT else "refused")]


def test_an_errno_may_be_a_number(drivers: Drivers, version: type[Yeastar]) -> None:
    assert dial_failing_with(drivers, version, 10012).reason is Reason.IVR_UNKNOWN


@of_each("unlisted")
def test_an_unknown_errno_of_the_request_is_a_refusal(drivers: Drivers, manual: Manual, errno: int) -> None:
    error = dial_failing_with(drivers, manual.driver, f'"{errno}"')

    assert isinstance(error, PbxRefused)
    assert error.reason is Reason.FAILED


@pytest.mark.parametrize("errno", ["0", "7", "20099", "30099", "40002", "-1", "x", "", "9" * 40])
def test_any_other_unknown_errno_is_in_doubt(drivers: Drivers, version: type[Yeastar], errno: str) -> None:
    error = dial_failing_with(drivers, version, f'"{errno}"')

    assert isinstance(error, PbxInDoubt)
    assert error.reason is Reason.PBX_FAULT
