"""Every PBX: the login, the device, its trunks and the IVRs that policies and campaigns use."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import select

from dispatcher.cli.doctor.findings import Finding, fail, ok, skip, warn
from dispatcher.cli.doctor.menus import menus_of
from dispatcher.config import PbxSettings, Settings, TrunkSettings
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import CampaignStatus, MessageKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import (
    Driver,
    Examines,
    Ivr,
    SeesDevice,
    SeesIvrs,
    SeesTrunks,
    Session,
    TrunkState,
)
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.sessions import Sessions
from dispatcher.store.engine import Store
from dispatcher.store.tables import Campaign, table

T = TypeVar("T")

_campaigns = table(Campaign)
_TLS = "Give the PBX a certificate that this machine trusts, or write verify_tls = false"
_ANALOG = "FXO"
_PLACING = (CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED)


def check_pbx(settings: Settings, pbx: PbxSettings, sessions: Sessions, store: Store) -> Iterator[Finding]:
    """Everything about one PBX; what rests on a login that failed is left out."""
    name = f"PBX {pbx.name}"
    try:
        yield from _login(name, pbx, sessions)
        yield from _unseen(pbx)
        yield from _trunks(name, pbx, sessions)
        yield from _ivrs(name, _wanted(settings, pbx, store, MessageKind.IVR), pbx, sessions)
        queues = list(_wanted(settings, pbx, store, MessageKind.QUEUE))
        yield from _examined(name, queues, pbx, sessions)
    except PbxError as error:
        yield fail(name, f"{pbx.address}: {error.detail}", mend_of(error, pbx.family))


def mend_of(error: PbxError, family: str) -> str:
    """How to mend what a PBX of a family has refused."""
    menus = menus_of(family)
    if "certificate" in error.detail.lower():
        return _TLS
    match error.reason:
        case Reason.CREDENTIALS_REFUSED:
            return (
                f"Write username and password as they are on the PBX under {menus.api}. They are not tried "
                f"again until they change: {menus.account}"
            )
        case Reason.LOCKED_OUT:
            return menus.blocked
        case Reason.PBX_AWAY:
            return menus.away or (
                f"Check url and the network. The PBX serves its API on the port of its web page: {menus.web}"
            )
        case Reason.PBX_FAULT:
            return f"Switch the API off and on again on the PBX under {menus.api}"
        case Reason.UNSUPPORTED:
            return "Bring the PBX's firmware up to date: it does not know this request"
    return f"Check that the API is enabled on the PBX under {menus.api}, and its log"


def _asked(sessions: Sessions, pbx: PbxSettings, request: Callable[[Driver, Session], T | None]) -> T | None:
    return sessions.use(pbx.name, request)


def _login(name: str, pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    device = _asked(
        sessions, pbx, lambda driver, login: driver.device(login) if isinstance(driver, SeesDevice) else None
    )
    if device is None:
        yield ok(name, f"logged in at {pbx.address}")
        return
    serial = f", serial {device.serial}" if device.serial else ""
    found = f"logged in at {pbx.address}: {device.model}, firmware {device.firmware}{serial}"
    if not pbx.serial and device.serial:
        yield warn(name, found, f'Add serial = "{device.serial}", so that reports of any other are refused')
    elif pbx.serial and device.serial and pbx.serial != device.serial:
        yield fail(
            name,
            f"{found}, but {pbx.serial} is configured: all its reports are refused",
            f'Write serial = "{device.serial}"',
        )
    else:
        yield ok(name, found)


def _unseen(pbx: PbxSettings) -> Iterator[Finding]:
    """What is believed of this family, and was seen on no PBX."""
    believed = CAPABILITIES[pbx.family].unseen
    if believed:
        detail = "; ".join(believed)
        yield skip(f"proofs of {pbx.name}", f"a test call must show whether {detail}")


def _trunks(name: str, pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    states: Sequence[TrunkState] | None = _asked(
        sessions, pbx, lambda driver, login: driver.trunks(login) if isinstance(driver, SeesTrunks) else None
    )
    if states is None:
        yield skip(f"{name} trunks", f"{pbx.family} does not tell which trunks it has")
        return
    by_name = {state.name: state for state in states}
    for trunk in pbx.trunk:
        yield _trunk(f"trunk {pbx.name}/{trunk.name}", pbx, trunk, by_name)


def _trunk(check: str, pbx: PbxSettings, trunk: TrunkSettings, by_name: dict[str, TrunkState]) -> Finding:
    state, menus = by_name.get(trunk.name), menus_of(pbx.family)
    if state is None:
        known = ", ".join(sorted(by_name)) or "none"
        mend = f"Write name as the PBX has it under {menus.trunks}: {known}"
        return fail(check, "the PBX has no trunk of this name", mend)
    shown = f"{state.kind} trunk, {state.status}, {trunk.channels} channels configured"
    if state.usable is False:
        return fail(check, shown, f"See to the trunk on the PBX under {menus.trunks}")
    if menus.extension and not trunk.extension:
        mend = f'Add extension = "…", {menus.extension}'
        return fail(check, f"{shown}, but no extension to dial from", mend)
    if state.kind == _ANALOG and trunk.answer_supervision:
        mend = (
            "Write answer_supervision = false: on an analog line the PBX counts every call as answered, "
            "unless the line reverses polarity on answer and the PBX detects it"
        )
        return warn(check, shown, mend)
    if state.usable is None:
        return warn(check, shown, f"Look at the trunk on the PBX under {menus.trunks}")
    return ok(check, shown)


def _wanted(settings: Settings, pbx: PbxSettings, store: Store, kind: MessageKind) -> dict[str, list[str]]:
    """Who uses which IVR, or queue, that this PBX may have to play or lead into."""
    wanted: dict[str, list[str]] = {}
    if not any(message is kind for message, _ in CAPABILITIES[pbx.family].placeable):
        return wanted
    for policy in settings.policy:
        if policy.message.kind is kind:
            wanted.setdefault(policy.message.value, []).append(f"policy {policy.name}")
    own = {f"{pbx.name}/{trunk.name}" for trunk in pbx.trunk}
    query = select(_campaigns.c.name, _campaigns.c.message_value, _campaigns.c.trunks).where(
        _campaigns.c.status.in_(_PLACING), _campaigns.c.message_kind == kind
    )
    with store.read() as tx:
        rows = tx.execute(query.order_by(_campaigns.c.id)).all()
    for row in rows:
        if not row.trunks or not own.isdisjoint(row.trunks):
            wanted.setdefault(row.message_value, []).append(f"campaign {row.name}")
    return wanted


def _ivrs(name: str, wanted: dict[str, list[str]], pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    if not wanted:
        yield skip(f"{name} IVRs", "no policy or campaign plays an IVR there")
        return
    found: Sequence[Ivr] | None = _asked(
        sessions, pbx, lambda driver, login: driver.ivrs(login) if isinstance(driver, SeesIvrs) else None
    )
    if found is None:
        yield skip(f"{name} IVRs", f"{pbx.family} does not tell which IVRs it has")
        return
    by_number = {ivr.number: ivr for ivr in found}
    for number, used_by in wanted.items():
        check, users = f"IVR {pbx.name}/{number}", ", ".join(used_by)
        if number in by_number:
            yield ok(check, f"{by_number[number].name or number}, used by {users}")
        else:
            known = ", ".join(sorted(by_number)) or "none"
            menu = menus_of(pbx.family).ivrs
            mend = f"Create it under {menu}, or use one that exists: {known}"
            yield fail(check, f"used by {users}, but the PBX has no such IVR", mend)


def _examined(name: str, queues: list[str], pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    """What a family can show of how the PBX is set up for us."""
    found = _asked(
        sessions,
        pbx,
        lambda driver, login: driver.examine(login, queues) if isinstance(driver, Examines) else None,
    )
    for one in found or ():
        check = f"{one.check} of {name.removeprefix('PBX ')}"
        if one.is_right is None:
            yield skip(check, one.detail)
        elif one.is_right:
            yield ok(check, one.detail)
        else:
            yield fail(check, one.detail, one.mend)
