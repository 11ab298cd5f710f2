"""A proof for people: one page of HTML that needs nothing else, and prints well.

Every value of an alarm is foreign text, and is escaped; there are no scripts and no addresses in it.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:11pt/1.45 Georgia,serif;color:#111;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:1.8rem 0 .4rem;border-bottom:1px solid #999}
table{border-collapse:collapse;width:100%}
td,th{padding:.2rem .5rem .2rem 0;text-align:left;vertical-align:top}
th{font-weight:600;border-bottom:1px solid #ccc}tr{break-inside:avoid}
.facts th{width:12rem;border:0}.at{white-space:nowrap;font-variant-numeric:tabular-nums}
.warning{border:2px solid #a00;padding:.5rem .8rem}code{font-size:.85em;overflow-wrap:anywhere}
small{color:#444}
@page{margin:18mm}@media print{body{margin:0;max-width:none;font-size:9.5pt}h2{break-after:avoid}}
"""

_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""With what the page is served: nothing in it may run or be fetched, whatever an alarm smuggles in."""


def page_of(document: Mapping[str, Any]) -> str:
    """The proof as one HTML page."""
    content = document["content"]
    alarm = content["alarm"]
    parts = [
        f"<h1>{escape(alarm['summary'])}</h1>",
        f"<p>Proof of alarm <code>{escape(alarm['id'])}</code></p>",
        *_warnings(content["completeness"]),
        _facts(_alarm(alarm)),
        f"<h2>What happened</h2>{_timeline(content)}",
        "<h2>Calls</h2>",
        *(_call(call) for call in content["calls"]),
        "" if content["calls"] else "<p>Nobody was called.</p>",
        _not_called(content["not_called"]),
        _foot(document),
    ]
    title = escape(f"Proof: {alarm['summary']}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _text(value: Any) -> str:
    return "-" if value is None or value == "" else escape(str(value))


def _clock(at: str | None) -> str:
    """A time as people read it, with its distance from UTC."""
    if at is None:
        return "-"
    return escape(at.replace("T", " ").replace("Z", " UTC"))


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts">{cells}</table>'


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _warnings(completeness: Mapping[str, Any]) -> list[str]:
    notes = [part["note"] for part in completeness.values() if part["note"]]
    return [f'<p class="warning">This record is not complete: {escape(note)}.</p>' for note in notes]


def _alarm(alarm: Mapping[str, Any]) -> list[tuple[str, str]]:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alarm["labels"].items()))
    message = ", ".join(f"{kind} {value}" for kind, value in alarm["message"].items())
    acknowledged = _clock(alarm["acknowledged_at"])
    if alarm["acknowledged_by"]:
        acknowledged += f", by {escape(alarm['acknowledged_by'])}"
    times = "once" if alarm["occurrences"] == 1 else f"{alarm['occurrences']} times in all"
    return [
        ("Status", _text(alarm["status"])),
        ("Severity", _text(alarm["severity"])),
        ("Source", _text(alarm["source"])),
        ("Key of the episode", _text(alarm["dedup_key"])),
        ("Labels", _text(labels)),
        ("Policy", _text(alarm["policy"])),
        ("Message", _text(message)),
        ("Delivered when", _text(alarm["delivered_when"])),
        ("Raised", f"{_clock(alarm['raised_at'])}, {times}"),
        ("Acknowledged", acknowledged),
        ("Resolved", _clock(alarm["resolved_at"])),
    ]


def _timeline(content: Mapping[str, Any]) -> str:
    zone = content["timezone"]
    clocks = {"UTC": "at"} if zone == "UTC" else {"UTC": "at", zone: "local"}
    rows = [
        (
            *(f'<span class="at">{_clock(line[member])}</span>' for member in clocks.values()),
            escape(line["text"]),
            f"<small>{escape(line['evidence'])}</small>",
        )
        for line in content["timeline"]
    ]
    return _table((*clocks, "What", "Record"), rows)


def _call(call: Mapping[str, Any]) -> str:
    others = "; ".join(f"{other['summary']} ({other['id']})" for other in call["also_told_of"])
    rows = [
        (
            str(attempt["ordinal"]),
            escape(attempt["line"]),
            f"<code>{_text(attempt['callid'])}</code>",
            *(f'<span class="at">{_clock(attempt[name])}</span>' for name in _TIMES),
            _text(attempt["keys"]),
            _text(attempt["outcome"]),
            _record(attempt),
        )
        for attempt in call["attempts"]
    ]
    columns = ("No.", "Through", "Call id", "Dialled", "Rang", "Answered", "Heard", "Ended")
    told = f"<p>The same call told of: {escape(others)}</p>" if others else ""
    what = f"step {call['step']}, round {call['round']}; {call['state']}"
    return (
        f"<h3>{escape(call['who'])}</h3><p>{escape(what)}; call <code>{escape(call['id'])}</code></p>{told}"
        + _table((*columns, "Keys", "Outcome", "Call record"), rows)
    )


_TIMES = ("dialled_at", "ringing_at", "answered_at", "heard_at", "ended_at")


def _record(attempt: Mapping[str, Any]) -> str:
    record, told = attempt["record"], []
    if record is not None:
        told = [_text(record["status"]), f"{_text(record['talk_seconds'])} s"]
    if attempt["recording"]:
        told.append(f"<code>{escape(attempt['recording'])}</code>")
    if not attempt["answer_is_proven"]:
        told.append("a line that proves no answer")
    return ", ".join(told) or "-"


def _not_called(people: Sequence[Mapping[str, Any]]) -> str:
    if not people:
        return ""
    rows = [(escape(one["who"]), f"step {one['step']}", _text(one["why"])) for one in people]
    return f"<h2>Not called</h2>{_table(('Who', 'When it was their turn', 'Why not'), rows)}"


def _foot(document: Mapping[str, Any]) -> str:
    return (
        f"<h2>About this record</h2><p><small>Made at {_clock(document['made_at'])}, format "
        f"{escape(document['format'])}. Times of calls are when the PBX's report of them was received. "
        "SHA-256 of the canonical content of the JSON document: "
        f"<code>{escape(document['sha256'])}</code></small></p>"
    )
