"""An Asterisk is reached at a host and port, and told how each trunk is dialled."""

from pathlib import Path

import pytest

from dispatcher.config import load
from tests.config.conftest import GOOD, Complaints

ASTERISK = """
[[pbx]]
name = "pbx"
family = "asterisk"
host = "10.0.0.9"
username = "dispatcher"
password = "swordfish"

[[pbx.trunk]]
name = "provider"
channels = 30
dial = "PJSIP/{number}@provider"
"""
FAMILIES = ("asterisk",)


def changed(old: str, new: str) -> str:
    assert ASTERISK.count(old) == 1, old
    return ASTERISK.replace(old, new)


def loaded(tmp_path: Path, text: str) -> str:
    (tmp_path / "site.toml").write_text(text)
    return load(tmp_path / "site.toml", {}, families=FAMILIES).pbx[0].address


def test_a_host_is_enough(tmp_path: Path) -> None:
    assert loaded(tmp_path, ASTERISK) == "ami://10.0.0.9:5038"


def test_over_tls_and_ipv6(tmp_path: Path) -> None:
    text = changed('host = "10.0.0.9"', 'host = "fd00::9"\nport = 5039\ntls = true')
    assert loaded(tmp_path, text) == "amis://[fd00::9]:5039"


def test_it_needs_nowhere_to_post_reports_to(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[reports]\nlisten = "0.0.0.0:8260"\n' + ASTERISK)


RECORDS = "postgresql+psycopg://reader:open-sesame@10.0.0.9/asterisk"


def test_the_database_of_its_records_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(changed('password = "s', 'cdr_url_env = "RECORDS"\npassword = "s'))
    settings = load(tmp_path / "site.toml", {"RECORDS": RECORDS}, families=FAMILIES)
    assert settings.pbx[0].records_url() == RECORDS
    assert "open-sesame" not in f"{settings!r} {settings.pbx[0]}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("open-sesame", "is not a database URL"),
        ("nonesuch://reader:open-sesame@10.0.0.9/asterisk", "names no kind of database that is known here"),
        ("postgresql+psycopg2://reader:open-sesame@10.0.0.9/asterisk", "needs the Python package psycopg2"),
        ("postgresql+psycopg://reader:open-sesame@10.0.0.9", "must name the database"),
    ],
)
def test_a_database_of_records_that_can_not_be_read(complaints: Complaints, url: str, why: str) -> None:
    text = changed('password = "s', f'cdr_url = "{url}"\npassword = "s')
    [complaint] = complaints(text, families=FAMILIES)
    assert complaint.startswith(f"site.toml: pbx[0].cdr_url (line 7): {why}")
    assert "open-sesame" not in complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            changed('host = "10.0.0.9"\n', ""),
            'pbx[0].host (line 2): missing. Add e.g. host = "192.168.5.150", and port if it is not 5038',
        ),
        (
            changed('host = "10.0.0.9"', 'host = "10.0.0.9"\nurl = "http://10.0.0.9:5038"'),
            "pbx[0].url (line 6): asterisk is reached over its manager interface. "
            "Write host and port in its place",
        ),
        (
            changed('host = "10.0.0.9"', 'host = "10.0.0.9:5038/"'),
            "pbx[0].host (line 5): has characters that are not allowed here, or is blank. "
            'Write e.g. host = "192.168.5.150"',
        ),
        (
            changed('dial = "PJSIP/{number}@provider"\n', ""),
            'pbx[0].trunk[0].dial (line 9): missing. Add e.g. dial = "PJSIP/{number}@provider"',
        ),
        (
            changed("PJSIP/{number}@provider", "PJSIP/provider"),
            "pbx[0].trunk[0].dial (line 12): is no dial string with {number} in it. "
            'Write e.g. dial = "PJSIP/{number}@provider"',
        ),
        (
            ASTERISK + '[[pbx.trunk]]\nname = "other"\nchannels = 2\ndial = "PJSIP/9{number}@provider"\n',
            "pbx[0].trunk[1].dial (line 16): PJSIP/provider is the endpoint of the trunk provider as well. "
            "Give each trunk an endpoint of its own, or make one trunk of them with all their channels",
        ),
        (
            changed('host = "10.0.0.9"', 'host = "10.0.0.9"\nextension_dial = "PJSIP/"'),
            "pbx[0].extension_dial (line 6): is no dial string with {extension} in it. "
            'Write e.g. extension_dial = "PJSIP/{extension}"',
        ),
    ],
)
def test_one_mistake_one_line(complaints: Complaints, text: str, complaint: str) -> None:
    assert complaints(text, families=FAMILIES) == [f"site.toml: {complaint}"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('host = "10.0.0.9"', "host (line 17): is for asterisk only. Write url in its place"),
        ("port = 5038", "port (line 17): is for asterisk only. Write url in its place"),
        ('cdr_url = "sqlite:////records.db"', "cdr_url (line 17): is for asterisk only. Leave it out"),
        ('ivr_context = "ivrs"', "ivr_context (line 17): is for asterisk only. Leave it out"),
    ],
)
def test_other_families_are_reached_at_a_url(complaints: Complaints, line: str, complaint: str) -> None:
    text = GOOD.replace('username = "api"', f'username = "api"\n{line}')
    assert complaints(text) == [f"site.toml: pbx[0].{complaint}"]


def test_and_can_not_do_without(complaints: Complaints) -> None:
    text = GOOD.replace('url = "https://192.168.5.150:8088"\n', "")
    assert complaints(text) == [
        'site.toml: pbx[0].url (line 12): missing. Add e.g. url = "https://192.168.5.150:8088"'
    ]
