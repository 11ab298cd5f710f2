"""Ways of breaking an invariant by hand in the database, and what the auditor has found."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from dispatcher.domain.vocabulary import Phase
from dispatcher.store import audits, doubts, processes
from dispatcher.store.arrivals import Body
from dispatcher.store.tables import Alarm, Call, Campaign, Event, Trunk, table
from tests.cores import set_attempt
from tests.scripted import (
    NUMBER,
    TRUNK,
    Office,
    attempts,
    calls,
    outside,
    posted,
    raw_reports,
    ringing,
    whole_call,
)
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


def in_question_for_ever(office: Office) -> None:
    [attempt] = up(office)
    with office.core.store.write() as tx:
        doubts.take_up(tx, "hq", [(attempt, "no report since 10:00:00 UTC", office.clock())])
    pacing = office.core.settings.pacing
    asked_by = pacing.silence + pacing.doubt_wait + pacing.record_wait + 2 * pacing.records_every
    office.clock.move(seconds=asked_by + 301)


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
    [attempt] = office.claim()
    now = office.clock()
    pressed = {"phase": "ended", "outcome": "delivered", "cdr_at": now, "freed_at": now, "keys": [[0, "1"]]}
    set_attempt(office.core, attempt, channel_held=False, **pressed)
    change(office, calls, state="delivered", outcome="delivered", name="Duty engineer")


def alarm_whose_call_was_answered_by_another_key(office: Office) -> None:
    alarm_that_was_acknowledged(office)
    change(office, attempts, keys=[[0, "7"]])


def alarm_that_nobody_looked_at(office: Office) -> None:
    office.alarm(NUMBER)
    change(office, alarms, next_at=office.clock() - timedelta(seconds=61))


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
    body = Body("hq", office.clock(), ringing("1.7").decode())
    office.core.arrivals.keep(office.clock(), [body])
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


def alarm_while_the_pbx_is_away(office: Office) -> None:
    office.alarm(NUMBER, "1002")
    with office.core.store.write() as tx:
        rows.add(tx, "pbx_sessions", problem="credentials_refused: wrong password")
    office.clock.move(seconds=121)


def alarm_while_the_trunk_is_paused(office: Office) -> None:
    office.alarm(NUMBER)
    change(office, trunks, paused=True)
    office.clock.move(seconds=121)


def alarm_on_a_trunk_that_fails_each_call(office: Office) -> None:
    office.alarm(NUMBER)
    for _ in range(5):
        [attempt] = office.dialled()
        callid = office.attempt(attempt).callid
        office.take(posted("CallFailed", callid, outside(), reason="503 Service Unavailable"))
        office.clock.now = office.call_of(attempt).due_at


def no_worker(office: Office) -> None:
    with office.core.store.write() as tx:
        processes.sign_off(tx, "worker")


def no_api(office: Office) -> None:
    """Heartbeats are waited for, and what was to hear them has been gone for a while."""
    with office.core.store.write() as tx:
        rows.add(tx, "heartbeats")
        rows.add(tx, "marks", name="hearing", position=0, at=office.clock())
    office.clock.move(seconds=121)
