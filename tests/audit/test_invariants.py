"""Each invariant is broken by hand in the database, found at the second look, and mended where it can be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from dispatcher.audit import INVARIANTS, Auditor
from dispatcher.domain.vocabulary import Phase
from dispatcher.store import arrivals, audits, streams
from dispatcher.store.tables import Alarm, Call, Campaign, Event, Trunk, table
from dispatcher.upkeep import CountWriter
from tests.cores import set_attempt
from tests.scripted import NUMBER, TRUNK, Office, attempts, calls, posted, raw_reports, ringing, whole_call
from tests.store import rows

LATER = "31612349999"
NOT_LATER = calls.c.number != f"+{LATER}"
alarms, campaigns, trunks = table(Alarm), table(Campaign), table(Trunk)


def change(office: Office, of: Any, *conditions: Any, **values: Any) -> None:
    """Change rows behind everybody's back."""
    with office.core.store.write() as tx:
        tx.execute(update(of).where(*conditions).values(**values))


def findings(office: Office) -> dict[str, int]:
    """What the last look found, those that are not zero."""
    with office.core.store.read() as tx:
        return {name: found for name, found in audits.counts(tx).items() if found}


def told(office: Office, name: str) -> list[str]:
    """The causes of the events of this name."""
    return [row.cause for row in office.rows(Event) if row.name == name]


def up(office: Office, *numbers: str) -> list[str]:
    """Attempts of a campaign that are up; another call of it is due tomorrow."""
    office.campaign(*(numbers or (NUMBER,)), LATER)
    change(office, calls, calls.c.number == f"+{LATER}", due_at=office.clock() + timedelta(days=1))
    return office.dialled()


def active_alone(office: Office) -> None:
    office.campaign(NUMBER)
    change(office, calls, state="active")


def attempt_that_ended_by_itself(office: Office) -> None:
    [attempt] = up(office)
    now = office.clock()
    ended = {"phase": "ended", "outcome": "busy", "cause": "busy", "failed_at": now, "freed_at": now}
    set_attempt(office.core, attempt, channel_held=False, **ended)


def queued_while_dialled(office: Office) -> None:
    up(office)
    change(office, calls, NOT_LATER, state="queued")


def failed_while_dialled(office: Office) -> None:
    up(office)
    change(office, calls, NOT_LATER, state="failed", outcome="busy")


def delivered_before_its_redial_was_sent(office: Office) -> None:
    office.alarm(NUMBER)
    office.claim()
    change(office, calls, state="delivered", outcome="delivered")
    change(office, alarms, status="acknowledged")


def never_sent(office: Office) -> None:
    office.campaign(NUMBER)
    office.claim()
    office.clock.move(seconds=121)


