"""What is played over which family: a campaign with alarms, or alarms to users alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dispatcher.cli.demo import cast, phones, users
from dispatcher.cli.demo.stage import Pace, calls_users_only
from dispatcher.cli.demo.story import Story, Teller
from dispatcher.simulator import Behaviour


@dataclass(frozen=True, slots=True)
class Play:
    """One demo: who is called, what each of them does, and the story that calls them."""

    tell: Callable[[str, Pace], Teller]
    """Makes the story's teller from the API's address and the pace."""
    size: int
    behaviours: Mapping[str, Behaviour]
    campaign: list[cast.Callee] = field(default_factory=list)


def play_for(family: str, size: int | None, misbehave: Mapping[str, str]) -> Play:
    """The play for a family, with so many people. ValueError: too few or too many, or no such wish."""
    if calls_users_only(family):
        return _of_users(_within(size, users.LEAST, users.USUAL, users.MOST), misbehave)
    tells_mailboxes = family != "asterisk"
    return _of_campaign(_within(size, cast.LEAST, cast.USUAL, cast.MOST), misbehave, tells_mailboxes)


def play_for_phones(size: int | None) -> Play:
    """The play on a real PBX, with so many people. ValueError: too few or too many."""
    size = _within(size, phones.LEAST, phones.USUAL, phones.MOST)
    people = cast.callees(size, phones.KINDS)
    return Play(lambda url, pace: phones.PhoneStory(url, people, pace), size, {}, people)


def _of_campaign(size: int, misbehave: Mapping[str, str], tells_mailboxes: bool) -> Play:
    people = cast.callees(size)
    wishes = _wishes(misbehave, [kind.code for kind in cast.KINDS])
    misbehaving = cast.misbehaving(people, wishes)

    def tell(url: str, pace: Pace) -> Story:
        return Story(url, people, pace, tells_mailboxes=tells_mailboxes)

    return Play(tell, size, misbehaving, people)


def _of_users(size: int, misbehave: Mapping[str, str]) -> Play:
    people = users.users(size)
    wishes = _wishes(misbehave, [kind.behaviour.value for kind in users.KINDS])
    return Play(lambda url, pace: users.UserStory(url, people, pace), size, users.behaviours(people, wishes))


def _within(size: int | None, least: int, usual: int, most: int) -> int:
    if size is None:
        return usual
    if not least <= size <= most:
        raise ValueError(f"from {least} to {most} people can be called over this family, not {size}")
    return size


def _wishes(misbehave: Mapping[str, str], codes: list[str]) -> dict[str, Behaviour]:
    for code, name in misbehave.items():
        if code not in codes or name not in set(Behaviour):
            raise ValueError(f"{code}={name}: write CODE=BEHAVIOUR, with one of the codes {', '.join(codes)}")
    return {code: Behaviour(name) for code, name in misbehave.items()}
