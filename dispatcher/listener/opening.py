"""Whether a stream may be opened now, and what a failure to open it means for the next try."""

from datetime import datetime
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import PbxAccount
from dispatcher.sessions import LOCKOUT, fingerprint
from dispatcher.store import streams
from dispatcher.store.engine import Store


def why_not(row: Any, session: Any, account: PbxAccount, now: datetime) -> str:
    """Why a stream is not to be tried now, empty if it is; ``row`` and ``session`` are the store's.

    The stream and the session have one account, and five refused passwords lock our address out, so what one
    of them has learnt holds for both.
    """
    refused = {row.refused_account, session.refused_password if session is not None else None} - {None}
    if refused and fingerprint(account) in refused:
        return "this user name and password were refused; they are not tried again until they change"
    waits = [row.retry_at, session.retry_at if session is not None else None]
    until = max((wait for wait in waits if wait is not None), default=None)
    return f"not before {until:%H:%M:%S} UTC" if until is not None and until > now else ""


def note_failure(store: Store, account: PbxAccount, now: datetime, error: PbxError) -> None:
    """Keep why a stream could not be opened or has broken off, for every process that would try."""
    refused = error.reason is Reason.CREDENTIALS_REFUSED
    with store.write() as tx:
        streams.lost(
            tx,
            account.name,
            now,
            str(error),
            refused_account=fingerprint(account) if refused else None,
            retry_at=now + LOCKOUT if error.reason is Reason.LOCKED_OUT else None,
        )
