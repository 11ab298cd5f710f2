"""What is up, as CoreShowChannels lists it."""

from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.asterisk.channels import Channels, comes_in, is_ours
from dispatcher.pbx.asterisk.wire import Block
from dispatcher.pbx.protocol import LiveCall


def live_call_of(row: Block, channels: Channels) -> LiveCall | None:
    """One channel, or None when it is neither ours nor on a trunk of ours."""
    channel, leg = row.get("Channel", ""), row.get("Uniqueid", "")
    trunk, is_own = channels.trunk_of(channel), is_ours(row)
    if not leg or not (trunk or is_own):
        return None
    status = row.get("ChannelStateDesc", "")
    if is_own:
        parties = channels.party(channel, leg)
        is_extension = bool(parties) and parties[0].kind is PartyKind.EXTENSION
        number = parties[0].number if is_extension else ""
        return LiveCall(leg, number, trunk, PartyKind.OUTBOUND, callid=leg, status=status)
    direction = PartyKind.INBOUND if comes_in(row) else PartyKind.OUTBOUND
    number = row.get("CallerIDNum" if direction is PartyKind.INBOUND else "ConnectedLineNum", "")
    return LiveCall(
        leg,
        number if number.isprintable() and number != "<unknown>" else "",
        trunk,
        direction,
        callid=leg,
        status=status,
    )
