"""How calls are placed, as the K2 API v2.0.0 manual has it under 'Call'."""

import pytest

from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.protocol import (
    DialOrder,
    HangsUp,
    KeepsRecords,
    Message,
    PullsReports,
    SeesCall,
    SeesDevice,
    SeesIvrs,
    SeesLiveCalls,
    SeesTrunks,
)
from dispatcher.pbx.yeastar_k2 import YeastarK2
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.newer import ORDER
from tests.pbx.yeastar_k2.conftest import SESSION, TOKEN, MakeDriver
from tests.pbx.yeastar_k2.requests import all_sent, sent


@pytest.mark.parametrize(
    ("order", "endpoint", "body"),
    [
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.IVR, "6500"), "1023"),
            "call/dial",
            {"caller": "6500", "callee": "5503302", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.QUEUE, "6700"), "1023"),
            "call/dial",
            {"caller": "6700", "callee": "5503302", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.RING_GROUP, "6200")),
            "call/dial",
            {"caller": "6200", "callee": "5503302"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.IVR, "6500"), "1023"),
            "call/dial",
            {"caller": "1002", "callee": "6500", "autoanswer": "no"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "2000", Message(MessageKind.PROMPT, "music1+music2", 2), "1023"),
            "call/playprompt",
            {"number": "2000", "prompt": "music1+music2", "count": "2", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1023", Message(MessageKind.PROMPT, "music1")),
            "call/playprompt",
            {"number": "1023", "prompt": "music1", "count": "1", "autoanswer": "no"},
        ),
    ],
)
def test_dial(
    driver_for: MakeDriver,
    observed: Observed,
    order: DialOrder,
    endpoint: str,
    body: dict[str, str],
) -> None:
    with RawPbx(answer(b'{"status": "Success", "callid": "1571620483.18"}')) as pbx:
        accepted = driver_for(pbx.url).dial(SESSION, order)

    assert (accepted.callid, accepted.seen) == ("1571620483.18", ())
    assert sent(pbx) == (f"{endpoint}?token={TOKEN}", body)
    assert observed == [("dial", "ok")]


@pytest.mark.parametrize("volume", [0, 20])
def test_prompts_are_as_loud_as_configured(driver_for: MakeDriver, volume: int) -> None:
    with RawPbx(answer(b'{"status": "Success", "callid": "1571620483.18"}')) as pbx:
        driver = driver_for(pbx.url, prompt_volume=volume)
        driver.dial(SESSION, DialOrder(TargetKind.EXTENSION, "1023", Message(MessageKind.PROMPT, "music1")))
        driver.dial(SESSION, ORDER)

    (_, prompt), (_, ivr) = all_sent(pbx)
    assert prompt["volume"] == str(volume)
    assert "volume" not in ivr


def test_a_prompt_can_be_repeated() -> None:
    assert YeastarK2.capabilities.prompt_count


@pytest.mark.parametrize(
    "protocol",
    [
        SeesLiveCalls,
        SeesCall,
        KeepsRecords,
        PullsReports,
        HangsUp,
        SeesTrunks,
        SeesIvrs,
        SeesDevice,
    ],
)
def test_the_family_has_every_optional_capability(driver_for: MakeDriver, protocol: type) -> None:
    assert isinstance(driver_for("http://127.0.0.1:1"), protocol)
