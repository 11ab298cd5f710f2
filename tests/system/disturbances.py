"""What is done to a running installation: processes killed, servers restarted, the PBX and its line broken.

Each disturbance leaves the installation whole again when it returns, or soon after: what was killed has been
started, what was cut is mended. What it did is told, with the dice's choices.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from dispatcher.simulator import SimulatedPbx
from tests.services import PostgresServer, RedisServer
from tests.system.site import TRUNK, WORKERS_READY, Site
from tests.system.wire import State, Wire


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a run consists of; on SQLite there are no servers.

    ``wires`` are all lines to the PBX: to its API, and to the port of its reports where it has one.
    """

    site: Site
    pbx: SimulatedPbx
    wires: Sequence[Wire]
    postgres: PostgresServer | None
    redis: RedisServer | None


Disturbance = Callable[[World, random.Random], str]


def kill(name: str, *, only_child: bool = False) -> Disturbance:
    """``kill -9`` of one process with all that it started, or of its one child, and its start again."""

    def kill_it(world: World, dice: random.Random) -> str:
        program = world.site.programs[name]
        if only_child and program.is_running and WORKERS_READY in program.said:
            program.kill_child()
        else:
            program.kill()
        time.sleep(dice.uniform(0.0, 0.5))
        world.site.launch(name)
        return f"killed {name}{' by its child' if only_child else ''}"

    return kill_it


def restart_postgres(world: World, dice: random.Random) -> str:
    """PostgreSQL crashes, or is stopped in order, and comes back with what was committed."""
    assert world.postgres is not None
    crashes = dice.random() < 0.7
    (world.postgres.kill if crashes else world.postgres.stop)()
    time.sleep(dice.uniform(0.2, 1.5))
    world.postgres.start()
    return f"PostgreSQL {'crashed' if crashes else 'was stopped'} and came back"


def restart_redis(world: World, dice: random.Random) -> str:
    """Redis dies and comes back empty."""
    assert world.redis is not None
    world.redis.kill()
    time.sleep(dice.uniform(0.2, 1.5))
    world.redis.start()
    return "Redis died and came back empty"


def empty_redis(world: World, dice: random.Random) -> str:
    """Redis forgets every message while it runs."""
    assert world.redis is not None
    flush(world.redis)
    return "Redis was emptied"


def restart_pbx(world: World, dice: random.Random) -> str:
    """The PBX restarts: calls, tokens and waiting reports are gone; it is away for a moment."""
    seconds = dice.uniform(0.2, 1.5)
    world.pbx.restart(seconds)
    time.sleep(seconds)
    return f"the PBX restarted, away for {seconds:.1f} s"


def forget_tokens(world: World, dice: random.Random) -> str:
    """The PBX lets every session lapse, and with it the way of its reports, until somebody logs in."""
    world.pbx.expire_tokens()
    return "the PBX's sessions lapsed"


def break_line(state: State, shortest: float = 0.3, longest: float = 2.0) -> Disturbance:
    """The lines to the PBX do something else for a while."""

    def break_it(world: World, dice: random.Random) -> str:
        seconds = dice.uniform(shortest, longest)
        for wire in world.wires:
            wire.turn(state)
        time.sleep(seconds)
        for wire in world.wires:
            wire.turn(State.GOOD)
        return f"the line was {state} for {seconds:.1f} s"

    return break_it


def trunk_down(world: World, dice: random.Random) -> str:
    """The trunk fails for a moment; calls that are up on it go on."""
    seconds = dice.uniform(0.3, 1.5)
    world.pbx.set_trunk(TRUNK, down=True)
    time.sleep(seconds)
    world.pbx.set_trunk(TRUNK, down=False)
    return f"the trunk was down for {seconds:.1f} s"


def flush(server: RedisServer) -> None:
    """Empty a Redis that runs."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
