"""``dispatcher trail``: who has changed what decides whom is called and who is told."""

from itertools import islice
from typing import Annotated

import typer

from dispatcher.cli import show
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, connected
from dispatcher.config import Scope
from dispatcher.domain.vocabulary import Kept


def trail(
    subject: Annotated[Kept | None, typer.Argument(help="Only changes of these.", show_default=False)] = None,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Only of this one: a name, a number in E.164, a silence's id.", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who has changed contacts, groups, schedules, policies, silences, webhooks and the like."""
    asked = {"subject": None if subject is None else str(subject), "name": name}
    with connected(url, key, config, Scope.READ) as api:
        found = list(islice(api.items("/v1/trail", **asked), limit))
    rows = ((show.when(one["at"]), one["subject"], one["subject_id"], one["cause"]) for one in found)
    show.listed(found, as_json, ("when", "of", "name", "what"), rows)
