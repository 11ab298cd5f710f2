"""``/v1/trunks``: limits, channels in use and health; and changes at run time."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import listed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views import TrunkView, trunk_view
from dispatcher.domain.pacing import TrunkLoad
from dispatcher.intake import steering
from dispatcher.intake.steering import TrunkChange
from dispatcher.store import trunks
from dispatcher.work import Work

router = APIRouter(prefix="/v1/trunks", tags=["trunks"])


@router.get("", response_model=Listed[TrunkView])
def list_trunks(core: CoreDep, page: PageDep, _client: Read) -> Response:
    """Every trunk with its limits, the channels in use, and its health."""
    with core.store.read() as tx:
        loads = _loads(tx, core.clock())
    following = [item for item in loads if page.after is None or _key(item) > page.after]
    shown, cursor = page.cut(following, _key)
    items = [trunk_view(row, load, core.clock()) for row, load in shown]
    return listed(items, cursor)


@router.patch("/{pbx}/{name:path}", response_model=TrunkView)
def change_trunk(pbx: str, name: str, change: TrunkChange, once: OnceDep, client: Operate) -> Response:
    """Change limits, pause or resume, at run time. Calls that are up stay up.

    The change stays over restarts, until the configuration file's own values change.
    """

    def do(work: Work) -> tuple[int, TrunkView]:
        steering.change_trunk(work, pbx, name, change, client.name)
        row, load = next(item for item in _loads(work.tx, work.now) if _key(item) == f"{pbx}/{name}")
        return 200, trunk_view(row, load, work.now)

    return once.answer(do)


def _loads(tx: Connection, now: datetime) -> list[tuple[Any, TrunkLoad]]:
    """The PBXs' trunks, in the order of their keys, without what stands for their own extensions."""
    return sorted((item for item in trunks.loads(tx, now) if item[0].name != trunks.INTERNAL), key=_key)


def _key(item: tuple[Any, TrunkLoad]) -> str:
    return f"{item[0].pbx}/{item[0].name}"
