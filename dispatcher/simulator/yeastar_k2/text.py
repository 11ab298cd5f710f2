"""The events of API v2.0.0 as text: field names and their order are those of the manual's samples.

Misspellings are the manual's (`callduraction`, `talkduraction`, `dsttrcunkname`).
"""

import re
from collections.abc import Mapping
from typing import Any

from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.yeastar.members import dumps
from dispatcher.simulator.yeastar.status_reporter import MemberList


class K2Text:
    """Writes the events of one PBX."""

    def __init__(self, serial: str, status_words: Mapping[str, str]) -> None:
        self._serial = serial
        self._words = status_words

    def boot_up(self) -> str:
        """BootUp."""
        return self._event("BootUp")

    def call_status(self, callid: str, members: MemberList) -> str:
        """CallStatus: a snapshot of the members."""
        return self._event("CallStatus", callid=callid, members=members)

    def call_failed(self, callid: str, reason: str, members: MemberList) -> str:
        """CallFailed, its callid before its event as in the manual's sample."""
        return dumps(
            {"callid": callid, "event": "CallFailed", "reason": reason, "members": members} | self._tail()
        )

    def dtmf_key(self, callid: str, members: MemberList, key: str, position: int) -> str:
        """DTMF of one key."""
        return self._event("DTMF", callid=callid, members=members, info=key, flag=str(position))

    def dtmf_string(self, callid: str, members: MemberList, keys: str) -> str:
        """DTMF of a whole string, after its single keys."""
        return self._event("DTMF", callid=callid, members=members, infos=keys)

    def prompt_end_ivr(self, callid: str, members: MemberList, ivr: str) -> str:
        """PlayPromptEnd of an IVR's prompt."""
        return self._event("PlayPromptEnd", callid=callid, members=members, ivr={"number": ivr})

    def prompt_end(self, callid: str, members: MemberList, prompt: str) -> str:
        """PlayPromptEnd of a prompt that was played by call/playprompt."""
        return self._event("PlayPromptEnd", callid=callid, members=members, prompt=prompt)

    def extension_status(self, extension: str, status: str) -> str:
        """ExtensionStatus."""
        return self._event(
            "ExtensionStatus", extension=extension, status=status, registeredIP="192.168.5.100"
        )

    def new_cdr(self, detail: CallDetail) -> str:
        """NewCdr: every field is there, most of them often empty."""
        return self._event(
            "NewCdr",
            callid=detail.callid,
            timestart=detail.timestart,
            callfrom=detail.callfrom,
            callto=detail.callto,
            callduraction=str(detail.call_seconds),
            talkduraction=str(detail.talk_seconds),
            srctrunkname=detail.source_trunk,
            dsttrcunkname=detail.destination_trunk,
            pincode="",
            status=self._words.get(detail.status, detail.status),
            type=detail.type,
            recording=detail.recording,
            didnumber=detail.did,
            agentringtime=str(detail.agent_ring_seconds or 0),
        )

    def _event(self, name: str, **fields: Any) -> str:
        return dumps({"event": name, **fields} | self._tail())

    def _tail(self) -> dict[str, str]:
        return {"sn": self._serial} if self._serial else {}


def break_as_in_the_manual(text: str) -> str:
    """The same event as malformed as the manual's own samples.

    CallFailed has a comma too many inside its first member, the others one at the end of the members; an
    event without members lacks the comma before its serial number.
    """
    if '"event":"CallFailed"' in text and '"}}' in text:
        return text.replace('"}}', '",}}', 1)
    if '"members":[' in text:
        return re.sub(r"\](?=,|\})", ",]", text, count=1)
    return text.replace(',"sn"', ' "sn"', 1)
