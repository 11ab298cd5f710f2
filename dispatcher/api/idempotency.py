"""Idempotency keys: the same POST sent twice does its work once, and is answered alike.

The key and the answer are stored in the transaction of the effect, so that either both exist or
neither does. A request that was refused leaves nothing behind: its key may be used again.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from sqlalchemy import Connection, delete, select, update

from dispatcher.api.answers import json_response
from dispatcher.api.auth import Client, client_of
from dispatcher.api.context import CoreDep
from dispatcher.api.problems import Problem
from dispatcher.core import Core
from dispatcher.store.tables import IdempotencyKey, table
from dispatcher.store.upsert import insert_into
from dispatcher.work import Work, carry_out

_keys = table(IdempotencyKey)
REPLAYED = "Idempotency-Replayed"
_LONGEST = 255

Do = Callable[[Work], tuple[int, Any]]
"""A use case inside its transaction: returns the answer's status and document."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Once:
    """One POST, with the key it may carry."""

    def __init__(self, core: Core, client: str, key: str | None, digest: str) -> None:
        self._core = core
        self._client = client
        self._key = key
        self._digest = digest

    def answer(self, do: Do) -> Response:
        """Do the work in one transaction with its key, and answer once that is committed."""

        def keyed(work: Work) -> Response:
            earlier = self._begin(work)
            if earlier is not None:
                return earlier
            status, document = do(work)
            response = json_response(document, status)
            self._finish(work, response)
            return response

        return carry_out(self._core, keyed)

    def answer_then(
        self, do: Callable[[Work], T], show: Callable[[Connection, T], tuple[int, Any]]
    ) -> Response:
        """Do the work in one transaction, and read the answer once that is committed and others are woken.

        Nobody then waits for the reading but who has asked. With a key the answer is read, and kept, in the
        transaction itself.
        """
        if self._key is not None:
            return self.answer(lambda work: show(work.tx, do(work)))
        done = carry_out(self._core, do)
        try:
            with self._core.store.read() as tx:
                status, document = show(tx, done)
        except Exception:
            # It is done: whoever were told to send it again would have it done twice.
            _log.exception("what was done could not be read for its answer")
            status, document = 202, {"id": done}
        return json_response(document, status)

    def _begin(self, work: Work) -> Response | None:
        """Take the key, or give the answer it got before. Waits for another request that has it."""
        if self._key is None:
            return None
        row = {"client": self._client, "key": self._key, "request": self._digest, "created_at": work.now}
        taken = work.tx.execute(
            insert_into(work.tx, _keys).values(**row, status=0, response="").on_conflict_do_nothing(),
            # Without this the number of rows of an INSERT is not kept on PostgreSQL.
            execution_options={"preserve_rowcount": True},
        )
        if taken.rowcount:
            return None
        return self._replayed(work.tx.execute(select(_keys).where(*self._mine())).one())

    def earlier(self) -> Response | None:
        """The answer that the key got before: asked first where the work takes many transactions."""
        if self._key is None:
            return None
        with self._core.store.read() as tx:
            known = tx.execute(select(_keys).where(*self._mine())).one_or_none()
        return None if known is None else self._replayed(known)

    def _replayed(self, known: Any) -> Response:
        if known.request != self._digest:
            raise Problem(422, "Idempotency-Key: this key was used with another request; take a new one")
        headers = (known.headers or {}) | {REPLAYED: "true"}
        return Response(known.response, known.status, headers, "application/json")

    def _finish(self, work: Work, response: Response) -> None:
        """Keep the answer with its key; one that says that it was not done leaves the key free."""
        if self._key is None:
            return
        if response.status_code >= 400:
            work.tx.execute(delete(_keys).where(*self._mine()))
        else:
            answer = {"status": response.status_code, "response": bytes(response.body).decode()}
            work.tx.execute(update(_keys).where(*self._mine()).values(**answer))

    def _mine(self) -> tuple[Any, ...]:
        return _keys.c.client == self._client, _keys.c.key == self._key


KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=(
            "The same key with the same request is done once and answered alike "
            f"(`{REPLAYED}: true`); with another request it is a 422."
        ),
        max_length=_LONGEST,
    ),
]


async def _once(
    request: Request, core: CoreDep, client: Annotated[Client, Depends(client_of)], key: KeyHeader = None
) -> Once:
    if key is not None and not key.strip():
        raise Problem(400, f"Idempotency-Key: send 1 to {_LONGEST} characters, or leave it out")
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return Once(core, client.name, key, digest.hexdigest())


OnceDep = Annotated[Once, Depends(_once)]
