"""What is loaded: defaults, the file, the environment over it, and secrets that are named only."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from dispatcher.config import ConfigError, Settings, load, require_shared_broker
from dispatcher.config.places import Places
from tests.config.conftest import FAMILIES, GOOD, Complaints


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(GOOD)
    return path


def test_nothing_at_all_gives_the_defaults() -> None:
    assert load(None, {}) == Settings()
    assert load(None, {}).store.url == "sqlite:///dispatcher.db"


def test_the_environment_names_the_file(file: Path) -> None:
    settings = load(None, {"DISPATCHER_CONFIG": str(file)})
    assert settings.pbx[0].trunk[0].channels == 30
    assert settings.source == str(file)


def test_the_process_s_own_environment_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCHER_CONFIG", str(file))
    monkeypatch.setenv("DISPATCHER_PACING__TICK", "0.5")
    assert load().pbx[0].name == "hq"
    assert load().pacing.tick == 0.5


def test_settings_made_by_hand_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCHER_PACING__TICK", "0.5")
    assert Settings().pacing.tick == 1.0


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("STORE__URL", "sqlite:///x.db", ["store", "url"], "sqlite:///x.db"),
        ("BROKER__URL", "", ["broker", "url"], ""),
        ("API__MAX_BODY_BYTES", "2048", ["api", "max_body_bytes"], 2048),
        ("PACING__SETTLE", "0.25", ["pacing", "settle"], 0.25),
        ("LOG__JSON", "true", ["log", "json_lines"], True),
        ("LOG__LEVEL", "DEBUG", ["log", "level"], "debug"),
        ("ALARMS__EXPIRES_AFTER", "60", ["alarms", "expires_after"], 60.0),
        ("PBX__0__VERIFY_TLS", "no", ["pbx", 0, "verify_tls"], False),
        ("PBX__0__SERIAL", "369362089179", ["pbx", 0, "serial"], "369362089179"),
        ("PBX__0__REPORT_SOURCES", '["10.0.0.1"]', ["pbx", 0, "report_sources"], ["10.0.0.1"]),
        ("PBX__0__REPORT_SOURCES__0", "10.0.0.1", ["pbx", 0, "report_sources"], ["10.0.0.1"]),
        ("PBX__0__TRUNK__0__CHANNELS", "7", ["pbx", 0, "trunk", 0, "channels"], 7),
        ("PBX__0__TRUNK__0__EXTENSION", "0100", ["pbx", 0, "trunk", 0, "extension"], "0100"),
        ("API__KEY__0__SCOPES", '["read", "operate"]', ["api", "key", 0, "scopes"], ["read", "operate"]),
    ],
)
def test_any_key_can_be_overridden(
    file: Path, name: str, value: str, path: list[str | int], expected: object
) -> None:
    for spelled in (f"DISPATCHER_{name}", f"dispatcher_{name.lower()}"):
        found: object = load(file, {spelled: value})
        for part in path:
            found = found[part] if isinstance(part, int) else getattr(found, part)  # type: ignore[index]
        assert found == expected


def test_a_password_is_taken_as_it_is(file: Path) -> None:
    for password in ('["not", "json"]', "12345", "ünïcode #", " spaced "):
        settings = load(file, {"DISPATCHER_PBX__0__PASSWORD": password})
        assert settings.pbx[0].secret() == password


def test_the_environment_alone_is_enough() -> None:
    environment = {
        "PBX__0__NAME": "hq",
        "PBX__0__FAMILY": "yeastar-s",
        "PBX__0__URL": "http://127.0.0.1:8088",
        "PBX__0__USERNAME": "api",
        "PBX__0__PASSWORD_ENV": "SECRET",
        "PBX__0__TRUNK__1__NAME": "two",
        "PBX__0__TRUNK__1__CHANNELS": "2",
        "PBX__0__TRUNK__1__PREFIX": "8",
        "PBX__0__TRUNK": '[{"name": "one", "channels": 1, "prefix": "9"}]',
    }
    named = {f"DISPATCHER_{name}": value for name, value in environment.items()} | {"SECRET": "swordfish"}
    with pytest.raises(ConfigError, match="DISPATCHER_PBX__0__TRUNK: stands beside variables that set parts"):
        load(None, named)
    del named["DISPATCHER_PBX__0__TRUNK"]
    named |= {"DISPATCHER_PBX__0__TRUNK__0__NAME": "one", "DISPATCHER_PBX__0__TRUNK__0__CHANNELS": "1"}
    named |= {"DISPATCHER_PBX__0__TRUNK__0__PREFIX": "9"}
    (pbx,) = load(None, named).pbx
    assert pbx.secret() == "swordfish"
    assert [(trunk.name, trunk.channels) for trunk in pbx.trunk] == [("one", 1), ("two", 2)]


def test_a_whole_section_can_be_json(file: Path) -> None:
    trunks = [{"name": "one", "channels": 1}, {"name": "two", "channels": 2, "extension": "1001"}]
    settings = load(file, {"DISPATCHER_PBX__0__TRUNK": json.dumps(trunks)})
    assert [trunk.name for trunk in settings.pbx[0].trunk] == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        (
            "DISPATCHER_PACING__TICK",
            "soon",
            "must be a valid number, unable to parse string as a number. Write e.g. tick = 1.0",
        ),
        ("DISPATCHER_PACING__TIK", "1", "unknown key. Did you mean tick?"),
        ("DISPATCHER_PBX__0__TRUNK__0__CHANELS", "1", "unknown key. Did you mean channels?"),
        ("DISPATCHER_PBX__2__NAME", "x", "there is no pbx[1] before it. Count from 0"),
        ("DISPATCHER_PBX__0__REPORT_SOURCES", "10.0.0.1", "must be a list. Write e.g. report_sources = "),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    complaints: Complaints, name: str, value: str, complaint: str
) -> None:
    (said,) = complaints(GOOD, **{name: value})
    variable = name.removesuffix("__NAME")
    assert said.startswith(f"environment: {variable}: {complaint}")


def test_a_section_that_does_not_exist_is_refused(complaints: Complaints) -> None:
    (said,) = complaints(GOOD, DISPATCHER_PACIN__TICK="1", DISPATCHER_HQ_PASSWORD="x", DISPATCHER_DEBUG="1")
    assert said.startswith("environment: DISPATCHER_PACIN__TICK: unknown section. The sections are store, ")


def test_secrets_can_come_from_variables_of_any_name(file: Path) -> None:
    text = GOOD.replace('password = "swordfish"', 'password_env = "DISPATCHER_HQ_PASSWORD"')
    text = text.replace('token = "open-sesame"', 'token_env = "TOKEN"')
    more = '[audit]\nheartbeat_url_env = "PING"\n[webhooks]\ncallback_secret_env = "SIGN"\n'
    file.write_text(text + more)
    ping, sign = "https://hc-ping.com/open-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    named = {"DISPATCHER_HQ_PASSWORD": "tuna", "TOKEN": "abracadabra", "PING": ping, "SIGN": sign}
    settings = load(file, named)
    assert settings.pbx[0].secret() == "tuna"
    assert settings.api.key[0].secret() == "abracadabra"
    assert settings.audit.all_clear_url() == ping
    assert settings.webhooks.callback_keys() == (sign,)
    assert "open-secret" not in repr(settings) + str(settings)
    assert sign not in repr(settings) + str(settings)


def test_secrets_are_not_shown(file: Path) -> None:
    settings = load(
        file,
        {
            "DISPATCHER_STORE__URL": "postgresql+psycopg://dispatcher:hunter2@db.example/calls",
            "DISPATCHER_BROKER__URL": "redis://:hunter2@redis.example:6379/0",
        },
    )
    shown = repr(settings) + str(settings)
    for secret in ("swordfish", "open-sesame", "hunter2"):
        assert secret not in shown
    assert settings.store.shown() == "postgresql+psycopg://dispatcher:***@db.example/calls"
    assert settings.broker.shown() == "redis://:***@redis.example:6379/0"
    assert Settings().store.shown() == "sqlite:///dispatcher.db"


def test_errors_show_no_secret(complaints: Complaints) -> None:
    text = GOOD.replace('"swordfish"', '["swordfish"]').replace('"open-sesame"', '{ x = "open-sesame" }')
    text = text.replace("https://192", "https://api:hunter2@192")
    said = "\n".join(complaints(text))
    for key in ("pbx[0].password", "api.key[0].token", "pbx[0].url"):
        assert key in said
    for secret in ("swordfish", "open-sesame", "hunter2"):
        assert secret not in said


def test_settings_do_not_change(file: Path) -> None:
    settings = load(file, {})
    with pytest.raises(ValidationError):
        settings.pacing.tick = 2.0


def test_reports_are_advertised_where_they_are_received(file: Path) -> None:
    assert load(file, {}).reports.advertised() == "http://10.0.0.5:8260"
    assert Settings().reports.advertised() == "http://127.0.0.1:8260"


def test_roles_apart_need_a_broker_that_they_share(file: Path) -> None:
    settings = load(file, {})
    require_shared_broker(settings, "up")
    with pytest.raises(ConfigError, match=r"site\.toml: broker\.url: empty.* but workers runs.*redis://"):
        require_shared_broker(settings, "workers")
    require_shared_broker(load(file, {"DISPATCHER_BROKER__URL": "redis://127.0.0.1:6379/0"}), "workers")


def test_two_trunks_are_told_apart_by_prefix_or_by_extension(file: Path) -> None:
    for second in ('prefix = "8"', 'extension = "1001"'):
        file.write_text(GOOD + f'[[pbx.trunk]]\nname = "two"\nchannels = 2\n{second}\n')
        assert len(load(file, {}, families=FAMILIES).pbx[0].trunk) == 2


def test_lines_are_found_in_every_way_of_writing_toml() -> None:
    places = Places(
        '# first\ntop.level = 1\n\n[a]\n"b c" = """\n[not]\nx = 1\n"""\n'
        "[[l]]\nn = [\n  1, # one\n  { z = 2 },\n]\n"
        "[[l.m]]\nk = 1\n[[l.m]]\nk = 2\n[[l]]\n[[l.m]]\nk = 3\n[l.sub.deep]\nv = 1\n"
    )
    lines = {
        ("top", "level"): 2,
        ("a",): 4,
        ("a", "b c"): 5,
        ("l", 0): 9,
        ("l", 0, "n"): 10,
        ("l", 0, "n", 1, "z"): 10,
        ("l", 0, "m", 0, "k"): 15,
        ("l", 0, "m", 1): 16,
        ("l", 1): 18,
        ("l", 1, "m", 0, "k"): 20,
        ("l", 1, "sub", "deep", "v"): 22,
        ("l", 1, "other"): 18,
        ("nowhere",): None,
    }
    assert {path: places.line(path) for path in lines} == lines
