"""Checks what a dial request names, in this order: extension (10006), number (10031), route (10024)."""

import re
from collections.abc import Callable, Iterable

from dispatcher.simulator.callees import SCRIPTS, Behaviour
from dispatcher.simulator.exchange.exchange import Exchange, NoRoute
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.settings import TrunkSettings

NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
PROMPT = re.compile(r"[A-Za-z0-9_. -]*[A-Za-z][A-Za-z0-9_. -]*")
Complete = Callable[[CallPlan], CallPlan]


class Placing:
    """Turns checked numbers into calls on the exchange; each method returns the callid."""

    def __init__(self, exchange: Exchange, *, by_report: bool = False) -> None:
        """`by_report`: a bad number, or one without a right to it, is told by a report, not by the answer."""
        self._exchange = exchange
        self._by_report = by_report

    def outside(self, kind: str, dialled: str, permission: str, origin: str, complete: Complete) -> str:
        """Call an outside number by a route that the extension `permission` may take."""
        exchange = self._exchange
        if permission and permission not in exchange.extensions:
            raise Refusal("10006")
        if not NUMBER.fullmatch(dialled):
            raise Refusal("10031")
        trunk, number, forbidden = self._route(dialled, permission)
        shown = number if exchange.settings.reported_number == "stripped" else dialled
        plan = complete(
            CallPlan(
                origin=origin,
                shown_number=shown,
                direction="Outbound",
                monitored=trunk.monitored,
                trunk=trunk,
            )
        )
        record = exchange.new_record(kind, number, dialled, extension=permission, trunk=trunk.name)
        record.channels = 2 if plan.onward else 1
        reachable = exchange.reachable(trunk, record.channels)
        behaviour, script, record.nth_dial = exchange.callees.dial(number, counted=reachable)
        if forbidden or (script.refused and self._by_report):
            script = SCRIPTS[Behaviour.NOT_PERMITTED if forbidden else Behaviour.ADDRESS_INCOMPLETE]
        elif script.refused:
            raise Refusal("10031")
        exchange.place(plan, record, behaviour, script)
        return record.callid

    def _route(self, dialled: str, permission: str) -> tuple[TrunkSettings, str, bool]:
        """The trunk, the number behind its prefix, and whether the extension has no right to it."""
        try:
            return *self._exchange.route(dialled, permission), False
        except NoRoute as none:
            if not none.forbidden or not self._by_report:
                raise Refusal("10024" if none.forbidden else "10031") from None
        return *self._exchange.route(dialled, ""), True

    def inside(self, kind: str, number: str, origin: str, complete: Complete) -> str:
        """Call an extension."""
        exchange = self._exchange
        extension = exchange.extensions.get(number)
        if extension is None:
            raise Refusal("10006")
        plan = complete(
            CallPlan(
                origin=origin,
                shown_number=number,
                direction="Internal",
                monitored=extension.monitored,
                extension=number,
            )
        )
        record = exchange.new_record(kind, number, number, extension=number)
        behaviour, script, record.nth_dial = exchange.callees.dial(number, external=False)
        if script.refused:
            raise Refusal("10031")
        exchange.place(plan, record, behaviour, script)
        return record.callid

    def check_prompts(self, names: Iterable[str]) -> None:
        """Refusal 10023 unless every file has been uploaded."""
        uploaded = self._exchange.settings.prompts
        for name in names:
            known = name in uploaded if uploaded is not None else PROMPT.fullmatch(name) or name.isdigit()
            if not known:
                raise Refusal("10023")
