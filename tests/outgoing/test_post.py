"""One try by itself: where it goes, what it says of itself, and what it makes of the answer."""

import asyncio
import time
from datetime import UTC, datetime

import httpx
import pytest

from dispatcher.outgoing import post
from dispatcher.outgoing.post import Answer, Poster, is_public
from dispatcher.signing import checked_secret, headers, new_secret
from tests.cores import START
from tests.outgoing.receiver import Receiver, Reply


def posted(url: str, *, timeout: float = 2.0, private_addresses: bool = True) -> Answer:
    async def once() -> Answer:
        poster = Poster(timeout, private_addresses=private_addresses)
        try:
            return await poster.post(url, {"webhook-id": "msg_1"}, '{"type": "webhook.test"}')
        finally:
            await poster.close()

    return asyncio.run(once())


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    """The vector of the Standard Webhooks reference implementations' tests."""
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_new_secrets_are_as_the_specification_wants_them() -> None:
    assert checked_secret(new_secret())
    assert new_secret() != new_secret()
    assert "webhook-signature" not in headers("msg_1", START, "{}", [])


def test_an_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "is_public", lambda address: address == "127.0.0.1")
    port = httpx.URL(receiver.url).port
    answer = posted(f"http://localhost:{port}/hook?a=b", private_addresses=False)

    assert answer == Answer(status=204)
    [got] = receiver.got
    assert (got.headers["host"], got.path) == (f"localhost:{port}", "/hook?a=b")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://localhost/", "the address is neither http nor https"),
        ("http://no-such-host.invalid/", "no connection"),
        ("http://[::1/", "InvalidURL"),
        ("http://127.0.0.1:1/", "no connection"),
    ],
)
def test_what_can_not_be_called_is_said(url: str, problem: str) -> None:
    assert posted(url).problem.startswith(problem)


def test_a_name_that_leads_nowhere_is_said() -> None:
    answer = posted("http://no-such-host.invalid/", private_addresses=False)
    assert answer.problem == "the host's name can't be looked up"


def test_an_answer_that_drips_is_cut_off(receiver: Receiver) -> None:
    receiver.reply = lambda got: Reply(after=30)
    began = time.monotonic()
    assert posted(receiver.url, timeout=0.5).problem == "no answer within 0.5 s"
    assert time.monotonic() - began < 15
    receiver.stop()


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("status", [200, 500])
def test_the_status_counts_though_the_body_does_not_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int, cut: bool
) -> None:
    monkeypatch.setattr(post, "_BODY_SECONDS", 0.3)
    receiver.reply = lambda got: Reply(status, b"thanks", missing=100, cut=cut)
    began = time.monotonic()
    answer = posted(receiver.url, timeout=20.0)

    assert answer == (Answer(status=200) if status == 200 else Answer("HTTP 500: thanks", 500))
    assert time.monotonic() - began < 10
    assert len(receiver.got) == 1


def test_of_a_long_answer_a_line_is_kept(receiver: Receiver) -> None:
    receiver.reply = lambda got: Reply(500, b"<html>\r\n\t" + b"x" * 100_000)
    answer = posted(receiver.url)
    assert answer.problem.startswith("HTTP 500: <html> xxx")
    assert len(answer.problem) < 220


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:0a00:0001::1", False),
        ("64:ff9b::0a00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
