"""How Asterisk is set up, from what it says itself."""

import pytest

from dispatcher.pbx.asterisk import examination
from dispatcher.pbx.protocol import Contexts

RECORDS = """\

Call Detail Record (CDR) settings
----------------------------------
  Logging:                    Enabled
  Mode:                       Simple
  Log calls by default:       Yes
  Log unanswered calls:       Yes
  Log congestion:             Yes

* Registered Backends
  -------------------
    cdr_manager
"""
"""As Asterisk 22 prints it."""


def test_all_rights() -> None:
    commands = dict.fromkeys(examination.NEEDED, "what it does (Priv: system)")
    assert examination.rights(commands).is_right


@pytest.mark.parametrize("lacking", examination.NEEDED)
def test_a_right_that_lacks_is_named(lacking: str) -> None:
    found = examination.rights(dict.fromkeys(set(examination.NEEDED) - {lacking}, ""))
    assert found.is_right is False
    assert lacking in found.detail
    assert "write = originate,call,reporting" in found.mend


def test_contexts_that_are_there_and_that_are_not() -> None:
    found = {one.check: one for one in examination.contexts(Contexts(), ["dispatcher-ended"])}
    assert [check for check, one in found.items() if not one.is_right] == ["context dispatcher-ended"]
    assert "extensions_dispatcher.conf" in found["context dispatcher-ended"].mend
    assert len(found) == 4


def test_records_of_every_call() -> None:
    assert examination.records(RECORDS).is_right


@pytest.mark.parametrize(
    ("setting", "mend"), [("unanswered calls", "unanswered = yes"), ("congestion", "congestion = yes")]
)
def test_records_of_some_calls_only(setting: str, mend: str) -> None:
    lines = [line.replace("Yes", "No") if setting in line else line for line in RECORDS.split("\n")]
    found = examination.records("\n".join(lines))
    assert found.is_right is False
    assert mend in found.mend


def test_an_account_that_may_not_look_at_them_is_no_mistake() -> None:
    assert examination.records(None).is_right is None


@pytest.mark.parametrize("known", [True, False])
def test_a_queue(known: bool) -> None:
    assert examination.queue("6400", is_known=known).is_right is known
