"""Which trunks carry a campaign, and in which order."""

from typing import Any

import pytest

from dispatcher.config import Settings
from dispatcher.errors import Refused
from dispatcher.intake.campaigns.requests import NewCampaign
from dispatcher.intake.campaigns.trunks import trunks_for
from tests.cores import PBX, settings_for

TRUNK: dict[str, Any] = {"name": "a", "channels": 5}


def site(*hunts: int | None, axeos: bool = False) -> Settings:
    """Trunks ``a``, ``b``, … of the PBX ``hq``, with their places in the hunt order."""
    trunks = [TRUNK | {"name": name, "hunt": hunt} for name, hunt in zip("abcd", hunts, strict=False)]
    pbxes = [PBX | {"trunk": trunks}]
    if axeos:
        pbxes.append(PBX | {"name": "north", "family": "axeos", "trunk": [TRUNK | {"name": "x"}]})
    return settings_for("sqlite:///nothing.db", pbx=pbxes)


def asked(**changes: Any) -> NewCampaign:
    body = {"name": "Water", "message": {"ivr": "6500"}, "delivered_when": "answered"} | changes
    return NewCampaign.model_validate(body)


def test_without_a_list_all_carry_it_in_the_order_of_the_configuration() -> None:
    assert trunks_for(site(None, None), asked()) is None


def test_a_list_is_an_order() -> None:
    chosen = ["hq/b", "hq/a", "hq/b"]

    assert trunks_for(site(None, None), asked(trunks=chosen)) == ["hq/b", "hq/a"]


def test_those_that_can_not_place_it_are_left_out_and_the_others_keep_their_order() -> None:
    assert trunks_for(site(9, 1, None, axeos=True), asked()) == ["hq/b", "hq/c", "hq/a"]


def test_an_unknown_trunk_is_refused() -> None:
    with pytest.raises(Refused, match="no trunk 'hq/z'"):
        trunks_for(site(None), asked(trunks=["hq/z"]))


def test_a_trunks_rank_is_its_place_in_the_file_unless_it_has_one() -> None:
    assert site(None, 1, None, 7).hunt_order() == {
        ("hq", "a"): 1,
        ("hq", "b"): 1,
        ("hq", "c"): 3,
        ("hq", "d"): 7,
    }
