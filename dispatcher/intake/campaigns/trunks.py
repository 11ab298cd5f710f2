"""Which of the configured trunks can do what a campaign asks for."""

from collections.abc import Iterator

from dispatcher.config import PbxSettings, Settings
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.errors import Fault, Refused
from dispatcher.escalation.placing import Placing, Site, Unplaceable, Unprovable, check_message
from dispatcher.intake.campaigns.requests import NewCampaign
from dispatcher.pbx.registry import CAPABILITIES


def trunks_for(settings: Settings, asked: NewCampaign) -> list[str] | None:
    """The trunks, as ``pbx/trunk``, that carry the campaign; None for all that are configured.

    Their order is the campaign's hunt order. When the request names none, all whose PBX can do it are
    taken, in the order of the configuration. Raises ``Refused``.
    """
    pbxes = {f"{pbx.name}/{trunk.name}": pbx for pbx in settings.pbx for trunk in pbx.trunk}
    if asked.trunks is None:
        able = _all_that_can(pbxes, asked)
        if able is None:
            return None
        ranks = {f"{pbx}/{trunk}": rank for (pbx, trunk), rank in settings.hunt_order().items()}
        return sorted(able, key=lambda name: ranks[name])
    chosen = list(dict.fromkeys(asked.trunks))
    faults = [_unknown(place, name, pbxes) for place, name in enumerate(chosen) if name not in pbxes]
    for pbx in {pbxes[name].name: pbxes[name] for name in chosen if name in pbxes}.values():
        faults += _lacks(pbx, asked)
    if faults:
        raise Refused(*faults)
    return chosen


def _all_that_can(pbxes: dict[str, PbxSettings], asked: NewCampaign) -> list[str] | None:
    if not pbxes:
        raise Refused(Fault(("trunks",), "no trunk is configured, so no outside number can be called"))
    lacking = {name: list(_lacks(pbx, asked)) for name, pbx in pbxes.items()}
    able = [name for name, faults in lacking.items() if not faults]
    if not able:
        raise Refused(*dict.fromkeys(fault for faults in lacking.values() for fault in faults))
    return None if len(able) == len(pbxes) else able


def _unknown(place: int, name: str, known: dict[str, PbxSettings]) -> Fault:
    names = ", ".join(sorted(known)) or "none"
    return Fault(("trunks", place), f"there is no trunk {name!r}; configured, as pbx/trunk: {names}")


def _lacks(pbx: PbxSettings, asked: NewCampaign) -> Iterator[Fault]:
    """What this PBX can't do of what is asked."""
    alone = Placing([Site(pbx.name, pbx.family, CAPABILITIES[pbx.family], bool(pbx.trunk))])
    wanted = asked.proof()
    try:
        check_message(asked.message, wanted)
        alone.pbx_for(asked.message, TargetKind.NUMBER, wanted, pbx.name)
    except Unprovable as error:
        yield Fault(("delivered_when",), f"on {pbx.name}: {error}")
    except Unplaceable as error:
        yield Fault(("message", asked.message.kind), f"on {pbx.name}: {error}")
