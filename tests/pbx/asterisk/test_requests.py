"""What is asked of the manager interface, and what each way of failing says about it."""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.asterisk import Asterisk
from dispatcher.pbx.asterisk.driver import days_between
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import DialOrder, Message, Session, TransferOrder
from tests.pbx.asterisk.ami import CUT, SECRET, ScriptedManager, refusal, started, success, usual

ORDER = DialOrder(
    TargetKind.NUMBER, "0612345678", Message(MessageKind.IVR, "6500"), trunk="provider", callid="own-id"
)


def driver_at(manager: ScriptedManager, **changed: object) -> Asterisk:
    return Asterisk(manager.account(**changed), lambda *_: None)


def asked(manager: ScriptedManager, name: str) -> list[dict[str, str]]:
    return [action for action in manager.actions if action["Action"] == name]


def test_a_call_is_originated_under_the_id_that_the_order_names() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager, ring_seconds=30.0, caller_id="Alarms <6500>")
        accepted = driver.dial(driver.login(), ORDER)
        driver.close()

    (request,) = asked(manager, "Originate")
    assert accepted.callid == "own-id"
    assert request == {
        "Action": "Originate",
        "ActionID": "dial-own-id",
        "Channel": "PJSIP/0612345678@provider",
        "Context": "dispatcher-ivr",
        "Exten": "6500",
        "Priority": "1",
        "Timeout": "30000",
        "Async": "true",
        "ChannelId": "own-id",
        "Account": "dispatcher",
        "Variable": "CHANNEL(hangup_handler_push)=dispatcher-ended\\,s\\,1",
        "CallerID": "Alarms <6500>",
    }


def test_prompts_are_joined_and_counted() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        order = replace(ORDER, message=Message(MessageKind.PROMPT, "boiler + site/fire", 3))
        driver.dial(driver.login(), order)
        driver.close()

    (request,) = asked(manager, "Originate")
    assert (request["Context"], request["Exten"]) == ("dispatcher-play", "s")
    assert request["Variable"].split("\n")[1:] == [
        "DISPATCHER_PROMPTS=boiler&site/fire",
        "DISPATCHER_COUNT=3",
    ]


def test_an_extension_is_dialled_by_its_own_dial_string() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager, extension_dial="SIP/phone-{extension}")
        driver.dial(driver.login(), replace(ORDER, target=TargetKind.EXTENSION, digits="1002", trunk=""))
        driver.close()

    assert asked(manager, "Originate")[0]["Channel"] == "SIP/phone-1002"


def test_a_place_in_the_dialplan_is_looked_for_once_in_a_while() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        session = driver.login()
        for callid in ("one", "two", "three"):
            driver.dial(session, replace(ORDER, callid=callid))
        driver.close()

    assert len(asked(manager, "Originate")) == 3
    assert len(asked(manager, "ShowDialPlan")) == 1


@pytest.mark.parametrize("digits", ["06@evil", "0612/x", "06 12", "06\r\nAction: Hangup", "06&PJSIP", ""])
def test_digits_that_would_be_more_than_a_number(digits: str) -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        session = driver.login()
        with pytest.raises(PbxRefused) as refused:
            driver.dial(session, replace(ORDER, digits=digits))
        driver.close()

    assert refused.value.reason is Reason.INVALID_NUMBER
    assert not asked(manager, "Originate")


@pytest.mark.parametrize("prompts", ["a&b", "../secret", "a,b", "${SHELL(x)}", "a+", "a b"])
def test_prompts_that_would_be_more_than_files(prompts: str) -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        session = driver.login()
        with pytest.raises(PbxRefused) as refused:
            driver.dial(session, replace(ORDER, message=Message(MessageKind.PROMPT, prompts)))
        driver.close()

    assert refused.value.reason is Reason.PROMPT_UNKNOWN


