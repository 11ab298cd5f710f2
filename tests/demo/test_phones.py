"""The demo on a real Asterisk: who is called there, and that it holds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher.cli.demo import phones
from dispatcher.cli.demo.cast import callees
from dispatcher.cli.demo.plays import play_for_phones
from dispatcher.cli.demo.real import VARIABLE, RealAsterisk, RealPbx
from dispatcher.cli.demo.stage import Pace, Wishes, configuration
from dispatcher.config import load
from tests.asterisk.callees import CALLEES
from tests.asterisk.packages import NEWER, PackagesMissing, unpacked
from tests.cli.site import run

ROOT = Path(__file__).parents[2]
ASTERISK = RealAsterisk("127.0.0.1", 5038, "dispatcher", "hunter2", "trunk")


def test_every_kind_of_person_has_a_phone() -> None:
    codes = {callee.code for callee in CALLEES.values()}
    called = {kind.code for kind in phones.KINDS}
    alarmed = {
        number[-4:] for script in (phones.NIGHT_SHIFT, phones.PUMP, phones.DOOR) for number in script.calls
    }
    assert called | alarmed <= codes
    assert {person.kind for person in callees(phones.LEAST, phones.KINDS)} == set(phones.KINDS)


def test_the_play_has_its_size() -> None:
    assert len(play_for_phones(None).campaign) == phones.USUAL
    with pytest.raises(ValueError, match="people"):
        play_for_phones(phones.MOST + 1)


def test_the_configuration_is_one(tmp_path: Path) -> None:
    wishes = Wishes("asterisk", 7, Pace(1.0, 2.0), None, {})
    file = tmp_path / "demo.toml"
    file.write_text(configuration(tmp_path / "demo.db", RealPbx(ASTERISK, "any", 7), wishes))
    (pbx,) = load(file, {}).pbx
    assert (pbx.host, pbx.port, pbx.trunk[0].dial) == ("127.0.0.1", 5038, "PJSIP/{number}@trunk")
    assert pbx.trunk[0].channels == 7


def test_the_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(ASTERISK)


@pytest.mark.parametrize("said", ["", "{", json.dumps({"host": "127.0.0.1"})])
def test_without_an_asterisk_it_says_how_to_get_one(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, said)
    result = run("demo", "--pbx", "asterisk")
    assert result.exit_code == 2
    assert "--pbx" in result.output


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_call_comes_out_as_scripted_over_real_sip() -> None:
    try:
        unpacked(NEWER)
    except PackagesMissing as missing:
        pytest.skip(f"no real Asterisk to be had: {missing}")
    command = [sys.executable, "-m", "scripts.demo", "--pbx", "asterisk", "--exit", "--numbers", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "calls came out as scripted" in done.stdout
    assert "full 0 times" in done.stdout
