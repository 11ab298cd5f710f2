"""``dispatcher campaign`` against the running product."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dispatcher.cli import wording
from dispatcher.cli.processes import Embedded
from tests.cli.site import document, run

CSV = "number,name,city\n+31612350001,Anna,Delft\n+31612360010,Bram,Gouda\n+31612370404,Carla,Breda\n"


@pytest.fixture
def draft(product: Embedded) -> dict[str, Any]:
    """A campaign without contacts."""
    campaign: dict[str, Any] = document(run("campaign", "create", "Water off", "--ivr", "6500", "--json"))
    return campaign


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    return file


def test_from_a_file_of_people_to_a_file_of_results(
    draft: dict[str, Any], contacts: Path, tmp_path: Path
) -> None:
    imported = run("campaign", "import", draft["id"], str(contacts))
    assert imported.exit_code == 0
    assert imported.stdout == "3 accepted, 0 duplicate, 0 do not call, 0 invalid\n"
    assert "running" in run("campaign", "start", draft["id"]).stdout

    watched = run("campaign", "watch", draft["id"], "--every", "0.1")
    assert watched.exit_code == 0
    assert "finished 3/3: 2 delivered, 1 failed" in watched.stdout

    output = tmp_path / "results.csv"
    assert run("campaign", "results", draft["id"], "-o", str(output)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert [(row["name"], row["city"], row["state"]) for row in rows] == [
        ("Anna", "Delft", "delivered"),
        ("Bram", "Gouda", "delivered"),
        ("Carla", "Breda", "failed"),
    ]
    assert run("campaign", "results", draft["id"]).stdout.splitlines() == output.read_text().splitlines()
    lines = run("campaign", "results", draft["id"], "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["Anna", "Bram", "Carla"]

    shown = run("campaign", "show", draft["id"]).stdout
    assert "66.7%" in shown
    assert "1 invalid number" in shown


def test_bad_rows_are_listed_with_line_and_reason(draft: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text("number,name\n+31612350001,Anna\nabc,Bram\n+31612350001,Anna again\n")
    result = run("campaign", "import", draft["id"], str(file))
    assert result.exit_code == 0
    assert "1 accepted, 1 duplicate, 0 do not call, 1 invalid" in result.stdout
    assert "3     number  abc" in result.stdout


def test_people_from_standard_input(draft: dict[str, Any]) -> None:
    lines = '{"number": "+31612350001"}\n{"number": "+31612360001"}\n'
    result = run("campaign", "import", draft["id"], "-", "--format", "ndjson", "--json", text=lines)
    assert document(result)["accepted"] == 2


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_request_from_a_file_with_an_option_before_it(
    product: Embedded, tmp_path: Path, suffix: str
) -> None:
    request = {
        "name": "From a file",
        "message": {"ivr": "6500"},
        "retry": {"max_attempts": 4, "busy": 10},
        "windows": [{"days": ["mon"], "from": "09:00", "to": "20:00"}],
        "timezone": "Europe/Amsterdam",
    }
    toml = (
        'name = "From a file"\nmessage = {ivr = "6500"}\nretry = {max_attempts = 4, busy = 10}\n'
        'windows = [{days = ["mon"], from = "09:00", to = "20:00"}]\ntimezone = "Europe/Amsterdam"\n'
        "expires_at = 2036-11-21T08:00:00Z\n"
    )
    file = tmp_path / f"campaign.{suffix}"
    file.write_text(toml if suffix == "toml" else json.dumps(request))
    campaign = document(
        run("campaign", "create", "--file", str(file), "--max-attempts", "2", "--priority", "9", "--json")
    )
    assert (campaign["name"], campaign["priority"]) == ("From a file", 9)
    assert campaign["retry"] == {"max_attempts": 2}
    assert campaign["windows"] == request["windows"]
    assert (campaign["expires_at"] is not None) is (suffix == "toml")


def test_create_fill_and_start_at_once(product: Embedded, contacts: Path) -> None:
    result = run(
        *("campaign", "create", "All at once", "--ivr", "6500", "--contacts", str(contacts), "--start"),
        *("--trunk", "hq/SPS-6-36", "--max-concurrent", "2", "--region", "nl", "--expires-in", "600"),
    )
    assert result.exit_code == 0, result.output
    assert "running: All at once" in result.stdout
    assert "3 accepted" in result.stdout
    listed = document(run("campaign", "list", "--json"))["items"][0]
    assert (listed["trunks"], listed["max_concurrent"], listed["region"]) == (["hq/SPS-6-36"], 2, "NL")
    assert "All at once" in run("campaign", "list").stdout


def test_pause_resume_and_cancel(draft: dict[str, Any], contacts: Path) -> None:
    run("campaign", "import", draft["id"], str(contacts))
    for step, status in [("start", "running"), ("pause", "paused"), ("resume", "running")]:
        assert document(run("campaign", step, draft["id"], "--json"))["status"] == status
    assert "cancelled" in run("campaign", "cancel", draft["id"]).stdout
    assert run("campaign", "watch", draft["id"]).exit_code == 1
    refused = run("campaign", "start", draft["id"])
    assert refused.exit_code == 1
    assert "cancelled" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("import", "x", "none.csv"), "no such file"),
        (("create", "x", "--file", "none.toml"), "No such file"),
        (("create", "x", "--window", "weekdays,9-17"), "mon-fri,09:00-20:00"),
        (("create", "x", "--contacts", "none.csv"), "no such file"),
    ],
)
def test_mistakes_on_the_command_line(arguments: tuple[str, ...], says: str) -> None:
    result = run("campaign", *arguments, "--url", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert says in result.output


def test_a_file_whose_kind_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_text(CSV)
    result = run("campaign", "import", "x", str(file), "--url", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "--format csv" in result.output


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri,09:00-20:00", ["mon", "tue", "wed", "thu", "fri"]),
        ("sat,09:00-20:00", ["sat"]),
        ("sat-mon,09:00-20:00", ["sat", "sun", "mon"]),
    ],
)
def test_windows(text: str, days: list[str]) -> None:
    assert wording.window(text) == {"days": days, "from": "09:00", "to": "20:00"}
