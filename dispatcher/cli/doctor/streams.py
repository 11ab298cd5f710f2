"""The reports of a PBX that does not post them: whether somebody reads them, or could."""

from datetime import datetime

from dispatcher.cli.doctor.calls import missing_reports
from dispatcher.cli.doctor.findings import Finding, fail, ok
from dispatcher.cli.doctor.menus import menus_of
from dispatcher.cli.doctor.pbx import mend_of
from dispatcher.domain.reasons import Reason
from dispatcher.listener.opening import note_failure, why_not
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import PbxAccount, PullsReports
from dispatcher.sessions import Pbx
from dispatcher.store import leases, sessions, streams
from dispatcher.store.engine import Store


def check_stream_of(pbx: Pbx, store: Store, now: datetime) -> Finding:
    """Whether the reports are read; where no process reads them, whether the stream can be opened."""
    name = pbx.account.name
    check = f"reports of {name}"
    with store.write() as tx:
        row = streams.of_pbx(tx, name)
        session = sessions.of_pbx(tx, name)
        is_read = leases.holder(tx, streams.lease_of(name), now) is not None
        is_up = is_read and streams.up(tx, now)[name]
        missing = missing_reports(tx, name)
    if is_up and missing:
        mend = f"On the PBX, {menus_of(pbx.account.family).events}"
        return fail(check, f"read from the PBX, but {missing}", mend)
    if is_up:
        return ok(check, f"read from the PBX without a break since {row.connected_at:%Y-%m-%d %H:%M:%S} UTC")
    if row is None:
        return _tried(check, pbx, store, now)
    hopeless = why_not(row, session, pbx.account, now)
    if hopeless:
        reason = Reason.LOCKED_OUT if row.retry_at is not None else Reason.CREDENTIALS_REFUSED
        return fail(check, f"{row.problem or 'not tried'}; {hopeless}", _mend(pbx.account, reason))
    if is_read and row.problem:
        detail = f"a process tries to read them, in vain: {row.problem}"
        return fail(check, detail, _mend(pbx.account, Reason.PBX_AWAY))
    return _tried(check, pbx, store, now)


def _tried(check: str, pbx: Pbx, store: Store, now: datetime) -> Finding:
    """Open the stream once, since nobody else does, and close it again."""
    driver = pbx.driver
    if not isinstance(driver, PullsReports):
        raise TypeError(f"the family of {pbx.account.name} posts its reports")
    try:
        driver.open_reports("").close()
    except PbxError as error:
        note_failure(store, pbx.account, now, error)
        return fail(check, error.detail, _mend(pbx.account, error.reason))
    return ok(check, "they can be read from the PBX, but nobody does now: `dispatcher reports` will")


def _mend(account: PbxAccount, reason: Reason) -> str:
    if reason is not Reason.PBX_AWAY:
        return mend_of(PbxRefused(reason, ""), account.family)
    if account.report_transport == "tcp":
        return (
            f"Choose TCP for reports on the PBX's API page, with port {account.report_port} as in "
            "report_port, let that port through, and check username and password"
        )
    if account.report_transport == "websocket":
        return "Check url and the network: the events come over a WebSocket at the port of the API itself"
    return "Check url, username and password, and the network"
