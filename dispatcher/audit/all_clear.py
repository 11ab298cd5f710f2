"""The all-clear, for a dead man's switch: an address of the user's that is fetched as long as all is clean.

The address itself may be a secret (whoever knows it can feed the switch), so that no log line, error
or metric holds more of it than the host. It is given to the connection alone, without the client
that would log it.
"""

import logging
import time
from collections.abc import Callable

import httpx

from dispatcher.logs import keep_answer_headers_out

_log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
TIMEOUT_SECONDS = 10.0


class AllClear:
    """Fetches the address when it is told that all is clean, once a minute at most."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        keep_answer_headers_out()
        self._url = httpx.URL(url)
        self._monotonic = monotonic
        self._due = 0.0
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
        self._transport = httpx.HTTPTransport(verify=context, trust_env=False)

    def give(self) -> bool:
        """All is clean: fetch the address if a minute has passed; whether it has been fetched now.

        A fetch that fails is logged, and tried again with the next look.
        """
        if self._monotonic() < self._due:
            return False
        problem = self._fetch()
        if problem:
            _log.warning("the all-clear could not be sent to %s: %s", self._url.host, problem)
            return False
        self._due = self._monotonic() + EVERY_SECONDS
        return True

    def close(self) -> None:
        """Drop the connections."""
        self._transport.close()

    def _fetch(self) -> str:
        """Why the fetch failed, in words that hold nothing of the address; empty when it did not."""
        timeouts = httpx.Timeout(TIMEOUT_SECONDS).as_dict()
        request = httpx.Request(
            "GET",
            self._url,
            headers={"User-Agent": "ivr-dispatcher", "Connection": "close"},
            extensions={"timeout": timeouts},
        )
        try:
            response = self._transport.handle_request(request)
        except Exception as error:
            return type(error).__name__
        response.close()
        return "" if response.is_success else f"HTTP {response.status_code}"
