"""Every PBX: the login, the device, its trunks and the IVRs that policies use.

The names of menus are those of the S-Series' web page (S-Series API v1.1.0 manual, "API quick start").
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from dispatcher.cli.doctor.findings import Finding, fail, ok, skip, warn
from dispatcher.config import PbxSettings, Settings, TrunkSettings
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Driver, Ivr, SeesDevice, SeesIvrs, SeesTrunks, Session, TrunkState
from dispatcher.sessions import Sessions

T = TypeVar("T")

API_MENU = "Settings > PBX > General > API"
SECURITY_MENU = "Settings > System > Security Center"

_MENDS = {
    Reason.CREDENTIALS_REFUSED: (
        f"Write username and password as they are on the PBX under {API_MENU}. They are not tried again "
        "until they change: after five wrong ones the PBX blocks this address for ten minutes"
    ),
    Reason.LOCKED_OUT: (
        "Wait ten minutes, or delete this address (type API-IP) on the PBX under "
        f"{SECURITY_MENU} > IP Auto Defense > Blocked IP Address"
    ),
    Reason.PBX_AWAY: (
        "Check url and the network. The PBX serves its API on the port of its web page: "
        f"{SECURITY_MENU} > Service"
    ),
    Reason.PBX_FAULT: f"Switch the API off and on again on the PBX under {API_MENU}",
    Reason.UNSUPPORTED: "Bring the PBX's firmware up to date: it does not know this request",
}
_OTHERWISE = f"Check that the API is enabled on the PBX under {API_MENU}, and its log"
_TLS = "Give the PBX a certificate that this machine trusts, or write verify_tls = false"
_ANALOG = "FXO"


def check_pbx(settings: Settings, pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    """Everything about one PBX; what rests on a login that failed is left out."""
    name = f"PBX {pbx.name}"
    try:
        yield from _login(name, pbx, sessions)
        yield from _trunks(name, pbx, sessions)
        yield from _ivrs(name, settings, pbx, sessions)
    except PbxError as error:
        yield fail(name, f"{pbx.url}: {error.detail}", mend_of(error))


def mend_of(error: PbxError) -> str:
    """How to mend what a PBX has refused."""
    if "certificate" in error.detail.lower():
        return _TLS
    return _MENDS.get(error.reason, _OTHERWISE)


def _asked(sessions: Sessions, pbx: PbxSettings, request: Callable[[Driver, Session], T | None]) -> T | None:
    return sessions.use(pbx.name, request)


def _login(name: str, pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    device = _asked(
        sessions, pbx, lambda driver, login: driver.device(login) if isinstance(driver, SeesDevice) else None
    )
    if device is None:
        yield ok(name, f"logged in at {pbx.url}")
        return
    found = f"logged in at {pbx.url}: {device.model}, firmware {device.firmware}, serial {device.serial}"
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
    state = by_name.get(trunk.name)
    if state is None:
        known = ", ".join(sorted(by_name)) or "none"
        mend = f"Write name as the PBX has it under Settings > PBX > Trunks: {known}"
        return fail(check, "the PBX has no trunk of this name", mend)
    shown = f"{state.kind} trunk, {state.status}, {trunk.channels} channels configured"
    if state.usable is False:
        return fail(check, shown, "See to the trunk on the PBX under Settings > PBX > Trunks")
    if pbx.family == "yeastar-s" and not trunk.extension:
        mend = 'Add extension = "…", one whose outbound routes lead to this trunk: the PBX asks for it'
        return fail(check, f"{shown}, but no extension to dial from", mend)
    if state.kind == _ANALOG and trunk.answer_supervision:
        mend = (
            "Write answer_supervision = false: on an analog line the PBX counts every call as answered, "
            "unless the line reverses polarity on answer and the PBX detects it"
        )
        return warn(check, shown, mend)
    if state.usable is None:
        return warn(check, shown, "Look at the trunk on the PBX under Settings > PBX > Trunks")
    return ok(check, shown)


def _ivrs(name: str, settings: Settings, pbx: PbxSettings, sessions: Sessions) -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    for policy in settings.policy:
        if policy.message.ivr is not None:
            wanted.setdefault(policy.message.ivr, []).append(policy.name)
    if not wanted:
        yield skip(f"{name} IVRs", "no policy plays an IVR")
        return
    found: Sequence[Ivr] | None = _asked(
        sessions, pbx, lambda driver, login: driver.ivrs(login) if isinstance(driver, SeesIvrs) else None
    )
    if found is None:
        yield skip(f"{name} IVRs", f"{pbx.family} does not tell which IVRs it has")
        return
    by_number = {ivr.number: ivr for ivr in found}
    for number, policies in wanted.items():
        check, users = f"IVR {pbx.name}/{number}", ", ".join(policies)
        if number in by_number:
            yield ok(check, f"{by_number[number].name or number}, used by policy {users}")
        else:
            known = ", ".join(sorted(by_number)) or "none"
            mend = f"Create it under Settings > PBX > Call Features > IVR, or use one that exists: {known}"
            yield fail(check, f"used by policy {users}, but the PBX has no such IVR", mend)
