"""The members of a call: what CallStatus shows, and what queries list."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from dispatcher.simulator.exchange.call import Call


@dataclass(frozen=True, slots=True)
class Spelling:
    """The names of a member's fields, which differ; the defaults are those of API v2.0.0.

    `blank` stands for a call path that there is none of; empty: the field is left out.
    """

    extension: str = "ext"
    channel: str = "channelid"
    status: str = "memberstatus"
    path: str = "callpath"
    trunk: str = "trunkname"
    blank: str = ""


MemberStatus = Literal["ALERT", "RING", "ANSWERED", "ANSWER", "BYE", ""]


@dataclass(slots=True)
class Member:
    """One leg. `kind` is `ext`, `inbound` or `outbound`; `shown` says whether its status monitor is on."""

    kind: Literal["ext", "inbound", "outbound"]
    identity: dict[str, str]
    channelid: str
    shown: bool
    spelling: Spelling
    status: MemberStatus = ""
    path: str = ""

    def as_dict(self, *, status: bool = True, path: bool = True) -> dict[str, Any]:
        """The member as the API shows it, with or without its status and call path."""
        names = self.spelling
        shown = {**self.identity, names.channel: self.channelid}
        if status:
            shown[names.status] = self.status
        if path and (self.path or names.blank):
            shown[names.path] = self.path or names.blank
        return {names.extension if self.kind == "ext" else self.kind: shown}


@dataclass(slots=True)
class Members:
    """The legs of one call, the caller's before that of the `callee`, and after it those that came later."""

    legs: list[Member]
    callee: Member
    held_back: str = ""
    """The last CallStatus, while it waits for the record to go first."""

    @property
    def others(self) -> list[Member]:
        """Every leg but the callee's."""
        return [leg for leg in self.legs if leg is not self.callee]

    def snapshot(self) -> list[dict[str, Any]]:
        """What CallStatus shows: the legs that are monitored and have a status."""
        return [member.as_dict() for member in self.legs if member.shown and member.status]


class Channels:
    """Names the channels: `PJSIP/1023-0000000a`, `PJSIP/trunk-NAME-endpoint-0000001f`."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._next = 0

    def restart(self) -> None:
        """The numbers begin anew."""
        self._next = 0

    def members(self, call: Call, monitored_extensions: frozenset[str]) -> Members:
        """The legs that a call has when it is placed."""
        plan = call.plan
        inside = [self.extension(plan.extension, monitored_extensions)] if plan.extension else []
        if plan.trunk is None:
            legs = inside
        elif plan.direction == "Inbound":
            legs = [self.outside("inbound", plan.origin, plan.shown_number, call), *inside]
        else:
            legs = [*inside, self.outside("outbound", plan.origin, plan.shown_number, call)]
        legs[-1].path = plan.path
        return Members(legs, legs[-1])

    def extension(self, number: str, monitored: frozenset[str]) -> Member:
        """A leg to an extension."""
        channelid = f"PJSIP/{number}-{self._number()}"
        return Member("ext", {"number": number}, channelid, number in monitored, self._spelling)

    def outside(self, kind: Literal["inbound", "outbound"], origin: str, to: str, call: Call) -> Member:
        """A leg on the call's trunk."""
        trunk = call.record.trunk
        return Member(
            kind,
            {"from": origin, "to": to, self._spelling.trunk: trunk},
            f"PJSIP/trunk-{trunk}-endpoint-{self._number()}",
            call.plan.trunk is not None and call.plan.trunk.monitored,
            self._spelling,
        )

    def _number(self) -> str:
        self._next += 1
        return f"{self._next:08x}"


def dumps(value: Any) -> str:
    """JSON without blanks, as the box writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