def never_answered(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    set_attempt(office.core, attempt, phase=Phase.DIALING, dialed_at=office.clock())
    office.clock.move(seconds=91)


def doubted_for_ever(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    now = office.clock()
    set_attempt(office.core, attempt, phase=Phase.IN_DOUBT, dialed_at=now, doubted_at=now)
    office.clock.move(seconds=461)


def never_ended(office: Office) -> None:
    [attempt] = up(office)
    set_attempt(office.core, attempt, released_at=office.clock())
    office.clock.move(seconds=301)


def never_hung_up(office: Office) -> None:
    [attempt] = up(office)
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    office.clock.move(seconds=301)


def held_by_an_ended_attempt(office: Office) -> None:
    [attempt] = up(office)
    office.take(*whole_call(office.attempt(attempt).callid))
    set_attempt(office.core, attempt, channel_held=True)


def held_for_ever(office: Office) -> None:
    up(office)
    office.clock.move(seconds=3601)


def alarm_with_nothing_planned(office: Office) -> None:
    office.alarm(NUMBER)
    change(office, calls, state="failed", outcome="busy")


def alarm_without_calls(office: Office) -> None:
    office.alarm()


def alarm_that_was_acknowledged(office: Office) -> None:
    office.alarm(NUMBER)
    change(office, calls, state="delivered", outcome="delivered", name="Duty engineer")


def campaign_with_nothing_left(office: Office) -> None:
    office.campaign(NUMBER)
    change(office, calls, state="delivered", outcome="delivered")


def campaign_past_its_time(office: Office) -> None:
    office.campaign(NUMBER, expires_at=office.clock() + timedelta(seconds=30))
    change(office, calls, due_at=office.clock() + timedelta(days=1))
    office.clock.move(seconds=91)


def campaign_on_a_trunk_that_is_gone(office: Office) -> None:
    office.campaign(NUMBER, trunks=["hq/old"])


def report_of_a_call_that_never_came(office: Office) -> None:
    with office.core.store.write() as tx:
        body = posted("PlayPromptEnd", "1.7").decode()
        rows.add(tx, "reports", disposition="pending", body=body, callid="1.7", attempt_id=None,
                 received_at=office.clock())  # fmt: skip
    office.clock.move(seconds=76)


def report_of_a_pbx_that_is_gone(office: Office) -> None:
    report_of_a_call_that_never_came(office)
    change(office, raw_reports, pbx="old")


def reports_that_nobody_entered(office: Office) -> None:
    with office.core.store.write() as tx:
        arrivals.keep(tx, office.clock(), [arrivals.Body("hq", office.clock(), ringing("1.7").decode())])
    office.clock.move(seconds=76)


def forgotten_alarm(office: Office) -> None:
    office.alarm(NUMBER, "1002")
    office.clock.move(seconds=61)


def forgotten_campaign(office: Office) -> None:
    office.campaign(NUMBER)
    office.clock.move(seconds=61)


def forgotten_redial(office: Office) -> None:
    office.campaign(NUMBER, max_concurrent=1, windows=[{"days": ["sat"], "from": "09:00", "to": "20:00"}],
                    timezone="Europe/Amsterdam")  # fmt: skip
    change(office, calls, attempts_made=1)
    with office.core.store.write() as tx:
        tx.execute(insert(attempts).values(ended_attempt(office)))
    office.clock.move(seconds=61)


def ended_attempt(office: Office, **columns: Any) -> dict[str, Any]:
    [call] = office.rows(Call)
    plain = {"call_id": call.id, "phase": "ended", "outcome": "busy", "channel_held": False, "callid": None}
    return rows.values("attempts", **plain | columns)


def too_many_on_a_trunk(office: Office) -> None:
    up(office, "31612340001", "31612340002")
    change(office, trunks, trunks.c.name == TRUNK, channels=1, reserved_for_alarms=0)


def attempts_with_a_gap(office: Office) -> None:
    [attempt] = up(office)
    set_attempt(office.core, attempt, ordinal=2)
    change(office, calls, NOT_LATER, attempts_made=2)


def more_attempts_than_counted(office: Office) -> None:
    office.campaign(NUMBER)
    with office.core.store.write() as tx:
        tx.execute(insert(attempts).values(ended_attempt(office, ordinal=1)))


@dataclass(frozen=True)
class Broken:
    """One way of breaking an invariant by hand."""

    name: str
    by: Callable[[Office], None]
    number: int = 1
    mended: int = 0


BROKEN = (
    Broken("active_call_without_attempt", active_alone, mended=1),
    Broken("active_call_without_attempt", attempt_that_ended_by_itself, mended=1),
    Broken("queued_call_with_attempt", queued_while_dialled, mended=1),
    Broken("ended_call_still_dialled", failed_while_dialled, mended=1),
    Broken("ended_call_still_dialled", delivered_before_its_redial_was_sent, mended=1),
    Broken("attempt_past_its_step", never_sent),
    Broken("attempt_past_its_step", never_answered),
    Broken("attempt_past_its_step", doubted_for_ever),
    Broken("attempt_past_its_step", never_ended),
    Broken("attempt_past_its_step", never_hung_up),
    Broken("channel_without_owner", held_by_an_ended_attempt, mended=1),
    Broken("channel_overdue", held_for_ever),
    Broken("alarm_without_plan", alarm_with_nothing_planned, mended=1),
    Broken("alarm_without_plan", alarm_without_calls, mended=1),
    Broken("alarm_without_plan", alarm_that_was_acknowledged, mended=1),
    Broken("campaign_without_end", campaign_with_nothing_left, mended=1),
    Broken("campaign_without_end", campaign_past_its_time, mended=1),
    Broken("campaign_without_trunk", campaign_on_a_trunk_that_is_gone),
    Broken("report_unlinked", report_of_a_call_that_never_came, mended=1),
    Broken("report_unlinked", report_of_a_pbx_that_is_gone, mended=1),
    Broken("report_not_entered", reports_that_nobody_entered, mended=1),
    Broken("due_call_not_dialled", forgotten_alarm, number=2),
    Broken("due_call_not_dialled", forgotten_campaign),
    Broken("due_call_not_dialled", forgotten_redial),
    Broken("trunk_over_limit", too_many_on_a_trunk),
    Broken("attempts_miscounted", attempts_with_a_gap),
    Broken("attempts_miscounted", more_attempts_than_counted, mended=1),
)


def expected(broken: Broken) -> dict[str, int]:
    return {broken.name: broken.number}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.name}-{one.by.__name__}")
def test_what_is_broken_is_found_at_the_second_look_and_mended_where_it_can_be(
    office: Office, auditor: Auditor, broken: Broken
) -> None:
    broken.by(office)

    assert not auditor.pass_once()
    assert findings(office) == {}, "one look alone proves nothing"
    assert not auditor.pass_once()
    assert findings(office) == expected(broken)

    CountWriter(office.core).write()
    mended = {(broken.name,): broken.mended} if broken.mended else {}
    assert office.counted("dispatcher_audit_mended_total") == mended
    assert auditor.pass_once() is bool(broken.mended)
    assert findings(office) == ({} if broken.mended else expected(broken))


def test_every_invariant_is_broken_here() -> None:
    assert {one.name for one in INVARIANTS} == {broken.name for broken in BROKEN}
    assert all(one.words and one.advice for one in INVARIANTS)


def test_all_is_clean_on_an_ordinary_day(office: Office, auditor: Auditor) -> None:
    """Calls in every state in which they are for a while, alarms that were heard, campaigns that wait."""
    office.alarm("31612340001", "1002", delivered_when="answered")
    change(office, calls, calls.c.number == "+31612340001", state="delivered", outcome="delivered")
    [one, *_] = up(office, "31612340002", "31612340003", "31612340004")
    set_attempt(office.core, office.dialled("")[0], phase=Phase.IN_DOUBT, doubted_at=office.clock())
    office.take(ringing(office.attempt(one).callid, "31612340002"))
    office.campaign("31612340005", status="paused")
    office.campaign("31612340006", windows=[{"days": ["mon"], "from": "09:00", "to": "10:00"}],
                    timezone="UTC")  # fmt: skip
    office.clock.move(seconds=61)

    assert auditor.pass_once()
    assert auditor.pass_once()
    assert findings(office) == {}


class TestMends:
    """What is right after a mend."""

    def mend(self, auditor: Auditor) -> None:
        auditor.pass_once()
        auditor.pass_once()

    def test_a_call_that_was_never_dialled_goes_back_to_its_queue(
        self, office: Office, auditor: Auditor
    ) -> None:
        active_alone(office)
        self.mend(auditor)
        [call] = office.rows(Call)
        assert (call.state, call.due_at) == ("queued", office.clock())
        assert told(office, "mended") == ["found by the auditor: it was active and nothing was under way"]
        assert len(office.dialled()) == 1

    def test_a_missed_decision_is_taken_and_its_attempt_counted_once(
        self, office: Office, auditor: Auditor
    ) -> None:
        attempt_that_ended_by_itself(office)
        self.mend(auditor)
        [call] = office.rows(Call, NOT_LATER)
        assert (call.state, call.outcome, call.attempts_spent) == ("queued", "busy", 1)
        assert office.counted("dispatcher_attempts_total") == {}

    @pytest.mark.parametrize(("kind", "state"), [("campaign", "failed"), ("alarm", "queued")])
    def test_a_lost_attempt_is_dialled_again_for_an_alarm_only(
        self, office: Office, auditor: Auditor, kind: str, state: str
    ) -> None:
        getattr(office, kind)(NUMBER)
        office.dialled()
        with office.core.store.write() as tx:
            tx.execute(delete(attempts))
        self.mend(auditor)
        assert [row.state for row in office.rows(Call)] == [state]

    def test_a_call_that_nobody_waits_for_is_not_dialled_again(
        self, office: Office, auditor: Auditor
    ) -> None:
        office.alarm(NUMBER)
        change(office, calls, state="active")
        change(office, alarms, status="resolved")
        self.mend(auditor)
        assert [row.state for row in office.rows(Call)] == ["cancelled"]

    def test_a_call_that_has_ended_is_hung_up(self, office: Office, auditor: Auditor) -> None:
        failed_while_dialled(office)
        self.mend(auditor)
        [attempt] = office.rows_of_attempts()
        assert office.messages.hung_up == [attempt.id]
        assert attempt.hung_up_at == office.clock()

    def test_a_redial_that_was_not_sent_gives_its_channel_back(
        self, office: Office, auditor: Auditor
    ) -> None:
        delivered_before_its_redial_was_sent(office)
        self.mend(auditor)
        [attempt] = office.rows_of_attempts()
        assert (attempt.phase, attempt.channel_held, attempt.outcome) == ("ended", False, "cancelled")
        assert [row.state for row in office.rows(Call)] == ["delivered"]

    def test_a_channel_is_given_back_with_the_reason(self, office: Office, auditor: Auditor) -> None:
        held_by_an_ended_attempt(office)
        self.mend(auditor)
        assert [row.channel_held for row in office.rows_of_attempts()] == [False]
        why = "found by the auditor: its attempt had ended and still held a channel"
        assert told(office, "channel freed") == [why]

    @pytest.mark.parametrize(
        ("by", "status"),
        [
            (alarm_with_nothing_planned, "exhausted"),
            (alarm_without_calls, "exhausted"),
            (alarm_that_was_acknowledged, "acknowledged"),
        ],
    )
    def test_an_alarm_comes_to_its_end(
        self, office: Office, auditor: Auditor, by: Callable[[Office], None], status: str
    ) -> None:
        by(office)
        self.mend(auditor)
        assert [row.status for row in office.rows(Alarm)] == [status]

    def test_a_campaign_past_its_time_ends_with_its_calls(self, office: Office, auditor: Auditor) -> None:
        campaign_past_its_time(office)
        self.mend(auditor)
        assert [row.status for row in office.rows(Campaign)] == ["finished"]
        assert [row.state for row in office.rows(Call)] == ["expired"]

    def test_reports_that_belong_to_nobody_are_orphans(self, office: Office, auditor: Auditor) -> None:
        report_of_a_pbx_that_is_gone(office)
        report_of_a_call_that_never_came(office)
        self.mend(auditor)
        assert office.dispositions() == ["orphan", "orphan"]

    def test_a_call_with_uncounted_attempts_can_be_claimed_again(
        self, office: Office, auditor: Auditor
    ) -> None:
        more_attempts_than_counted(office)
        self.mend(auditor)
        assert [row.attempts_made for row in office.rows(Call)] == [1]
        assert [office.attempt(key).ordinal for key in office.claim()] == [2]


class TestNoFinding:
    """What looks like a fault and is none."""

    def found(self, office: Office, auditor: Auditor) -> dict[str, int]:
        auditor.pass_once()
        auditor.pass_once()
        return findings(office)

    def test_a_limit_that_was_lowered_under_the_calls_that_are_up(
        self, office: Office, auditor: Auditor
    ) -> None:
        too_many_on_a_trunk(office)
        with office.core.store.write() as tx:
            rows.add(tx, "events", id=None, subject="trunk", subject_id=f"hq/{TRUNK}", name="changed",
                     at=office.clock())  # fmt: skip
        assert self.found(office, auditor) == {}

    @pytest.mark.parametrize(
        "columns",
        [
            {"paused": True},
            {"pbx_usable": False, "checked_at": True},
            {"channels": 0},
            {"blocked_until": True},
            {"next_slot_at": True, "calls_per_second": 1.0},
            {"last_claim_at": True},
        ],
        ids=lambda columns: next(iter(columns)),
    )
    def test_a_trunk_that_can_not_carry_it(
        self, office: Office, auditor: Auditor, columns: dict[str, Any]
    ) -> None:
        forgotten_campaign(office)
        later = office.clock() + timedelta(seconds=5)
        values = {name: later if name.endswith(("until", "_at")) else to for name, to in columns.items()}
        change(office, trunks, **values | ({"reserved_for_alarms": 0} if "channels" in columns else {}))
        assert self.found(office, auditor) == {}

    def test_a_pbx_that_is_away(self, office: Office, auditor: Auditor) -> None:
        forgotten_campaign(office)
        with office.core.store.write() as tx:
            rows.add(tx, "pbx_sessions", problem="pbx_away: no connection")
        assert self.found(office, auditor) == {}

    def test_a_pbx_whose_reports_are_not_read(self, office: Office, auditor: Auditor) -> None:
        forgotten_campaign(office)
        with office.core.store.write() as tx:
            streams.sync(tx, ["hq"])
        assert self.found(office, auditor) == {}

    def test_channels_that_are_kept_for_alarms(self, office: Office, auditor: Auditor) -> None:
        forgotten_campaign(office)
        change(office, trunks, trunks.c.name == TRUNK, reserved_for_alarms=30)
        assert self.found(office, auditor) == {}

    def test_a_callee_whose_window_is_closed(self, office: Office, auditor: Auditor) -> None:
        office.campaign(NUMBER, windows=[{"days": ["mon"], "from": "09:00", "to": "10:00"}],
                        timezone="recipient")  # fmt: skip
        change(office, calls, timezone="Europe/Amsterdam")
        office.clock.move(seconds=61)
        assert self.found(office, auditor) == {}

    def test_a_campaign_that_may_have_no_more_calls_at_once(self, office: Office, auditor: Auditor) -> None:
        office.campaign("31612340001", "31612340002", max_concurrent=1)
        assert len(office.dialled()) == 1
        office.clock.move(seconds=61)
        assert self.found(office, auditor) == {}

    def test_a_long_call_that_the_pbx_still_shows(self, office: Office, auditor: Auditor) -> None:
        held_for_ever(office)
        [attempt] = office.rows_of_attempts()
        shown = office.clock() - timedelta(seconds=30)
        with office.core.store.write() as tx:
            rows.add(tx, "doubts", attempt_id=attempt.id, shown_at=shown)
        assert self.found(office, auditor) == {}

    def test_a_call_of_another_pbx(self, office: Office, auditor: Auditor) -> None:
        forgotten_campaign(office)
        change(office, calls, pbx="branch")
        assert self.found(office, auditor) == {}

    def test_a_message_that_this_pbx_can_not_play(self, office: Office, auditor: Auditor) -> None:
        office.alarm(NUMBER, message_kind="prompt", message_value="a", message_count=2)
        office.campaign("31612340002", message_kind="prompt", message_value="a", message_count=2)
        office.clock.move(seconds=61)
        assert self.found(office, auditor) == {}

    def test_a_user_whose_phone_is_in_use(self, office: Office, auditor: Auditor) -> None:
        office.alarm(NUMBER, "1002")
        user = {"number": None, "extension": None, "pbx_user": "alice", "pbx": "hq"}
        change(office, calls, calls.c.extension == "1002", **user)
        [attempt] = office.dialled()
        set_attempt(office.core, attempt, target_kind="user", digits_dialled="alice", trunk="")
        office.clock.move(seconds=61)
        assert self.found(office, auditor) == {}

    def test_a_call_whose_time_is_over(self, office: Office, auditor: Auditor) -> None:
        office.alarm(NUMBER)
        change(office, calls, expires_at=office.clock() + timedelta(seconds=10))
        office.clock.move(seconds=61)
        assert self.found(office, auditor) == {}
