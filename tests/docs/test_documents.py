"""What the documents say: links that lead somewhere, commands that exist, examples that are accepted."""

import json
import re
import shlex
import tomllib
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatcher.cli.app import app
from dispatcher.config import load
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.metrics import catalogue

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "dispatcher").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
OUTSIDE = ("https://", "http://", "mailto:")

GAUGES = (
    "dispatcher_alarm_status",
    "dispatcher_queue_depth",
    "dispatcher_trunk_channels",
    "dispatcher_trunk_up",
    "dispatcher_pbx_up",
    "dispatcher_report_stream_up",
    "dispatcher_attempts_in_doubt",
    "dispatcher_oldest_unreconciled_seconds",
    "dispatcher_channels_overdue",
    "dispatcher_schedule_gap_seconds",
    "dispatcher_heartbeat_up",
    "dispatcher_webhook_deliveries_waiting",
    "dispatcher_webhook_deliveries_dead",
    "dispatcher_audit_findings",
    "dispatcher_audit_clean_timestamp_seconds",
)


def without_code(text: str) -> str:
    """The text without its code blocks, in which brackets are no links and hashes no headings."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as the usual viewers make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(path.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def examples(path: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return [found["text"] for found in FENCE.finditer(path.read_text()) if found["language"] == language]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for found in LINK.finditer(without_code(path.read_text())):
        target, _, anchor = found["target"].partition("#")
        if found["target"].startswith(OUTSIDE):
            continue
        file = (path.parent / target) if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(found["target"])
    assert not broken


def shell_lines(text: str) -> list[list[str]]:
    """The commands of a shell example, word by word, without comments; quotes may run over lines."""
    found, begun = [], ""
    for line in text.replace("\\\n", " ").splitlines():
        begun += f"{line}\n"
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            continue
        begun = ""
        if words:
            found.append(words)
    assert not begun, f"a quote is not closed: {begun}"
    return found


def commands_of(path: Path) -> list[list[str]]:
    """Every command line of a document's shell examples."""
    return [words for block in examples(path, "sh") for words in shell_lines(block)]


GROUPS = (
    "alarm",
    "campaign",
    "contact",
    "do-not-call",
    "group",
    "heartbeat",
    "inhibition",
    "policy",
    "schedule",
    "silence",
    "webhook",
)
"""Commands that have commands of their own."""


@cache
def help_of(*command: str) -> str:
    """What a command of ours says of itself; empty when there is no such command."""
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    return shown.output if shown.exit_code == 0 else ""


def complaint_about(words: list[str]) -> str | None:
    """What is wrong with a command line of ours, or None."""
    program = words[0].rpartition("/")[2]
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return None if words[1] in targets else f"no make target {words[1]}"
    if program != "dispatcher":
        return None
    rest = words[1:]
    if rest[:1] == ["--config"]:
        rest = rest[2:]
    command = list(takewhile(lambda word: re.fullmatch("[a-z][a-z-]*", word), rest))[:2]
    while command and not help_of(*command):
        command.pop()
    if not command:
        return f"no command {rest[0]}"
    known = help_of(*command)
    if len(command) == 1 and command[0] in GROUPS:
        return f"no command {' '.join(rest[:2])}"
    unknown = [word for word in rest if word.startswith("--") and word not in known]
    return f"{' '.join(command)} has no {unknown}" if unknown else None


WITH_COMMANDS = [
    README,
    *(ROOT / "docs" / f"{name}.md" for name in ("operations", "on-call", "webhooks", "heartbeats", "proof")),
]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_in_the_examples_exists(path: Path) -> None:
    lines = commands_of(path)
    assert lines
    wrong = [(shlex.join(words), said) for words in lines if (said := complaint_about(words))]
    assert not wrong


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("make demo ARGS=--exit", True),
        ("make tea", False),
        (".venv/bin/dispatcher --config x.toml doctor", True),
        ("dispatcher campaign create Name --ivr 6500", True),
        ("dispatcher campaign create Name --colour red", False),
        ("dispatcher campaign fly", False),
        ("dispatcher fly", False),
    ],
)
def test_what_counts_as_a_command(line: str, accepted: bool) -> None:
    assert (complaint_about(shlex.split(line)) is None) is accepted


def test_the_readme_configuration_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, policy = examples(README, "toml")
    file = tmp_path / "dispatcher.toml"
    file.write_text(f"{example}\n{policy}")
    monkeypatch.setenv("HQ_PASSWORD", "secret")
    settings = load(file)
    assert settings.pbx[0].trunk[0].channels == 30
    assert [step.mode for step in settings.policy[0].all_steps] == ["parallel", "hunt"]
    assert len(example.splitlines()) <= 20


def test_the_readme_alarm_is_accepted() -> None:
    (command,) = [words for words in commands_of(README) if words[0] == "curl"]
    body = json.loads(command[command.index("--json") + 1])
    request = AlarmRequest.model_validate(body)
    assert request.dedup_key == "boiler-3"
    assert command[1].endswith("/v1/alarms")


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    explained = set(re.findall(r"^\| `(dispatcher_\w+)[`{]", text, re.MULTILINE))
    counted = {metric.name for metric in (*catalogue.COUNTERS, *catalogue.HISTOGRAMS)}
    assert explained == counted | set(GAUGES)


@pytest.mark.parametrize("metric", [*catalogue.COUNTERS, *catalogue.HISTOGRAMS], ids=lambda one: one.name)
def test_every_metric_is_explained_with_its_labels(metric: catalogue.Counter | catalogue.Histogram) -> None:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    assert f"`{metric.name}{labels}`" in (ROOT / "docs/operations.md").read_text()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        text for group in project["dependency-groups"].values() for text in group if isinstance(text, str)
    ]
    wanted = [*project["project"]["dependencies"], *groups]
    names = {re.split(r"[>=<\[; ]", text)[0] for text in wanted}
    explained = (ROOT / "docs/dependencies.md").read_text()
    missing = {name for name in names if f"`{name}" not in explained and not name.startswith("types-")}
    assert not missing


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
    for path in folder.glob("[0-9]*.md"):
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} · ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{path.name} lacks {part}"


def test_every_file_that_a_new_family_touches_exists() -> None:
    text = (ROOT / "docs/adding-a-pbx.md").read_text()
    named = [
        cell
        for row in re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
        for cell in re.findall("`([^`]+)`", row)
    ]
    places = {place.replace("FAMILY", "yeastar_s") for place in named}
    assert places
    missing = [
        place for place in places if not (ROOT / place).exists() and not (ROOT / "docs" / place).exists()
    ]
    assert not missing


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
