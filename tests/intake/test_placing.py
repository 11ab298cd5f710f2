"""Which PBX may place what, and whom a recipient means."""

import pytest

from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.intake.errors import Refused
from dispatcher.intake.placing import Placing, Site, Unplaceable
from dispatcher.intake.recipients import callees, e164
from dispatcher.pbx.protocol import Capabilities
from dispatcher.requests import MessageSpec, Recipient

IVR = MessageSpec(ivr="6500")
BOTH = frozenset({(MessageKind.IVR, TargetKind.NUMBER), (MessageKind.IVR, TargetKind.EXTENSION)})
ALL = frozenset(DeliveredWhen)
PLAIN = Capabilities(BOTH, ALL)
REPEATS = Capabilities(BOTH | {(MessageKind.PROMPT, TargetKind.NUMBER)}, ALL, prompt_count=True)
USERS = Capabilities(frozenset({(MessageKind.IVR, TargetKind.USER)}), frozenset({DeliveredWhen.ANSWERED}))

HQ = Site("hq", "plain", PLAIN, has_trunks=True)
NORTH = Site("north", "repeats", REPEATS, has_trunks=True)
OFFICE = Site("office", "users", USERS, has_trunks=False)


def test_a_number_goes_anywhere_when_every_pbx_can_place_it() -> None:
    assert Placing([HQ, NORTH, OFFICE]).pbx_for(IVR, TargetKind.NUMBER) is None


def test_a_number_is_bound_to_the_pbx_that_can_place_it() -> None:
    prompt = MessageSpec(prompt="fire", count=2)

    assert Placing([HQ, NORTH]).pbx_for(prompt, TargetKind.NUMBER) == "north"


def test_an_extension_belongs_to_the_first_pbx_or_the_named_one() -> None:
    placing = Placing([OFFICE, HQ, NORTH])

    assert placing.pbx_for(IVR, TargetKind.EXTENSION) == "hq"
    assert placing.pbx_for(IVR, TargetKind.EXTENSION, "north") == "north"
    assert placing.pbx_for(IVR, TargetKind.USER) == "office"


@pytest.mark.parametrize(
    ("sites", "message", "target", "pbx", "words"),
    [
        ([HQ], IVR, TargetKind.EXTENSION, "south", "no PBX is named 'south'; there are hq"),
        ([HQ], IVR, TargetKind.USER, None, "an IVR to a PBX user"),
        ([HQ], MessageSpec(prompt="fire", count=2), TargetKind.NUMBER, None, "families: plain"),
        ([NORTH, OFFICE], IVR, TargetKind.NUMBER, "office", "families: users"),
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
        Placing(sites).pbx_for(message, target, pbx)


@pytest.mark.parametrize(
    ("site", "message", "wanted", "words"),
    [
        (OFFICE, IVR, DeliveredWhen.HEARD, "can't be proven by any configured PBX"),
        (HQ, MessageSpec(queue="6700"), DeliveredWhen.HEARD, "ask for 'answered'"),
        (HQ, MessageSpec(ring_group="6200"), DeliveredWhen.ACKNOWLEDGED, "a ring group"),
    ],
)
def test_what_no_pbx_can_prove_is_refused(
    site: Site, message: MessageSpec, wanted: DeliveredWhen, words: str
) -> None:
    with pytest.raises(Unplaceable, match=words):
        Placing([site]).check_proof(message, wanted)


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


def test_one_person_written_in_two_ways_is_called_once() -> None:
    to = [Recipient(number="+31612345678", name="Anna"), Recipient(number="0612345678")]

    [callee] = callees(to, IVR, Placing([HQ]), "NL", ("to",))

    assert callee.columns == {
        "number": "+31612345678",
        "extension": None,
        "pbx_user": None,
        "pbx": None,
        "name": "Anna",
    }


def test_every_recipient_that_cannot_be_called_is_named() -> None:
    to = [Recipient(contact="anna"), Recipient(number="+31612345678"), Recipient(user="ben")]

    with pytest.raises(Refused) as refused:
        callees(to, IVR, Placing([HQ]), "", ("policy", "to"))

    assert [fault.place for fault in refused.value.faults] == [
        ("policy", "to", 0, "contact"),
        ("policy", "to", 2, "user"),
    ]
