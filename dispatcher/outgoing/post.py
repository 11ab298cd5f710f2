"""One try: the request, and what its answer means. Nothing here knows of the store."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version

import httpx

from dispatcher.logs import keep_answer_headers_out

USER_AGENT = f"ivr-dispatcher/{version('ivr-dispatcher')}"
CONNECT_SECONDS = 5.0
_LONGEST_PROBLEM = 200
_READ_AT_MOST = 16_384
_BODY_SECONDS = 2.0
_MOST_ADDRESSES = 4
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one try. ``problem`` is empty when the message was taken."""

    problem: str = ""
    status: int | None = None
    retry_after: float | None = None
    """Seconds for which the receiver asks to be left alone."""

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it is never to be asked again."""
        return self.status == HTTPStatus.GONE


class Refusal(Exception):
    """An address that is not to be called; its text says why."""


class Poster:
    """Posts bodies. ``private_addresses`` allows addresses that are not on the public internet.

    Requests go to the connection itself: no redirect is followed, no proxy asked, nothing logged.
    """

    def __init__(self, timeout: float, *, private_addresses: bool) -> None:
        self._timeout = timeout
        self._private = private_addresses
        keep_answer_headers_out()
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
        # Without a limit of its own, so that receivers that are slow keep no connection from the others.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50, keepalive_expiry=30.0)
        self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)

    async def close(self) -> None:
        """Drop the connections."""
        await self._transport.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        """One POST. Never raises for what the network or the receiver does."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._posted(httpx.URL(url), headers, body)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(f"no answer within {self._timeout:g} s")
        except Refusal as error:
            return Answer(str(error))
        except httpx.ConnectError as error:
            return Answer(f"no connection: {_short(str(error))}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(type(error).__name__)
        try:
            return _answer(response, await _said(response))
        finally:
            await response.aclose()

    async def _posted(self, url: httpx.URL, headers: Mapping[str, str], body: str) -> httpx.Response:
        if url.scheme not in ("http", "https") or not url.host:
            raise Refusal("the address is neither http nor https")
        if self._private:
            return await self._sent(url, url, headers, body)
        failure: httpx.ConnectError | None = None
        for address in await _public_addresses(url):
            try:
                return await self._sent(url, url.copy_with(host=address), headers, body)
            except httpx.ConnectError as error:
                failure = error
        raise failure or Refusal("the host's name leads to no address")

    async def _sent(
        self, url: httpx.URL, to: httpx.URL, headers: Mapping[str, str], body: str
    ) -> httpx.Response:
        """``to`` is where the connection goes; the receiver, and its certificate, have ``url``'s name."""
        plain = {"User-Agent": USER_AGENT, "Content-Type": "application/json", "Host": _host(url)}
        timeouts = httpx.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout)).as_dict()
        request = httpx.Request(
            "POST",
            to,
            headers=plain | dict(headers),
            content=body.encode(),
            extensions={"timeout": timeouts, "sni_hostname": url.host},
        )
        return await self._transport.handle_async_request(request)


def _host(url: httpx.URL) -> str:
    return url.netloc.decode()


async def _said(response: httpx.Response) -> bytes:
    """The beginning of the body, if one comes: the status has said already whether the message was taken.

    It is read to the end where that is near: only then can the connection be used again.
    """
    said = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in response.aiter_raw():
                said += chunk
                if len(said) >= _READ_AT_MOST:
                    break
    except (TimeoutError, httpx.HTTPError):
        pass
    return said


def _answer(response: httpx.Response, said: bytes) -> Answer:
    """2xx is taken, whatever else it says; of others a line is kept."""
    status = response.status_code
    if response.is_success:
        return Answer(status=status)
    if response.is_redirect:
        return Answer(f"HTTP {status}: redirects are not followed", status)
    text = _short(said.decode(errors="replace"))
    return Answer(f"HTTP {status}: {text}" if text else f"HTTP {status}", status, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, is left alone."""
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else None


def _short(text: str) -> str:
    line = _BLANKS.sub(" ", text).strip()
    return line if len(line) <= _LONGEST_PROBLEM else f"{line[:_LONGEST_PROBLEM]}…"


async def _public_addresses(url: httpx.URL) -> list[str]:
    """The public addresses of the host. Its name is looked up once: what was checked is what is called."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Refusal("the host's name can't be looked up") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    public = [address for address in addresses if is_public(address)]
    if addresses and not public:
        raise Refusal("the address is not public (webhooks.private_addresses)")
    return public[:_MOST_ADDRESSES]


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet, by itself and by the IPv4 address it may stand for."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or nat64 or ip
    return ip.is_global and not ip.is_multicast
