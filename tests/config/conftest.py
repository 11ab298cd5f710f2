from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from dispatcher.config import ConfigError, load

FAMILIES = ("yeastar-s", "yeastar-k2", "yeastar-p", "axeos")

GOOD = """\
[api]
listen = "127.0.0.1:8080"
[[api.key]]
name = "monitoring"
token = "open-sesame"
scopes = ["intake"]

[reports]
listen = "0.0.0.0:8260"
advertise = "http://10.0.0.5:8260"

[[pbx]]
name = "hq"
family = "yeastar-s"
url = "https://192.168.5.150:8088"
username = "api"
password = "swordfish"

[[pbx.trunk]]
name = "SPS-6-36"
channels = 30
"""

Complaints = Callable[..., list[str]]


@pytest.fixture
def complaints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Complaints:
    """What loading a file complains of, a line each."""
    monkeypatch.chdir(tmp_path)

    def complain(text: str, families: Collection[str] = FAMILIES, **environment: str) -> list[str]:
        Path("site.toml").write_text(text)
        with pytest.raises(ConfigError) as refusal:
            load(Path("site.toml"), environment, families=families)
        assert str(refusal.value) == "\n".join(refusal.value.lines)
        return list(refusal.value.lines)

    return complain
