"""Calls that are put through by request: who may be called, and by which right."""

from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.exchange import Exchange, NoRoute
from dispatcher.simulator.exchange.refusal import Refusal

NO_SUCH_EXTENSION, NOT_BRIDGED, NO_RIGHT, NO_SUCH_NUMBER = "10006", "10015", "10024", "10031"


def put_through(exchange: Exchange, call: Call, number: str, permission: str) -> None:
    """Lead a call on to an extension, or by a route of the extension ``permission`` to an outside number.

    Refusal as a dial request has it, and 10015 where nobody has answered yet or the trunk is full.
    """
    if permission and permission not in exchange.extensions:
        raise Refusal(NO_SUCH_EXTENSION)
    if not call.answered or not call.seized:
        raise Refusal(NOT_BRIDGED)
    if number in exchange.extensions:
        exchange.lead_on_soon(call, agent=number)
        return
    try:
        exchange.route(number, permission)
    except NoRoute as none:
        raise Refusal(NO_RIGHT if none.forbidden else NO_SUCH_NUMBER) from None
    if not exchange.judge.room(call.record.trunk):
        raise Refusal(NOT_BRIDGED)
    exchange.lead_on_soon(call, onward=number)
