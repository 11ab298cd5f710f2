"""The events of the OpenAPI as text: an envelope, and in `msg` the event itself as JSON in a string."""

import json
from typing import Any

from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.yeastar.members import Spelling, dumps
from dispatcher.simulator.yeastar.status_reporter import MemberList
from dispatcher.simulator.yeastar_p.words import EVENT_IDS, EVENT_STATUS

BLANK = " "
SPELLING = Spelling("extension", "channel_id", "member_status", "call_path", "trunk_name", BLANK)


class EventText:
    """Writes the events of one PBX."""

    def __init__(self, serial: str) -> None:
        self._serial = serial

    def call_status(self, callid: str, members: MemberList) -> str:
        """30011: a snapshot of the members."""
        return self._event("CallStatus", call_id=callid, members=members)

    def call_failed(self, callid: str, reason: str, members: MemberList) -> str:
        """30015."""
        return self._event("CallFailed", call_id=callid, reason=reason, members=members)

    def dtmf_key(self, callid: str, members: MemberList, key: str, position: int) -> str:
        """30017 of one key."""
        return self._event("DTMF", call_id=callid, members=members, info=key, flag=position, infos=BLANK)

    def dtmf_string(self, callid: str, members: MemberList, keys: str) -> str:
        """30017 of a whole string, after its single keys."""
        return self._event("DTMF", call_id=callid, members=members, info=BLANK, infos=keys)

    def prompt_end_ivr(self, callid: str, members: MemberList, ivr: str) -> str:
        """30018 of an IVR's prompt; the guide has no sample of one, so the prompt has no name (inferred)."""
        return self._event("PlayPromptEnd", call_id=callid, members=members, prompt=BLANK)

    def prompt_end(self, callid: str, members: MemberList, prompt: str) -> str:
        """30018 of a prompt that was played by request."""
        return self._event("PlayPromptEnd", call_id=callid, members=members, prompt=prompt)

    def extension_status(self, extension: str, status: str) -> str:
        """30008."""
        return self._event("ExtensionStatus", extension=extension, status=status)

    def new_cdr(self, detail: CallDetail) -> str:
        """30012: every field is there, durations are numbers, and what is empty is a blank."""
        return self._event(
            "NewCdr",
            call_id=detail.callid,
            time_start=detail.timestart,
            call_from=detail.callfrom,
            call_to=detail.callto,
            call_duration=detail.call_seconds,
            talk_duration=detail.talk_seconds,
            src_trunk_name=detail.source_trunk or BLANK,
            dst_trunk_name=detail.destination_trunk or BLANK,
            pin_code=BLANK,
            status=EVENT_STATUS.get(detail.status, detail.status),
            type=detail.type,
            recording=detail.recording or BLANK,
            did_number=detail.did or BLANK,
            agent_ring_time=detail.agent_ring_seconds or 0,
        )

    def _event(self, name: str, **fields: Any) -> str:
        return dumps({"type": EVENT_IDS[name], "sn": self._serial, "msg": dumps(fields)})


def break_as_in_the_guide(text: str) -> str:
    """The same event as the guide's samples show it: the JSON within `msg` without its escapes."""
    event = json.loads(text)
    return f'{{"type":{event["type"]},"sn":"{event["sn"]}","msg":"{event["msg"]}"}}'
