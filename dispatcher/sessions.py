"""One login per PBX, shared by every process through the store.

A session is taken anew when the PBX says that its token is gone. A password that the PBX refused is
not tried a second time until the account changes, because the PBX blocks the address for ten minutes
after five wrong ones (S-Series API v1.1.0 manual, "Login").

While no session was good no reports were sent ("Heartbeat" of the same manual: they end with the token), and
a PBX that has forgotten a token has probably started again. So with every login but the first it is
demanded that the PBX is asked for all calls that are open.
"""

import hashlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from dispatcher.clock import Clock
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Driver, PbxAccount, Session
from dispatcher.store import inquiries, sessions
from dispatcher.store.engine import Store, is_outage

T = TypeVar("T")

LEASE = timedelta(seconds=20)
LOCKOUT = timedelta(minutes=10)
AWAY = timedelta(seconds=3)
_WAIT_FOR_OTHERS = 15.0


@dataclass(frozen=True, slots=True)
class Pbx:
    """A configured PBX: its account and its driver."""

    account: PbxAccount
    driver: Driver

    @property
    def dial_seconds(self) -> float:
        """How long its dial requests may take."""
        return self.account.timeout_seconds + self.driver.capabilities.dial_waits


class Sessions:
    """Lends the shared session to whoever talks to a PBX."""

    def __init__(self, store: Store, pbxes: Mapping[str, Pbx], clock: Clock) -> None:
        self._store = store
        self._pbxes = pbxes
        self._clock = clock
        self._known: dict[str, tuple[int, Session]] = {}
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    def use(self, pbx: str, request: Callable[[Driver, Session], T]) -> T:
        """Run ``request`` with the session, logging in first where there is none.

        When the PBX says that the token is gone, the request had no effect: it is repeated once
        with a new session. Raises what the request or the login raises, and :class:`PbxRefused`, since
        nothing was sent, when the database that holds the sessions is away.
        """
        driver = self._pbxes[pbx].driver
        generation, session = self._with_database(lambda: self._current(pbx))
        try:
            return request(driver, session)
        except PbxRefused as error:
            if error.reason is not Reason.TOKEN_INVALID:
                raise
        _, session = self._with_database(lambda: self._renew(pbx, generation))
        return request(driver, session)

    def _with_database(self, find: Callable[[], tuple[int, Session]]) -> tuple[int, Session]:
        """A session, or the refusal of a request that could not be sent for want of one."""
        try:
            return find()
        except Exception as error:
            if not is_outage(error):
                raise
            why = "the database is away, and with it the session"
            raise PbxRefused(Reason.NEVER_PLACED, why) from None

    def renew(self, pbx: str, stale: int) -> None:
        """Log in anew although the session ``stale`` may still be good, as after the PBX has started again.

        Nothing is done where another process has logged in since that session.
        """
        self._renew(pbx, stale)

    def refresh(self, pbx: str, every: timedelta) -> None:
        """Send the heartbeat when the last one, by any process, is older than ``every``."""
        now = self._clock()
        with self._store.write() as tx:
            row = sessions.of_pbx(tx, pbx)
            fresh = row is not None and row.token and row.refreshed_at and row.refreshed_at + every > now
            mine = not fresh and row is not None and sessions.note_refresh(tx, pbx, row.refreshed_at, now)
        if row is None or not row.token:
            self._current(pbx)
        elif mine:
            self.greet(pbx)

    def greet(self, pbx: str) -> None:
        """Send the heartbeat, whenever the last one was, and go on with the session that comes of it, if any.

        Raises what the request or the login raises.
        """
        successor = self.use(pbx, lambda driver, session: driver.keep_alive(session))
        if successor is not None:
            self._keep_successor(pbx, successor)

    def _current(self, pbx: str) -> tuple[int, Session]:
        known = self._known.get(pbx)
        if known is not None:
            return known
        return self._renew(pbx, 0)

    def _renew(self, pbx: str, stale: int) -> tuple[int, Session]:
        """The session that followed generation ``stale``, logging in unless another process just did."""
        until = time.monotonic() + _WAIT_FOR_OTHERS
        while True:
            now = self._clock()
            with self._store.write() as tx:
                row = sessions.of_pbx(tx, pbx)
                if row is not None and row.generation > stale and row.token:
                    return self._remember(pbx, row.generation, Session(row.token))
                generation = row.generation if row is not None else 0
                if row is not None:
                    self._refuse_hopeless(pbx, row)
                if sessions.take_lease(tx, pbx, self._owner, generation, now, now + LEASE):
                    break
            if time.monotonic() > until:
                raise PbxRefused(
                    Reason.PBX_AWAY, f"another process has been logging in to {pbx} for too long"
                )
            time.sleep(0.05)
        return self._log_in(pbx)

    def _refuse_hopeless(self, pbx: str, row: Any) -> None:
        if row.refused_password and row.refused_password == self._fingerprint(pbx):
            raise PbxRefused(
                Reason.CREDENTIALS_REFUSED,
                f"{pbx} refused this user name and password; they are not tried again until they change",
            )
        if row.retry_at is not None and row.retry_at > self._clock():
            raise PbxRefused(
                Reason.PBX_AWAY, f"no login at {pbx} before {row.retry_at:%H:%M:%S} UTC: {row.problem}"
            )

    def _log_in(self, pbx: str) -> tuple[int, Session]:
        try:
            session = self._pbxes[pbx].driver.login()
        except PbxError as error:
            self._note_failure(pbx, error)
            # A login places no call: whatever happened to it, nothing of ours is in doubt, and no callee
            # pays for it with an attempt.
            reason = Reason.PBX_AWAY if isinstance(error, PbxInDoubt) else error.reason
            raise PbxRefused(reason, f"login at {pbx}: {error.detail}") from None
        now = self._clock()
        with self._store.write() as tx:
            generation = sessions.store_login(tx, pbx, now, session.token)
            if generation > 1:
                inquiries.demand(tx, pbx, now, "its reports were not sent before this login")
        return self._remember(pbx, generation, session)

    def _keep_successor(self, pbx: str, successor: Session) -> None:
        with self._store.write() as tx:
            generation = sessions.store_successor(tx, pbx, self._clock(), successor.token)
        self._remember(pbx, generation, successor)

    def _note_failure(self, pbx: str, error: PbxError) -> None:
        now = self._clock()
        refused = error.reason is Reason.CREDENTIALS_REFUSED
        wait = LOCKOUT if error.reason is Reason.LOCKED_OUT else AWAY
        self._known.pop(pbx, None)
        with self._store.write() as tx:
            sessions.store_failure(
                tx,
                pbx,
                problem=str(error),
                retry_at=None if refused else now + wait,
                refused_password=self._fingerprint(pbx) if refused else None,
            )

    def _remember(self, pbx: str, generation: int, session: Session) -> tuple[int, Session]:
        self._known[pbx] = (generation, session)
        return generation, session

    def _fingerprint(self, pbx: str) -> str:
        return fingerprint(self._pbxes[pbx].account)


def fingerprint(account: PbxAccount) -> str:
    """What an account is known by when its PBX has refused it; the password can't be had back from it."""
    text = f"{account.url}\n{account.username}\n{account.password}".encode()
    return hashlib.scrypt(text, salt=b"dispatcher:pbx", n=2**12, r=8, p=1, dklen=16).hex()
