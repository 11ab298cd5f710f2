"""Which PBX may place what, and whom a recipient means."""

from itertools import product

import pytest

from dispatcher.directory.numbers import e164
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.escalation.placing import Placing, Site, Unplaceable, Unprovable, check_message
from dispatcher.pbx.protocol import Capabilities
from dispatcher.requests import MessageSpec

IVR = MessageSpec(ivr="6500")
BOTH = frozenset({(MessageKind.IVR, TargetKind.NUMBER), (MessageKind.IVR, TargetKind.EXTENSION)})
ALL = frozenset(product(DeliveredWhen, (TargetKind.NUMBER, TargetKind.EXTENSION)))
HEARD = DeliveredWhen.HEARD
ANSWERED = DeliveredWhen.ANSWERED
PLAIN = Capabilities(BOTH, ALL)
REPEATS = Capabilities(BOTH | {(MessageKind.PROMPT, TargetKind.NUMBER)}, ALL, prompt_count=True)
USERS = Capabilities(
    frozenset({(MessageKind.IVR, TargetKind.USER), (MessageKind.PROMPT, TargetKind.NUMBER)}),
    frozenset({(ANSWERED, TargetKind.USER)}),
)

HQ = Site("hq", "plain", PLAIN, has_trunks=True)
NORTH = Site("north", "repeats", REPEATS, has_trunks=True)
OFFICE = Site("office", "users", USERS, has_trunks=False)
BRANCH = Site("branch", "users", USERS, has_trunks=True)


def test_a_number_goes_anywhere_when_every_pbx_can_place_it() -> None:
    assert Placing([HQ, NORTH, OFFICE]).pbx_for(IVR, TargetKind.NUMBER, HEARD) is None


def test_a_number_is_bound_to_the_pbx_that_can_place_it() -> None:
    prompt = MessageSpec(prompt="fire", count=2)

    assert Placing([HQ, NORTH]).pbx_for(prompt, TargetKind.NUMBER, HEARD) == "north"


def test_of_several_that_can_place_it_the_pacer_chooses_unless_one_is_named() -> None:
    placing = Placing([HQ, NORTH, BRANCH])

    assert placing.pbx_for(IVR, TargetKind.NUMBER, HEARD) is None
    assert placing.pbx_for(IVR, TargetKind.NUMBER, HEARD, "north") == "north"


def test_an_extension_belongs_to_the_first_pbx_or_the_named_one() -> None:
    placing = Placing([OFFICE, HQ, NORTH])

    assert placing.pbx_for(IVR, TargetKind.EXTENSION, HEARD) == "hq"
    assert placing.pbx_for(IVR, TargetKind.EXTENSION, HEARD, "north") == "north"
    assert placing.pbx_for(IVR, TargetKind.USER, ANSWERED) == "office"


@pytest.mark.parametrize(
    ("sites", "message", "target", "pbx", "words"),
    [
        ([HQ], IVR, TargetKind.EXTENSION, "south", "no PBX is named 'south'; there are hq"),
        ([HQ], IVR, TargetKind.USER, None, "an IVR to a PBX user"),
        ([HQ], MessageSpec(prompt="fire", count=2), TargetKind.NUMBER, None, "families: plain"),
        (
            [Site("hq", "plain", PLAIN, has_trunks=False)],
            IVR,
            TargetKind.NUMBER,
            None,
            "no trunk is configured",
        ),
        ([], IVR, TargetKind.NUMBER, None, "there are none"),
    ],
)
def test_what_no_pbx_can_place_is_refused_with_its_reason(
    sites: list[Site], message: MessageSpec, target: TargetKind, pbx: str | None, words: str
) -> None:
    with pytest.raises(Unplaceable, match=words):
        Placing(sites).pbx_for(message, target, HEARD, pbx)


@pytest.mark.parametrize(
    ("sites", "target", "words"),
    [
        ([OFFICE], TargetKind.USER, "of a call to a PBX user by any configured PBX .*ask for 'answered'"),
        ([BRANCH], TargetKind.NUMBER, "an outside number .*Call a user .*with delivered_when 'answered'"),
        ([HQ, OFFICE], TargetKind.USER, r"\(families: users\); ask for 'answered'"),
    ],
)
def test_what_no_pbx_can_prove_is_refused_with_what_can_be_asked_instead(
    sites: list[Site], target: TargetKind, words: str
) -> None:
    with pytest.raises(Unprovable, match=words):
        Placing(sites).pbx_for(IVR, target, HEARD)


def test_where_nothing_can_be_proven_nothing_is_advised() -> None:
    mute = Capabilities(BOTH, frozenset())

    with pytest.raises(Unprovable, match=r"nor can anything else$"):
        Placing([Site("mute", "mute", mute, has_trunks=True)]).pbx_for(IVR, TargetKind.NUMBER, HEARD)


def test_a_number_goes_to_the_pbx_that_proves_its_delivery() -> None:
    assert Placing([BRANCH, NORTH]).pbx_for(MessageSpec(prompt="fire"), TargetKind.NUMBER, HEARD) == "north"


@pytest.mark.parametrize(
    ("message", "wanted", "words"),
    [
        (MessageSpec(queue="6700"), DeliveredWhen.HEARD, "ask for 'answered'"),
        (MessageSpec(ring_group="6200"), DeliveredWhen.ACKNOWLEDGED, "a ring group"),
    ],
)
def test_what_no_message_with_agents_can_prove_is_refused(
    message: MessageSpec, wanted: DeliveredWhen, words: str
) -> None:
    with pytest.raises(Unprovable, match=words):
        check_message(message, wanted)


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+31612345678", "", "+31612345678"),
        ("+31 (0)6 1234-5678", "", "+31612345678"),
        ("06 12 34 56 78", "NL", "+31612345678"),
        ("0031612345678", "NL", "+31612345678"),
        ("+4915112345678", "NL", "+4915112345678"),
        ("+86 183 8399 2993", "", "+8618383992993"),
    ],
)
def test_numbers_are_kept_as_e164(number: str, region: str, expected: str) -> None:
    assert e164(number, region) == expected


@pytest.mark.parametrize(
    ("number", "region", "words"),
    [
        ("0612345678", "", "alarms.region"),
        ("+316", "NL", "not a telephone number"),
        ("+3161234567890123", "", "length"),
        ("+999123456789", "", "not a telephone number"),
        ("+", "NL", "not a telephone number"),
        ("112", "NL", "length"),
    ],
)
def test_what_is_no_number_is_refused(number: str, region: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        e164(number, region)
