"""A client of the HTTP API, for the commands and the demo.

ApiError
 ├─ Refused       the API said no: status, detail, and the fields that are wrong
 └─ Unreachable   nothing answered, or what answered can't serve now; asking again later may work
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx

LARGEST_PAGE = 500


class ApiError(Exception):
    """A request that was not done."""


class Refused(ApiError):
    """The API understood and said no."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Unreachable(ApiError):
    """Nothing answered, or the answer was that it can't serve now."""


class Api:
    """The API at ``url``, with a key when it asks for one."""

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=httpx.Timeout(timeout, connect=5.0), trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """A document; parameters that are None are left out."""
        return self._document("GET", path, params=_given(params))

    def text(self, path: str) -> str:
        """A text, such as ``/metrics``."""
        return self._ask("GET", path).text

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Send a document whose repetition changes nothing."""
        return self._document("POST", path, json=body, params=_given(params))

    def post_once(self, path: str, body: Any = None, **params: Any) -> Any:
        """Send a document under an idempotency key of its own: however often it arrives, it is done once."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return self._document("POST", path, json=body, headers=headers, params=_given(params))

    def patch(self, path: str, body: Any) -> Any:
        """Change a thing; what the document leaves out stays."""
        return self._document("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Delete a thing."""
        self._ask("DELETE", path)

    def put(self, path: str, body: Any) -> Any:
        """Make or replace a document."""
        return self._document("PUT", path, json=body)

    def upload(self, path: str, pieces: Iterable[bytes], kind: str, *, method: str = "POST") -> Any:
        """Stream a body of any size."""
        headers = {"Content-Type": kind}
        return self._document(method, path, content=pieces, headers=headers, timeout=httpx.Timeout(600.0))

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, limit=LARGEST_PAGE, cursor=cursor, **params)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def pieces(self, path: str) -> Iterator[bytes]:
        """A body of any size, in pieces."""
        try:
            with self._client.stream("GET", path, timeout=httpx.Timeout(600.0, connect=5.0)) as answer:
                if answer.is_error:
                    answer.read()
                _check(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise self._away(error) from None

    def events(self, on_open: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
        """Server-sent events as they come, until the connection ends; silence is no end.

        From the call of ``on_open`` on, none is missed.
        """
        timeout = httpx.Timeout(5.0, read=None)
        try:
            with self._client.stream("GET", "/v1/events", timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                _check(answer)
                for line in answer.iter_lines():
                    if line.startswith(": following"):
                        on_open()
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except httpx.TransportError as error:
            raise self._away(error) from None

    def _document(self, method: str, path: str, **options: Any) -> Any:
        answer = self._ask(method, path, **options)
        try:
            return answer.json()
        except ValueError:
            raise Unreachable(f"{self.url} answered {path} with no JSON; is it the dispatcher?") from None

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._away(error) from None
        _check(answer)
        return answer

    def _away(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(f"{self.url} can't be reached: {str(error) or type(error).__name__}")


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _check(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{answer.url} answered {answer.status_code} {answer.reason_phrase}"
    if answer.status_code >= 500:
        raise Unreachable(detail)
    raise Refused(answer.status_code, detail)