def test_the_secret_does_not_cross_the_network(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        driver.dial(driver.login(), ORDER)
        driver.close()

    (login,) = asked(manager, "Login")
    assert login["Key"] == hashlib.md5(f"12345{SECRET}".encode(), usedforsecurity=False).hexdigest()
    assert SECRET not in str(manager.actions) + repr(driver) + repr(manager.account()) + caplog.text


@pytest.mark.parametrize(
    ("manager", "reason"),
    [
        ({"login": b"Error"}, Reason.CREDENTIALS_REFUSED),
        ({"banner": b"SSH-2.0-OpenSSH_9.2\r\n"}, Reason.PBX_AWAY),
        ({"banner": b"x" * 500}, Reason.PBX_AWAY),
    ],
)
def test_a_login_that_does_not_work(manager: dict[str, bytes], reason: Reason) -> None:
    with ScriptedManager(usual, **manager) as scripted:  # type: ignore[arg-type]
        driver = driver_at(scripted)
        with pytest.raises(PbxRefused) as refused:
            driver.login()
        with pytest.raises(PbxRefused) as for_events:
            driver.open_reports("")
        driver.close()

    assert refused.value.reason is for_events.value.reason is reason
    assert SECRET not in str(refused.value)


def test_nobody_there() -> None:
    with ScriptedManager(usual) as manager:
        account = manager.account()
    driver = Asterisk(account, lambda *_: None)
    with pytest.raises(PbxRefused) as refused:
        driver.login()
    assert refused.value.reason is Reason.PBX_AWAY


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda action: [CUT], Reason.CONNECTION_LOST),
        (lambda action: [], Reason.TIMED_OUT),
    ],
)
def test_an_originate_that_is_not_answered_is_in_doubt(answer: object, reason: Reason) -> None:
    def script(action: dict[str, str]) -> Sequence[bytes]:
        if action["Action"] == "Originate":
            return answer(action)  # type: ignore[operator,no-any-return]
        return usual(action)

    with ScriptedManager(script) as manager:
        driver = driver_at(manager, timeout_seconds=0.3)
        session = driver.login()
        with pytest.raises(PbxInDoubt) as doubt:
            driver.dial(session, ORDER)
        assert doubt.value.reason is reason
        assert len(asked(manager, "Originate")) == 1, "nothing is sent twice"
        driver.keep_alive(session)
        driver.close()

    assert manager.connections == 2, "a connection that failed is not used again"


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("Permission denied", Reason.PBX_CONFIG),
        ("Extension does not exist.", Reason.FAILED),
    ],
)
def test_an_originate_that_is_refused(why: str, reason: Reason) -> None:
    def script(action: dict[str, str]) -> Sequence[bytes]:
        return [refusal(action, why)] if action["Action"] == "Originate" else usual(action)

    with ScriptedManager(script) as manager:
        driver = driver_at(manager)
        session = driver.login()
        with pytest.raises(PbxRefused) as refused:
            driver.dial(session, ORDER)
        driver.close()

    assert refused.value.reason is reason
    assert why in refused.value.detail


def test_a_connection_that_was_lost_between_two_requests_is_made_anew() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        session = driver.login()
        manager.cut()
        time.sleep(0.1)
        driver.dial(session, ORDER)
        driver.close()

    assert manager.connections == 2


def test_another_life_of_asterisk_is_another_session() -> None:
    lives = iter(("08:00:00", "08:00:07", "08:00:07"))

    def script(action: dict[str, str]) -> Sequence[bytes]:
        return [started(action, next(lives))] if action["Action"] == "CoreStatus" else usual(action)

    with ScriptedManager(script) as manager:
        driver = driver_at(manager)
        session = driver.login()
        manager.cut()
        time.sleep(0.1)
        with pytest.raises(PbxRefused) as refused:
            driver.dial(session, ORDER)
        fresh = driver.login()
        driver.dial(fresh, ORDER)
        driver.close()

    assert refused.value.reason is Reason.TOKEN_INVALID
    assert fresh != session
    assert len(asked(manager, "Originate")) == 1


def test_a_session_of_another_life_sends_nothing() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        with pytest.raises(PbxRefused) as refused:
            driver.dial(Session("2025-01-01 00:00:00"), ORDER)
        driver.close()

    assert refused.value.reason is Reason.TOKEN_INVALID
    assert not asked(manager, "Originate")


