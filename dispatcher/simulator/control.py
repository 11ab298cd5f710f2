"""The HTTP pages under `/simulator/`: watch the simulated PBX, and make things happen on it.

GET  /simulator/state     trunks, reports, over-limit calls, number of live calls
GET  /simulator/calls     the truth about every call
GET  /simulator/log       everything, as JSON lines
POST /simulator/callees   {"NUMBER": "BEHAVIOUR", ...}; "default" sets the default behaviour
POST /simulator/faults    {"FAULT": PROBABILITY, ..., "seed": 1, "arm": {"FAULT": TIMES}, "late_seconds": 1}
POST /simulator/others    {"trunk": NAME, "direction": "outbound"|"inbound", "seconds": 10, "count": 1, ...}
POST /simulator/trunks    {"NAME": "down"|"up", ...}
POST /simulator/restart   {"seconds": 0, "boot_up": false}: calls, tokens and waiting reports are gone; away
                          for so long, and then reports BootUp or not
POST /simulator/outage    {"kind": "502"|"cut"|"slow"|"none", "seconds": 0, "delay": 1}
POST /simulator/stream    {"drop": true, "silent": true|false} (yeastar-k2 over TCP, yeastar-p)
POST /simulator/reset     as new, but still logged in
"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Protocol

from dispatcher.simulator.callees import Behaviour
from dispatcher.simulator.family import SimulatedFamily
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.outage import Outage, OutageKind

PREFIX = "/simulator/"
DURATIONS = ("late_seconds", "early_seconds", "slow_seconds", "trunk_down_seconds", "restart_seconds")


class Box(Protocol):
    """The PBX with its ports."""

    outage: Outage

    def restart(self, seconds: float, *, boot_up: bool = False) -> None:
        """Restart, away for so long."""


class Control:
    """Answers the requests under `/simulator/`."""

    def __init__(self, pbx: SimulatedFamily, box: Box) -> None:
        self._pbx = pbx
        self._box = box
        self._posts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "callees": self._set_callees,
            "faults": self._set_faults,
            "others": self._place_others,
            "trunks": self._set_trunks,
            "restart": self._restart,
            "outage": self._begin_outage,
            "reset": lambda body: self._pbx.reset(),
            **pbx.pages,
        }

    def handle(self, request: Request) -> None:
        """Answer: 400 with the reason for a bad body, 404 for an unknown page, 409 when it cannot be."""
        page = request.path[len(PREFIX) :]
        try:
            if request.method == "GET":
                self._show(page, request)
            elif page in self._posts:
                body = json.loads(request.body or b"{}")
                if not isinstance(body, dict):
                    raise ValueError("the body must be a JSON object")
                answer = self._posts[page](body)
                request.reply(json.dumps({"status": "ok", **(answer or {})}).encode())
            else:
                _error(request, 404, f"no such page: {page}")
        except (ValueError, TypeError, KeyError) as error:
            _error(request, 400, str(error))
        except RuntimeError as error:
            _error(request, 409, str(error))

    def _show(self, page: str, request: Request) -> None:
        judge = self._pbx.judge
        if page == "state":
            state = judge.state() | {"sessions": self._pbx.sessions, "idle": self._pbx.idle}
            request.reply(json.dumps(state).encode())
        elif page == "calls":
            request.reply(json.dumps([asdict(call) for call in judge.calls()]).encode())
        elif page == "log":
            lines = "".join(json.dumps(entry.as_dict()) + "\n" for entry in judge.log())
            request.reply(lines.encode(), 200, "application/x-ndjson")
        else:
            _error(request, 404, f"no such page: {page}")

    def _restart(self, body: dict[str, Any]) -> None:
        self._box.restart(float(body.get("seconds", 0)), boot_up=bool(body.get("boot_up")))

    def _begin_outage(self, body: dict[str, Any]) -> None:
        kind, seconds = OutageKind(body["kind"]), float(body.get("seconds", 0))
        self._box.outage.begin(kind, seconds, float(body.get("delay", 1)))

    def _set_callees(self, body: dict[str, Any]) -> None:
        chosen = {number: Behaviour(name) for number, name in body.items()}
        if "default" in chosen:
            self._pbx.callees.default = chosen.pop("default")
        self._pbx.callees.numbers.update(chosen)

    def _set_faults(self, body: dict[str, Any]) -> None:
        change_faults(self._pbx.dice, body)

    def _place_others(self, body: dict[str, Any]) -> dict[str, Any]:
        trunk, count = str(body["trunk"]), int(body.get("count", 1))
        tally = self._pbx.judge.trunk(trunk)
        if tally.channels - tally.ours - tally.others < count:
            raise RuntimeError(f"{trunk} has not {count} free channels")
        callids = [
            self._pbx.place_other(
                trunk,
                str(body.get("direction", "outbound")),
                str(body.get("number", "5550100")),
                str(body.get("extension", "1010")),
                float(body.get("seconds", 10)),
            )
            for _ in range(count)
        ]
        return {"callids": callids}

    def _set_trunks(self, body: dict[str, Any]) -> None:
        for name, state in body.items():
            if state not in ("up", "down"):
                raise ValueError(f"a trunk is up or down, not {state!r}")
            self._pbx.set_trunk(name, down=state == "down")


def change_faults(dice: FaultDice, changes: dict[str, Any]) -> None:
    """Apply the body of `POST /simulator/faults`; faults that it does not name keep their probability."""
    rest = dict(changes)
    armed = {Fault(name): int(times) for name, times in dict(rest.pop("arm", {})).items()}
    durations: dict[str, Any] = {name: float(rest.pop(name)) for name in DURATIONS if name in rest}
    faults = replace(dice.settings, **durations)
    if "seed" in rest:
        faults = replace(faults, seed=int(rest.pop("seed")))
    if "actions" in rest:
        faults = replace(faults, actions=frozenset(map(str, rest.pop("actions"))))
    probabilities = {Fault(name): float(value) for name, value in rest.items()}
    dice.use(replace(faults, probabilities={**faults.probabilities, **probabilities}))
    for fault, times in armed.items():
        dice.arm(fault, times)


def _error(request: Request, status: int, reason: str) -> None:
    request.reply(json.dumps({"status": "error", "reason": reason}).encode(), status)
