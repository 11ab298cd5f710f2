"""The actions of the manager interface that the simulated Asterisk knows."""

import time
from collections.abc import Callable, Mapping

from dispatcher.simulator.asterisk.manager import Action, ManagerConnection, first
from dispatcher.simulator.asterisk.reporter import Reporter
from dispatcher.simulator.asterisk.words import VERSION, Fields
from dispatcher.simulator.exchange.exchange import Exchange

Perform = Callable[[Action, ManagerConnection], None]


class Actions:
    """Answers everything but the originate."""

    def __init__(self, exchange: Exchange, reporter: Reporter, extens: Mapping[str, tuple[str, ...]]) -> None:
        """`extens`: the extensions of each context of the dialplan; `*` stands for any."""
        self._exchange = exchange
        self._reporter = reporter
        self._extens = extens
        self._started = int(time.time())
        self.known: Mapping[str, Perform] = {
            "ping": self._ping,
            "listcommands": self._commands,
            "corestatus": self._status,
            "coresettings": self._settings,
            "coreshowchannels": self._channels,
            "hangup": self._hang_up,
            "setvar": self._set,
            "redirect": self._redirect,
            "dbget": self._kept,
            "showdialplan": self._dialplan,
            "queuesummary": self._queue,
            "getvar": self._variable,
        }

    def restarted(self) -> None:
        """Asterisk was started anew. It tells whole seconds; a real one never starts twice in one."""
        self._started = max(int(time.time()), self._started + 1)

    def _ping(self, action: Action, asker: ManagerConnection) -> None:
        asker.respond(action, "Success", [("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}")])

    def _commands(self, action: Action, asker: ManagerConnection) -> None:
        """What the account may do; `Command` is not among it."""
        names = ("Originate", "Ping", "CoreStatus", "CoreSettings", "CoreShowChannels", "Hangup", "DBGet")
        rows = (*names, "Setvar", "Redirect", "ShowDialPlan", "QueueSummary", "Getvar", "ListCommands")
        asker.respond(action, "Success", [(name, f"{name} (Priv: <none>)") for name in rows])

    def _status(self, action: Action, asker: ManagerConnection) -> None:
        date, _, at = self._exchange.clock.local_time(self._started).partition(" ")
        asker.respond(action, "Success", [("CoreStartupDate", date), ("CoreStartupTime", at)])

    def _settings(self, action: Action, asker: ManagerConnection) -> None:
        asker.respond(action, "Success", [("AsteriskVersion", VERSION), ("SystemName", "")])

    def _channels(self, action: Action, asker: ManagerConnection) -> None:
        rows: list[Fields] = [self._reporter.channel(call) for call in self._exchange.live.values()]
        asker.list(action, "CoreShowChannel", rows)

    def _hang_up(self, action: Action, asker: ManagerConnection) -> None:
        call = self._exchange.live.get(first(action, "channel"))
        if call is None:
            asker.respond(action, "Error", [("Message", "No such channel")])
            return
        asker.respond(action, "Success", [("Message", "Channel Hungup")])
        self._exchange.hang_up_soon(call, "hung up by the manager")

    def _set(self, action: Action, asker: ManagerConnection) -> None:
        """Only of a channel."""
        call = self._exchange.live.get(first(action, "channel"))
        if call is None:
            asker.respond(action, "Error", [("Message", "No such channel")])
            return
        self._reporter.notes(call).variables[first(action, "variable")] = first(action, "value")
        asker.respond(action, "Success", [("Message", "Variable Set")])

    def _redirect(self, action: Action, asker: ManagerConnection) -> None:
        """Into the context that calls whom DISPATCHER_TRANSFER names; there is nothing else to lead to."""
        channel, exchange = first(action, "channel"), self._exchange
        call = exchange.live.get(channel)
        if call is None:
            asker.respond(action, "Error", [("Message", f"Channel does not exist: {channel}")])
            return
        asker.respond(action, "Success", [("Message", "Redirect successful")])
        dialled = self._reporter.notes(call).variables.get("DISPATCHER_TRANSFER", "")
        number, _, endpoint = dialled.removeprefix("PJSIP/").partition("@")
        if endpoint == call.record.trunk and exchange.judge.room(endpoint):
            exchange.lead_on_soon(call, onward=number)
        elif not endpoint and number in exchange.extensions:
            exchange.lead_on_soon(call, agent=number)
        else:
            exchange.hang_up_soon(call, "nobody could be called")

    def _kept(self, action: Action, asker: ManagerConnection) -> None:
        family, key = first(action, "family"), first(action, "key")
        day = family.rpartition("/")[2]
        value = self._reporter.kept.get((int(day), key)) if day.isdecimal() else None
        if value is None:
            asker.respond(action, "Error", [("Message", "Database entry not found")])
        else:
            asker.list(action, "DBGetResponse", [[("Family", family), ("Key", key), ("Val", value)]])

    def _dialplan(self, action: Action, asker: ManagerConnection) -> None:
        context, exten = first(action, "context"), first(action, "extension")
        extens = self._extens.get(context)
        if extens is None:
            asker.respond(action, "Error", [("Message", f"Did not find context {context}")])
        elif exten and not {exten, "*"} & set(extens):
            asker.respond(action, "Error", [("Message", f"Did not find extension {exten}@{context}")])
        else:
            rows: list[Fields] = [[("Context", context), ("Extension", each)] for each in extens]
            asker.list(action, "ListDialplan", rows)

    def _queue(self, action: Action, asker: ManagerConnection) -> None:
        wanted = first(action, "queue")
        known = {queue.number for queue in self._exchange.settings.queues}
        asker.list(action, "QueueSummary", [[("Queue", wanted)]] if wanted in known else [])

    def _variable(self, action: Action, asker: ManagerConnection) -> None:
        """Only the state of a device is ever asked for."""
        name = first(action, "variable")
        device = name.removeprefix("DEVICE_STATE(PJSIP/").removesuffix(")")
        state = "INVALID"
        if device in self._exchange.trunks:
            state = "UNAVAILABLE" if device in self._exchange.down else "NOT_INUSE"
        asker.respond(action, "Success", [("Variable", name), ("Value", state)])
