"""``dispatcher webhook``: who is told what happens, and what was sent to them."""

import time
from typing import Annotated, Any

import typer

from dispatcher.cli import show, wording
from dispatcher.cli.client import Api
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import REFUSED, JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Tell other systems what happens, over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The webhook's name.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="alarm.*, call.failed, …; repeatable. Without any, everything is told."),
]

_LOOK_AGAIN = 0.25
_PATIENCE = 30.0


@app.command()
def create(
    name: Name,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it is told: http:// or https://.")],
    kind: Kinds = None,
    secret: Annotated[
        str | None, typer.Option(help="whsec_ and base64; else one is made.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an address told what happens. Its secret is shown this once."""
    asked = wording.given({"name": name, "url": address, "kinds": kind, "secret": secret})
    with connected(url, key, config, Scope.ADMIN) as api:
        made = api.post_once("/v1/webhooks", asked)
    _show_secret(made, as_json)


@app.command("list")
def list_webhooks(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List webhooks by name."""
    with connected(url, key, config, Scope.READ) as api:
        found = list(api.items("/v1/webhooks"))
    rows = (
        (hook["name"], hook["url"], ", ".join(hook["kinds"]) or "everything", _standing(hook))
        for hook in found
    )
    show.listed(found, as_json, ("name", "address", "told", "state"), rows)


@app.command()
def change(
    name: Name,
    address: Annotated[str | None, typer.Option(help="The new address.", show_default=False)] = None,
    kind: Kinds = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it is told.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a webhook; what is not given stays."""
    asked = wording.given({"url": address, "kinds": kind, "active": active})
    with connected(url, key, config, Scope.ADMIN) as api:
        hook = api.patch(f"/v1/webhooks/{name}", asked)
    show.told(hook, as_json, f"{hook['name']} {_standing(hook)}: {hook['url']}")


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[
        str, typer.Option(help="So long the old secret signs too: 90s, 30m, 24h or 7d.")
    ] = "24h",
    secret: Annotated[
        str | None, typer.Option(help="whsec_ and base64; else one is made.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, which is shown this once."""
    asked = wording.given({"overlap": wording.seconds(overlap, "--overlap"), "secret": secret})
    with connected(url, key, config, Scope.ADMIN) as api:
        hook = api.post_once(f"/v1/webhooks/{name}/rotate", asked)
    _show_secret(hook, as_json)


@app.command()
def delete(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Delete a webhook, and what was or is to be sent to it."""
    with connected(url, key, config, Scope.ADMIN) as api:
        api.delete(f"/v1/webhooks/{name}")
    typer.echo(f"{name} deleted")


@app.command("test")
def try_out(
    name: Name,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test message, and say how its first try went: status 0 when it was taken."""
    with connected(url, key, config, Scope.OPERATE) as api:
        sent = api.post_once(f"/v1/webhooks/{name}/test")
    with connected(url, key, config, Scope.READ) as api:
        sent = _followed(api, sent["id"])
    show.told(sent, as_json, f"{sent['state']}{_answer(sent)}")
    if sent["state"] != "sent":
        raise typer.Exit(REFUSED)


def _followed(api: Api, key: int) -> dict[str, Any]:
    end = time.monotonic() + _PATIENCE
    while True:
        sent: dict[str, Any] = api.get(f"/v1/webhooks/deliveries/{key}")
        if sent["state"] != "waiting" or sent["problem"] or time.monotonic() > end:
            return sent
        time.sleep(_LOOK_AGAIN)


@app.command()
def deliveries(
    state: Annotated[
        list[str] | None, typer.Option(help="Any of these: waiting, sent, dead; repeatable.")
    ] = None,
    webhook: Annotated[str | None, typer.Option(help="Only those of this one.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List messages, the newest first."""
    with connected(url, key, config, Scope.READ) as api:
        page = api.get("/v1/webhooks/deliveries", state=state, webhook=webhook, limit=limit)
    rows = (
        (
            sent["id"],
            show.when(sent["created_at"]),
            sent["webhook"] or sent["url"],
            sent["kind"],
            sent["state"],
            sent["tries"],
            show.when(sent["next_at"]),
            sent["problem"],
        )
        for sent in page["items"]
    )
    show.listed(page, as_json, ("id", "made", "to", "kind", "state", "tries", "next try", "problem"), rows)


@app.command()
def replay(
    delivery: Annotated[
        int | None, typer.Argument(metavar="ID", help="One message.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    webhook: Annotated[
        str | None, typer.Option(help="All of this webhook that were given up.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Send messages again that were given up."""
    if (delivery is not None) == (everything or webhook is not None):
        raise typer.BadParameter("name a message by its ID, or say --all or --webhook NAME")
    left: list[str] = []
    with connected(url, key, config, Scope.OPERATE) as api:
        if delivery is not None:
            api.post_once(f"/v1/webhooks/deliveries/{delivery}/replay")
            number = 1
        else:
            number = api.post_once("/v1/webhooks/deliveries/replay", webhook=webhook)["replayed"]
            hooks = api.get("/v1/webhooks", limit=500)["items"]
            left = [hook["name"] for hook in hooks if not hook["active"]]
    typer.echo(f"{number} to be sent again")
    if left:
        # Without this, "0 to be sent again" after a 410 would look as if nothing had been given up.
        typer.echo(
            f"nothing to {', '.join(left)}: not active; `dispatcher webhook change NAME --active` first"
        )


def _standing(hook: dict[str, Any]) -> str:
    if hook["active"]:
        return "active"
    return f"inactive: {hook['stopped_why']}" if hook["stopped_why"] else "inactive"


def _answer(sent: dict[str, Any]) -> str:
    if sent["problem"]:
        return f": {sent['problem']}"
    return f", HTTP {sent['status']}" if sent["status"] else ""


def _show_secret(hook: dict[str, Any], as_json: bool) -> None:
    heading = f"{hook['name']} is told at {hook['url']}. Its secret, which is not shown again:"
    show.told(hook, as_json, heading, hook["secret"])
