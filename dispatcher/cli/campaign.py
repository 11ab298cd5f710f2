"""``dispatcher campaign``: make, fill, steer and look at campaigns over the HTTP API."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dispatcher.cli import contact_files, show, wording
from dispatcher.cli.campaign_watch import watch_campaign
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import REFUSED, JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Create, fill, start, watch and end campaigns over the HTTP API.")

CampaignId = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.")]


@app.command()
def create(
    name: Annotated[str | None, typer.Argument(help="The campaign's name.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A TOML or JSON file with the request; options go before it.", show_default=False),
    ] = None,
    ivr: wording.Ivr = None,
    prompt: wording.Prompt = None,
    queue: wording.Queue = None,
    ring_group: wording.RingGroup = None,
    delivered_when: wording.DeliveredWhen = None,
    ack_digits: wording.AckDigits = None,
    max_attempts: wording.MaxAttempts = None,
    retry: wording.Retry = None,
    priority: Annotated[int | None, typer.Option(help="0 to 9; 9 goes first.", show_default=False)] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(help="So many calls at once at most.", show_default=False)
    ] = None,
    trunk: Annotated[list[str] | None, typer.Option(help="As PBX/TRUNK; repeatable.")] = None,
    window: Annotated[
        list[str] | None, typer.Option(help="When to call, like mon-fri,09:00-20:00; repeatable.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of the windows; `recipient`: each callee's own.", show_default=False)
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The country of national numbers, like NL.", show_default=False)
    ] = None,
    expires_in: wording.ExpiresIn = None,
    contacts: Annotated[
        Path | None, typer.Option(help="Add the rows of this file at once.", show_default=False)
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a campaign from options, or from a file, or from both. It is a draft until it is started."""
    request = contact_files.request_from(file) | wording.given(
        {
            "name": name,
            "message": wording.message(ivr, prompt, queue, ring_group),
            "delivered_when": delivered_when,
            "ack_digits": ack_digits,
            "retry": wording.retry(max_attempts, retry),
            "priority": priority,
            "max_concurrent": max_concurrent,
            "trunks": trunk or None,
            "windows": [wording.window(text) for text in window] if window else None,
            "timezone": timezone,
            "region": region,
            "expires_at": wording.expiry(expires_in),
        }
    )
    kind = contact_files.kind_of(contacts, None) if contacts else ""
    with connected(url, key, config, Scope.OPERATE) as api:
        campaign = api.post_once("/v1/campaigns", request)
        path = f"/v1/campaigns/{campaign['id']}"
        imported = api.upload(f"{path}/contacts", contact_files.pieces(contacts), kind) if contacts else None
        if start:
            campaign = api.post_once(f"{path}/start")
    if as_json:
        show.print_json(campaign)
        return
    typer.echo(f"{campaign['id']} {campaign['status']}: {campaign['name']}")
    if imported is not None:
        contact_files.print_import(imported)


@app.command("import")
def import_contacts(
    campaign_id: CampaignId,
    file: Annotated[Path, typer.Argument(help="A CSV or NDJSON file; - is standard input.")],
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv or ndjson; else by the file's name.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add people to call. Good rows are taken, bad ones are listed with their line and reason."""
    kind = contact_files.kind_of(file, file_format)
    with connected(url, key, config, Scope.OPERATE) as api:
        imported = api.upload(f"/v1/campaigns/{campaign_id}/contacts", contact_files.pieces(file), kind)
    if as_json:
        show.print_json(imported)
    else:
        contact_files.print_import(imported)


@app.command("list")
def list_campaigns(
    status: Annotated[
        str | None, typer.Option(help="draft, running, paused, finished or cancelled.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List campaigns, the newest first."""
    with connected(url, key, config, Scope.READ) as api:
        page = api.get("/v1/campaigns", status=status, limit=limit)
    rows = (
        (item["id"], show.when(item["created_at"]), item["status"], item["name"], show.counts(item["counts"]))
        for item in page["items"]
    )
    show.listed(page, as_json, ("id", "made", "status", "name", "calls"), rows)


@app.command("show")
def show_campaign(
    campaign_id: CampaignId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one campaign with its counts, rates and estimated end."""
    with connected(url, key, config, Scope.READ) as api:
        campaign = api.get(f"/v1/campaigns/{campaign_id}")
    rows = [
        ("name", campaign["name"]),
        ("status", campaign["status"]),
        *([("paused because", campaign["paused_why"])] if campaign["paused_why"] else []),
        ("calls", show.counts(campaign["counts"])),
        ("outcomes", show.counts(campaign["outcomes"])),
        ("delivered", _percent(campaign["rates"]["delivered"])),
        ("answered", _percent(campaign["rates"]["answered"])),
        ("attempts per minute", campaign["rates"]["per_minute"]),
        ("attempts per delivery", campaign["attempts_per_delivery"]),
        ("started", show.when(campaign["started_at"])),
        ("estimated end", show.when(campaign["estimated_end"])),
    ]
    show.listed(campaign, as_json, ("", ""), rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


@app.command()
def start(
    campaign_id: CampaignId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin calling."""
    _steer(campaign_id, "start", url, key, config, as_json)


@app.command()
def pause(
    campaign_id: CampaignId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Place no more calls for now; those that are up go on."""
    _steer(campaign_id, "pause", url, key, config, as_json)


@app.command()
def resume(
    campaign_id: CampaignId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on after a pause."""
    _steer(campaign_id, "resume", url, key, config, as_json)


@app.command()
def cancel(
    campaign_id: CampaignId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a campaign for good; whoever has not answered yet is not called any more."""
    _steer(campaign_id, "cancel", url, key, config, as_json)


def _steer(
    campaign_id: str, step: str, url: str | None, key: str | None, config: Path | None, as_json: bool
) -> None:
    with connected(url, key, config, Scope.OPERATE) as api:
        campaign: dict[str, Any] = api.post_once(f"/v1/campaigns/{campaign_id}/{step}")
    calls = show.counts(campaign["counts"])
    show.told(campaign, as_json, f"{campaign['id']} {campaign['status']}; calls: {calls}")


@app.command()
def watch(
    campaign_id: CampaignId,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a campaign until it has ended. The status is 1 when it was cancelled."""
    with connected(url, key, config, Scope.READ) as api:
        campaign = watch_campaign(api, campaign_id, every, quiet=as_json)
    if as_json:
        show.print_json(campaign)
    if campaign["status"] == "cancelled":
        raise typer.Exit(REFUSED)


@app.command("export", hidden=True)
@app.command()
def results(
    campaign_id: CampaignId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else standard output.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line instead of CSV.")] = False,
) -> None:
    """Write a campaign's results as CSV: one row per call, with the contact's own columns."""
    with connected(url, key, config, Scope.READ) as api:
        path = f"/v1/campaigns/{campaign_id}"
        if as_json:
            pieces = contact_files.json_lines(api.items(f"{path}/calls"))
        else:
            pieces = api.pieces(f"{path}/results.csv")
        contact_files.write(pieces, output)