def test_many_threads_share_one_connection_and_each_gets_its_own_answer() -> None:
    held: list[dict[str, str]] = []

    def script(action: dict[str, str]) -> Sequence[bytes]:
        """Answers originates in pairs, the later one first."""
        if action["Action"] != "Originate":
            return usual(action)
        held.append(action)
        if len(held) < 2:
            return []
        answers = [success(one) if one["ChannelId"] != "bad" else refusal(one, "no") for one in held[::-1]]
        held.clear()
        return answers

    results: dict[str, str] = {}
    with ScriptedManager(script) as manager:
        driver = driver_at(manager)
        session = driver.login()
        driver._manager.current(session)

        def dial(callid: str) -> None:
            try:
                results[callid] = driver.dial(session, replace(ORDER, callid=callid)).callid
            except PbxRefused as refused:
                results[callid] = refused.detail

        threads = [threading.Thread(target=dial, args=(name,)) for name in ("good", "bad")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=5.0)
        driver.close()

    assert results == {"good": "good", "bad": "Originate: no"}
    assert manager.connections == 1


def test_a_call_is_put_through_by_a_variable_and_a_redirect() -> None:
    with ScriptedManager(usual) as manager:
        driver = driver_at(manager)
        driver.transfer(
            driver.login(), TransferOrder("own-id", TargetKind.NUMBER, "0687654321", trunk="provider")
        )
        driver.close()

    (first,), (then,) = asked(manager, "Setvar"), asked(manager, "Redirect")
    assert (first["Channel"], first["Variable"]) == ("own-id", "DISPATCHER_TRANSFER")
    assert first["Value"] == "PJSIP/0687654321@provider"
    assert [then[name] for name in ("Channel", "Context", "Exten", "Priority")] == [
        *("own-id", "dispatcher-transfer", "s", "1")
    ]


@pytest.mark.parametrize(
    ("lacks", "words", "reason"),
    [
        ("ShowDialPlan", "Did not find context dispatcher-transfer", Reason.PBX_CONFIG),
        ("Setvar", "No such channel", Reason.CALL_OVER),
        ("Redirect", "Channel does not exist: own-id", Reason.CALL_OVER),
    ],
)
def test_a_call_that_can_not_be_put_through(lacks: str, words: str, reason: Reason) -> None:
    def script(action: dict[str, str]) -> Sequence[bytes]:
        return [refusal(action, words)] if action["Action"] == lacks else usual(action)

    with ScriptedManager(script) as manager:
        driver = driver_at(manager)
        session = driver.login()
        with pytest.raises(PbxRefused) as refused:
            driver.transfer(session, TransferOrder("own-id", TargetKind.EXTENSION, "1002"))
        driver.close()

    assert refused.value.reason is reason


def test_where_ends_are_not_kept_nothing_is_told_of_any() -> None:
    def script(action: dict[str, str]) -> Sequence[bytes]:
        if action["Action"] == "ShowDialPlan":
            return [refusal(action, "Did not find context dispatcher-ended")]
        return usual(action)

    with ScriptedManager(script) as manager:
        driver = driver_at(manager)
        session = driver.login()
        with pytest.raises(PbxRefused) as refused:
            driver.endings(session, ["own-id"], datetime.now(UTC))
        driver.close()

    assert refused.value.reason is Reason.PBX_CONFIG


def test_an_end_is_looked_for_on_every_day_that_it_can_be_of() -> None:
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert list(days_between(monday - timedelta(minutes=5), monday)) == [1]
    assert list(days_between(monday - timedelta(days=2), monday)) == [1, 7, 6]
    late = monday.replace(hour=23, minute=30)
    assert list(days_between(late, late)) == [2, 1], "its clock may be ahead"
    early = monday.replace(hour=0, minute=10)
    assert list(days_between(early, early)) == [1, 7], "or behind"
    assert len(days_between(monday - timedelta(days=30), monday)) == 7
