"""How Asterisk is set up, as far as the manager interface shows it."""

from collections.abc import Iterator, Sequence

from dispatcher.pbx.asterisk.wire import Block
from dispatcher.pbx.protocol import Contexts, Examined

NEEDED = ("Originate", "Hangup", "CoreShowChannels", "DBGet", "ShowDialPlan", "Getvar")
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


def queue(name: str, *, is_known: bool) -> Examined:
    """Whether there is a queue that something leads into."""
    if is_known:
        return Examined(f"queue {name}", True, "there")
    return Examined(f"queue {name}", False, "Asterisk has no such queue", "Write it in queues.conf")
