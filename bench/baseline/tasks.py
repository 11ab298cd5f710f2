"""The actor: one message per call."""

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend
from sqlmodel import Session

from bench.asterisk.baseline_ami import AmiPbx
from bench.baseline.database import engine, settle
from bench.baseline.models import Call, Status, now
from bench.baseline.pbx import DialFailed, Pbx
from bench.baseline.settings import settings

RETRY_MS = 200
LONGEST_CALL_SECONDS = 120

broker = RedisBroker(url=settings.redis)  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)

store = redis.Redis.from_url(settings.redis)
limits = RedisBackend(url=settings.redis)
trunk = ConcurrentRateLimiter(limits, "trunk", limit=settings.channels)  # type: ignore[no-untyped-call]
pbx = AmiPbx(settings) if settings.pbx.startswith("ami:") else Pbx()


def end_key(callid: str) -> str:
    """Where the receiver pushes a token when the call's last report has been committed."""
    return f"ended:{callid}"


@dramatiq.actor(max_retries=0)
def place_call(call_id: int) -> None:
    """Place one call, and hold its channel until it is over."""
    with trunk.acquire(raise_on_failure=False) as acquired:
        if not acquired:
            place_call.send_with_options(args=(call_id,), delay=RETRY_MS)
            return
        callid = dial(call_id)
        if callid:
            wait_for_end(call_id, callid)


def dial(call_id: int) -> str:
    """Dial, and remember the callid; empty when the PBX refused the call."""
    with Session(engine) as session:
        number = session.get_one(Call, call_id).number
    try:
        callid = pbx.dial(number)
    except DialFailed as error:
        with Session(engine) as session:
            call = session.get_one(Call, call_id)
            call.status, call.cause, call.ended_at = Status.FAILED, str(error), now()
            session.commit()
        return ""
    with Session(engine) as session:
        call = session.get_one(Call, call_id)
        call.callid, call.status, call.dialled_at = callid, Status.DIALLED, now()
        session.commit()
    return callid


def wait_for_end(call_id: int, callid: str) -> None:
    """Wait for the last report, which may have come before the callid was known."""
    for _ in range(LONGEST_CALL_SECONDS):
        store.blpop([end_key(callid)], timeout=1)
        with Session(engine) as session:
            call = session.get_one(Call, call_id)
            if call.ended_at is not None or settle(session, call):
                return
