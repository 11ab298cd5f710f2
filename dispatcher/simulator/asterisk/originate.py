"""The action Originate: a call over a trunk or to an extension, led into a context of the dialplan."""

from collections.abc import Callable
from dataclasses import replace

from dispatcher.simulator.asterisk.manager import Action, ManagerConnection, first
from dispatcher.simulator.asterisk.reporter import Reporter
from dispatcher.simulator.asterisk.words import block
from dispatcher.simulator.callees import SCRIPTS, Behaviour
from dispatcher.simulator.exchange.answers import DialAnswers
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.plan import CallPlan

IVRS, PROMPTS, QUEUES, ENDED, TRANSFERS = (
    *("dispatcher-ivr", "dispatcher-play", "dispatcher-queue", "dispatcher-ended"),
    "dispatcher-transfer",
)
LONGEST_ID = 149


class _Answer:
    """The way back of an originate. What has no form here, such as an answer of HTTP, is a connection cut."""

    def __init__(self, action: Action, asker: ManagerConnection) -> None:
        self._asker = asker
        self._text = block([("Response", "Success"), ("ActionID", first(action, "actionid"))])

    def reply(self, body: bytes, status: int = 200, content_type: str = "") -> None:
        """Send the answer; an empty body stands for none."""
        if status != 200:
            self._asker.cut()
        elif body:
            self._asker.send(f"{self._text}\r\nMessage: {body.decode()}")

    def cut(self) -> None:
        """Cut the connection in place of an answer."""
        self._asker.cut()


class Originate:
    """Turns originates into calls. It is answered at once; what becomes of it is told by events."""

    def __init__(
        self,
        exchange: Exchange,
        reporter: Reporter,
        restart: Callable[[float], None],
        tell: Callable[[str], None],
    ) -> None:
        self._exchange = exchange
        self._reporter = reporter
        self._tell = tell
        self._answers = DialAnswers(exchange, restart, ("", b""))
        settings = exchange.settings
        self._ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        self._agents = {queue.number: queue.agent for queue in settings.queues}

    def serve(self, action: Action, asker: ManagerConnection) -> None:
        """Answer an originate."""
        callid = first(action, "channelid")
        if len(callid) > LONGEST_ID:
            why = f"Uniqueid length exceeds maximum of {LONGEST_ID}"
            asker.respond(action, "Error", [("Message", why)])
            return
        channel, answer = first(action, "channel"), _Answer(action, asker)
        record = self._answers.received("Originate", channel)
        if self._answers.struck(record, answer):
            return
        if callid in self._exchange.live or not self._place(action, callid, channel):
            # A second call under an id that is up is refused with that very id.
            self._answers.refused(record, "")
            answer.reply(b"Originate successfully queued")
            self._tell(self._reporter.no_channel(first(action, "actionid"), callid, channel))
            return
        self._answers.answer(record, callid, answer, b"Originate successfully queued")

    def _place(self, action: Action, callid: str, channel: str) -> bool:
        """Place the call; False where the channel's endpoint is none."""
        exchange = self._exchange
        dialled, _, endpoint = channel.removeprefix("PJSIP/").partition("@")
        trunk = exchange.trunks.get(endpoint)
        if trunk is None and (endpoint or dialled not in exchange.extensions):
            return False
        number = dialled.removeprefix(trunk.prefix) if trunk is not None and trunk.strip else dialled
        plan = CallPlan(
            origin=callid,
            shown_number=number,
            direction="Outbound" if trunk is not None else "Internal",
            monitored=True,
            trunk=trunk,
            extension="" if trunk is not None else dialled,
        )
        made = exchange.new_record(
            "originate", number, dialled, extension=plan.extension, trunk=trunk.name if trunk else ""
        )
        made.callid = made.outboundid = callid
        counted = trunk is None or exchange.reachable(trunk)
        behaviour, script, made.nth_dial = exchange.callees.dial(
            number, external=trunk is not None, counted=counted
        )
        if script.refused:
            script = SCRIPTS[Behaviour.ADDRESS_INCOMPLETE]
        call = exchange.place(self._led(plan, action), made, behaviour, script)
        self._reporter.notes(call).action = first(action, "actionid")
        return True

    def _led(self, plan: CallPlan, action: Action) -> CallPlan:
        """What the dialplan does with who answers."""
        context, exten = first(action, "context"), first(action, "exten")
        variables = dict(text.partition("=")[::2] for text in action.get("variable", ()))
        if context == IVRS:
            return replace(plan, ivr=self._ivrs[exten], path=exten)
        if context == QUEUES:
            return replace(plan, agent=self._agents[exten], path=exten)
        repeats = int(variables.get("DISPATCHER_COUNT", "1"))
        return replace(plan, prompt=variables.get("DISPATCHER_PROMPTS", ""), repeats=repeats)
