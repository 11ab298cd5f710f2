"""Checks what a dial request names, in this order: extension (10006), number (10031), route (10024)."""

import re
from collections.abc import Callable

from dispatcher.simulator.exchange.exchange import Exchange, NoRoute
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.exchange.refusal import Refusal

NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
PROMPT = re.compile(r"[A-Za-z0-9_. -]*[A-Za-z][A-Za-z0-9_. -]*")
Complete = Callable[[CallPlan], CallPlan]


class Placing:
    """Turns checked numbers into calls on the exchange; each method returns the callid."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def outside(self, kind: str, dialled: str, permission: str, origin: str, complete: Complete) -> str:
        """Call an outside number by a route that the extension `permission` may take."""
        exchange = self._exchange
        if permission and permission not in exchange.extensions:
            raise Refusal("10006")
        if not NUMBER.fullmatch(dialled):
            raise Refusal("10031")
        try:
            trunk, number = exchange.route(dialled, permission)
        except NoRoute as none:
            raise Refusal("10024" if none.forbidden else "10031") from None
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
        if script.refused:
            raise Refusal("10031")
        exchange.place(plan, record, behaviour, script)
        return record.callid

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

    def check_prompt(self, prompt: str) -> None:
        """Refusal 10023 unless every file of `a+b` has been uploaded."""
        uploaded = self._exchange.settings.prompts
        for name in prompt.split("+"):
            known = name in uploaded if uploaded is not None else PROMPT.fullmatch(name) or name.isdigit()
            if not known:
                raise Refusal("10023")
