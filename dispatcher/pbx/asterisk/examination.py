"""How Asterisk is set up, as far as the manager interface shows it."""

from collections.abc import Iterator, Mapping, Sequence

from dispatcher.pbx.asterisk.channels import ACCOUNT
from dispatcher.pbx.asterisk.recorded import text
from dispatcher.pbx.asterisk.tables import CDR, CEL, ID, Tables, columns_of
from dispatcher.pbx.asterisk.wire import Block
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Contexts, Examined

NEEDED = ("Originate", "Hangup", "CoreShowChannels", "DBGet", "ShowDialPlan", "Getvar", "Setvar", "Redirect")
"""The actions that are used; ListCommands names those that the account may use."""

_SNIPPET = (
    "Write `#include extensions_dispatcher.conf` in extensions.conf, with the file of that name in "
    "deploy/asterisk, and reload the dialplan"
)
_CDR = {
    "Log unanswered calls": "unanswered = yes",
    "Log congestion": "congestion = yes",
}


def rights(commands: Block) -> Examined:
    """Whether the account may do what is needed."""
    missing = [name for name in NEEDED if name not in commands]
    if not missing:
        return Examined("rights", True, "the account may do all that is needed")
    return Examined(
        "rights",
        False,
        f"the account may not: {', '.join(missing)}",
        "Write `write = originate,call,reporting` in its section of manager.conf",
    )


def contexts(named: Contexts, missing: Sequence[str]) -> Iterator[Examined]:
    """Whether the dialplan has the contexts; without the one of ends nothing can be made good."""
    uses = {
        named.ended: "no call whose events were missed can be made good",
        named.prompt: "prompts can't be played",
        named.queue: "nobody can be led into a queue",
        named.transfer: "no call can be put through to somebody else by hand",
    }
    for context, lost in uses.items():
        check = f"context {context}"
        if context in missing:
            yield Examined(check, False, f"the dialplan does not have it: {lost}", _SNIPPET)
        else:
            yield Examined(check, True, "in the dialplan")


def records(output: str | None) -> Examined:
    """Whether every call leaves a call record; None where the account may not look."""
    check = "call records"
    if output is None:
        return Examined(check, None, "not looked at: that needs the right `command`, and nothing else does")
    settings = dict(line.strip().partition(":")[::2] for line in output.splitlines() if ":" in line)
    wrong = [mend for name, mend in _CDR.items() if settings.get(name, "").strip() != "Yes"]
    if not wrong:
        return Examined(check, True, "written of calls that are not answered, too")
    return Examined(
        check,
        False,
        "calls that are not answered leave none, or not as what they were",
        f"Write {' and '.join(wrong)} in cdr.conf",
    )


ID_LENGTH = 36
"""Of the ids of our calls."""

_WANTED = {
    CDR: ((ID, "disposition", "billsec"), "how a call ended can't be told"),
    CEL: ((ID, "eventtype", "extra"), "why a call was not answered is told only roughly"),
}
_OTHER_NAMES = {"extra": "eventextra"}
"""What cel_sqlite3_custom.conf may call a column."""


def tables(records: Tables) -> Iterator[Examined]:
    """Whether the tables of records can be read, have the columns that are needed, and keep our ids."""
    try:
        with records.connected() as connection:
            found = columns_of(connection)
        yield from (_columns(name, found.get(name)) for name in _WANTED)
        if ID in found.get(CDR, {}):
            yield _ids(text(row, ID) if (row := records.newest(ACCOUNT)) else None)
    except PbxRefused as refusal:
        mend = "Check cdr_url, and that its account may read the tables cdr and cel"
        yield Examined("tables of records", False, refusal.detail, mend)


def _columns(name: str, found: Mapping[str, int | None] | None) -> Examined:
    check, (wanted, lost) = f"table {name}", _WANTED[name]
    if found is None:
        return Examined(check, False, f"there is none: {lost}", f"Let Asterisk write it, as {name}.conf says")
    lacking = [each for each in wanted if each not in found and _OTHER_NAMES.get(each) not in found]
    if lacking:
        mend = f"Add {' and '.join(lacking)} to the table and, where there is one, to the module's list"
        return Examined(check, False, f"it lacks {', '.join(lacking)}: {lost}", mend)
    length = found[ID]
    if length is not None and length < ID_LENGTH:
        mend = f"Make {ID} of {name} {ID_LENGTH} characters long at least; Asterisk's own has 150"
        return Examined(check, False, f"{ID} is for {length} characters, and our ids have {ID_LENGTH}", mend)
    return Examined(check, True, "can be read")


def _ids(newest: str | None) -> Examined:
    check = "ids in the records"
    if newest is None:
        return Examined(check, None, f"{CDR} has no call of ours yet")
    if len(newest) < ID_LENGTH:
        detail = f"the newest record of ours has the {ID} {newest!r}" if newest else f"{CDR} keeps no {ID}"
        return Examined(
            check, False, detail, "Let the module write uniqueid, in a column that is long enough"
        )
    return Examined(check, True, "the records bear the ids of our calls")


def queue(name: str, *, is_known: bool) -> Examined:
    """Whether there is a queue that something leads into."""
    if is_known:
        return Examined(f"queue {name}", True, "there")
    return Examined(f"queue {name}", False, "Asterisk has no such queue", "Write it in queues.conf")
