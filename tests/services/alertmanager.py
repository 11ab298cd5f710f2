"""A private Alertmanager."""

import http.client
from typing import ClassVar

from tests.services import binaries
from tests.services.process import HOST, ServerProcess


class AlertmanagerServer(ServerProcess):
    """Prometheus's Alertmanager on a free loopback port, with a configuration given as YAML text."""

    name: ClassVar[str] = "alertmanager"

    def __init__(self, config: str) -> None:
        super().__init__()
        self._config = config

    @property
    def url(self) -> str:
        """Its address, for `/api/v2/alerts` and the rest."""
        return f"http://{HOST}:{self.port}"

    def _prepare(self) -> None:
        (self.folder / "alertmanager.yml").write_text(self._config)

    def _command(self) -> list[str]:
        return [
            str(binaries.alertmanager()),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--cluster.listen-address=",
            "--log.level=debug",
        ]

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()
