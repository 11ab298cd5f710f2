"""The reports of the S-Series API v1.1.0, as text.

Field names and their order are those of the samples in the manual's chapter of API reports, misspellings
included (`callduraction`, `talkduraction`). Every value that gets here is a validated number or already
quoted JSON, so no JSON encoder is needed: reports are most of what a busy simulator does.
"""

import re

from dispatcher.simulator.exchange.detail import CallDetail


def extension_party(extension: str) -> str:
    """`ext` of a party object."""
    return f'"ext":{{"extid":"{extension}"}}'


def outbound_party(origin: str, to: str, trunk: str, outboundid: str) -> str:
    """`outbound` of a party object; `trunk` is quoted JSON."""
    return f'"outbound":{{"from":"{origin}","to":"{to}","trunk":{trunk},"outboundid":"{outboundid}"}}'


def inbound_party(origin: str, to: str, trunk: str, inboundid: str) -> str:
    """`inbound` of a party object; `trunk` is quoted JSON."""
    return f'"inbound":{{"from":"{origin}","to":"{to}","trunk":{trunk},"inboundid":"{inboundid}"}}'


def with_callpath(party: str, callpath: str) -> str:
    """A party as DTMF reports show it, with the IVR that it talks to."""
    return f'{party[:-1]},"callpath":"{callpath}"}}'


def cdr_fields(detail: CallDetail) -> str:
    """The fields of a NewCdr report, from `timestart` on; absent ones are left out, as in the samples."""
    source = f'"srctrunkname":"{detail.source_trunk}",' if detail.source_trunk else ""
    destination = f'"desttrunkname":"{detail.destination_trunk}",' if detail.destination_trunk else ""
    did = f',"didnumber":"{detail.did}"' if detail.did else ""
    agent = "" if detail.agent_ring_seconds is None else f',"agentringtime":"{detail.agent_ring_seconds}"'
    recording = f',"recording":"{detail.recording}"' if detail.recording else ""
    return (
        f'"timestart":"{detail.timestart}","callfrom":"{detail.callfrom}","callto":"{detail.callto}",'
        f'{source}{destination}"callduraction":"{detail.call_seconds}",'
        f'"talkduraction":"{detail.talk_seconds}",'
        f'"status":"{detail.status}","type":"{detail.type}"{did}{agent}{recording}'
    )


class ReportText:
    """Writes the reports of one PBX."""

    def __init__(self, serial: str) -> None:
        self._tail = f',"sn":"{serial}"}}' if serial else "}"

    def boot_up(self) -> str:
        """BootUp."""
        return f'{{"action":"BootUp"{self._tail}'

    def call_state(self, action: str, callid: str, parties: tuple[str, ...], *, well_formed: bool) -> str:
        """RING, ALERT, ANSWER, ANSWERED, BYE.

        Without `version` "1.0.2" at the login the parties are keys of one object, the same key twice included
        (manual, "Login": the version repairs reports that do not conform to JSON).
        """
        joined = "},{".join(parties) if well_formed else ",".join(parties)
        return f'{{"action":"{action}","callid":"{callid}","call":[{{{joined}}}]{self._tail}'

    def call_failed(self, callid: str, reason: str, parties: tuple[str, ...]) -> str:
        """CallFailed: the parties are at the top level."""
        return (
            f'{{"action":"CallFailed","reason":"{reason}","callid":"{callid}",{",".join(parties)}{self._tail}'
        )

    def dtmf_key(self, callid: str, party: str, key: str, position: int) -> str:
        """DTMF of one key."""
        return (
            f'{{"action":"DTMF","callid":"{callid}","call":[{{{party}}}],'
            f'"info":"{key}","flag":"{position}"{self._tail}'
        )

    def dtmf_string(self, callid: str, party: str, keys: str) -> str:
        """DTMF of a whole string, after its single keys."""
        return f'{{"action":"DTMF","callid":"{callid}","call":[{{{party}}}],"infos":"{keys}"{self._tail}'

    def prompt_end_ivr(self, callid: str, party: str, ivr: str, number: str) -> str:
        """PlayPromptEnd of an IVR's prompt, once per pass; `party` is a reduced one."""
        return (
            f'{{"action":"PlayPromptEnd","callid":"{callid}","call":[{{{party}}}],"ivr":{{"ivrid":"{ivr}"}},'
            f'"playtonum":"{number}"{self._tail}'
        )

    def prompt_end(self, callid: str, party: str, prompt: str) -> str:
        """PlayPromptEnd of a prompt that was played by a playprompt request: no number."""
        return f'{{"action":"PlayPromptEnd","callid":"{callid}",{party},"prompt":"{prompt}"{self._tail}'

    def new_cdr(self, callid: str, fields: str) -> str:
        """NewCdr; `fields` are the record's own, from `timestart` on."""
        return f'{{"action":"NewCdr","callid":"{callid}",{fields}{self._tail}'


def break_as_in_the_manual(text: str) -> str:
    """The same report as the manual's own malformed samples would print it.

    PlayPromptEnd lacks the comma after `playtonum`, CallFailed has a comma too many inside its party, reports
    of two parties have them as keys of one object, and any other has a comma too many at its end.
    """
    if '"playtonum"' in text:
        return re.sub(r'("playtonum":"[^"]*"),', r"\1 ", text)
    if text.startswith('{"action":"CallFailed"'):
        return text.replace('"},', '",},', 1)
    if "},{" in text:
        return text.replace("}},{", "},", 1)
    return text[:-1] + ",}"
