"""Why a call was not answered: by its SIP status, else by Q.850's cause, else by what was never heard."""

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.asterisk import causes
from dispatcher.pbx.asterisk.endings import Ending


def ending(state: str = "Down", cause: int = 0, source: str = "", tech: str = "") -> Ending:
    return Ending.of(f"{state}|{cause}|||0|{source}|{tech}")


@pytest.mark.parametrize("table", [causes.SIP, causes.Q850])
def test_no_cause_leaves_it_open_whether_there_was_a_call(table: dict[int, Reason]) -> None:
    assert {meaning(reason).nature for reason in table.values()} <= {Nature.RETRYABLE, Nature.PERMANENT}


def test_every_final_status_means_something() -> None:
    for status in range(300, 700):
        told = ending(cause=19, source="PJSIP/trunk-1", tech=f"SIP {status} Whatever it says")
        assert told.reason is causes.SIP.get(status, Reason.FAILED), status


def test_every_cause_that_the_far_end_gives_means_something() -> None:
    for cause in range(1, 128):
        told = ending(cause=cause, source="DAHDI/1-1")
        assert told.reason is causes.Q850.get(cause, Reason.FAILED), cause


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        # The same cause, and five different ends.
        (ending("Ringing", 19, "", "SIP 180 Ringing"), Reason.NO_ANSWER),
        (ending("Down", 19, "", "SIP 183 Session Progress"), Reason.NO_ANSWER),
        (ending("Down", 19, "PJSIP/t-1", "SIP 480 Temporarily Unavailable"), Reason.NO_ANSWER),
        (ending("Down", 19, "", ""), Reason.UNREACHABLE),
        (ending("Ringing", 19, "DAHDI/1-1", ""), Reason.NO_ANSWER),
        # Without SIP the cause decides, if the far end gave one.
        (ending("Ringing", 17, "DAHDI/1-1"), Reason.BUSY),
        (ending("Down", 34, "DAHDI/1-1"), Reason.CONGESTION),
        (ending("Ringing", 0, ""), Reason.NO_ANSWER),
    ],
)
def test_a_cause_alone_does_not_tell(told: Ending, reason: Reason) -> None:
    assert told.reason is reason


@pytest.mark.parametrize("value", ["", "Up", "Up|16|1|1|7|x", "nothing at all"])
def test_what_is_no_end_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="too few"):
        Ending.of(value)


def test_an_end_with_holes_in_it_is_read_as_far_as_it_goes() -> None:
    told = Ending.of("Up| |x| 12# |many|source|tech with | in it")
    assert (told.is_answered, told.cause, told.is_heard, told.keys, told.seconds, told.tech) == (
        True,
        0,
        False,
        "12#",
        0,
        "tech with | in it",
    )
