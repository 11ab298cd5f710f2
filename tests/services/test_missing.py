"""A missing server skips a test on a laptop and fails it in CI."""

from pathlib import Path

import pytest

from tests.services import ServiceMissing, binaries, install
from tests.services.fixtures import without_service


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any server, and without apt-get to install one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "POSTGRES_FOLDERS", ())
    monkeypatch.setattr(binaries, "OTHER_FOLDERS", ())


@pytest.mark.usefixtures("bare_machine")
def test_every_missing_server_is_named_with_its_package() -> None:
    assert install.missing() == [
        "postgresql",
        "redis-server",
        "prometheus",
        "prometheus-alertmanager",
        "icinga2-bin",
        "zabbix-proxy-sqlite3",
        "nagios4-core",
    ]
    with pytest.raises(ServiceMissing, match=r"no Redis server .*package redis-server"):
        binaries.redis_server()


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_server_that_cannot_be_installed_is_an_error_in_ci_only(
    ci: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    assert install.main() == status
    assert "no apt-get" in capsys.readouterr().err


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_test_without_its_server_is_skipped_or_fails(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no Redis server"):
        without_service(ServiceMissing("Redis", "redis-server"))


def test_the_newest_postgresql_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "16"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for program in ("initdb", "postgres"):
            (folder / program).touch()
    (tmp_path / "16" / "bin" / "initdb").unlink()
    monkeypatch.setattr(binaries, "POSTGRES_FOLDERS", (f"{tmp_path}/*/bin",))
    assert binaries.postgres_folder() == tmp_path / "15" / "bin"
