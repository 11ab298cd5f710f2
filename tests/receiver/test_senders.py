"""Which addresses a PBX may post from."""

import socket
import time
from collections.abc import Callable

import pytest

from dispatcher.receiver import senders
from dispatcher.receiver.senders import sender_of


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        ("https://192.0.2.7:8088", "192.0.2.7", True),
        ("https://192.0.2.7:8088", "192.0.2.8", False),
        ("https://192.0.2.7:8088", "::ffff:192.0.2.7", True),
        ("https://192.0.2.7:8088", "127.0.0.1", False),
        ("http://127.0.0.1:8088", "::1", True),
        ("http://[::1]:8088", "127.0.0.1", True),
        ("http://[2001:db8::7]:8088", "2001:db8::7", True),
        ("http://[2001:db8::7]:8088", "2001:db8::8", False),
        ("https://192.0.2.7:8088", "", False),
        ("https://192.0.2.7:8088", "unix socket", False),
    ],
)
def test_the_addresses_of_the_url_may_post(url: str, address: str, allowed: bool) -> None:
    assert sender_of("hq", url, "", []).may_post_from(address) is allowed


def test_networks_may_be_added() -> None:
    sender = sender_of("hq", "https://192.0.2.7", "", ["10.1.0.0/16", "2001:db8::/32"])

    assert sender.may_post_from("10.1.2.3")
    assert sender.may_post_from("2001:db8::1")
    assert not sender.may_post_from("10.2.0.1")


def test_a_host_that_can_not_be_found_allows_nobody() -> None:
    sender = sender_of("hq", "https://pbx.invalid", "", [])

    assert not sender.may_post_from("127.0.0.1")


def resolving_to(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> list[str]:
    """The host's addresses are those of the list, as it is now; the hosts that were asked for."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if not addresses:
            raise socket.gaierror("not found")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(senders, "LOOK_UP_SECONDS", 0.0)
    return asked


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_pbx_that_has_moved_is_let_in_when_it_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["192.0.2.7"]
    asked = resolving_to(monkeypatch, addresses)
    sender = sender_of("hq", "https://pbx.example", "", ["10.0.0.0/8"])
    assert sender.may_post_from("192.0.2.7")
    assert len(asked) == 1

    addresses[:] = ["192.0.2.8"]
    assert not sender.may_post_from("192.0.2.8")
    until(lambda: sender.may_post_from("192.0.2.8"))
    assert not sender.may_post_from("192.0.2.7")
    assert sender.may_post_from("10.0.0.1")


def test_a_name_that_can_be_looked_up_only_later_is_found_before_anybody_posts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses: list[str] = []
    asked = resolving_to(monkeypatch, addresses)
    monkeypatch.setattr(senders, "LOOK_UP_SECONDS", 30.0)
    monkeypatch.setattr(senders, "FIRST_LOOK_UP_SECONDS", 0.01)
    sender = sender_of("hq", "https://pbx.example", "", ["10.0.0.0/8"])
    sender.open()
    until(lambda: len(asked) > 3)

    addresses.append("192.0.2.7")
    until(lambda: len(sender.networks) == 2)
    assert sender.may_post_from("192.0.2.7")
    assert sender.may_post_from("10.0.0.1")
    before = len(asked)
    time.sleep(0.1)
    assert len(asked) == before, "a host that was found is looked up again"


def test_a_host_that_is_never_found_is_looked_for_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving_to(monkeypatch, [])
    monkeypatch.setattr(senders, "FIRST_LOOK_UP_SECONDS", 0.01)
    sender = sender_of("hq", "https://pbx.example", "", [])
    sender.open()
    until(lambda: len(asked) > 2)

    sender.close()
    time.sleep(0.1)
    before = len(asked)
    time.sleep(0.1)
    assert len(asked) == before


def test_strangers_cause_no_lookup_after_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving_to(monkeypatch, ["192.0.2.7"])
    sender = sender_of("hq", "https://pbx.example", "", [])
    monkeypatch.setattr(senders, "LOOK_UP_SECONDS", 30.0)
    for place in range(100):
        assert not sender.may_post_from(f"198.51.100.{place}")

    assert asked == ["pbx.example"]


def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving_to(monkeypatch, ["192.0.2.7"])
    sender = sender_of("hq", "https://192.0.2.7", "", [])
    assert not sender.may_post_from("192.0.2.8")
    time.sleep(0.05)

    assert asked == ["192.0.2.7"]


def test_while_the_name_can_not_be_found_its_last_addresses_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["192.0.2.7"]
    asked = resolving_to(monkeypatch, addresses)
    sender = sender_of("hq", "https://pbx.example", "", [])
    addresses.clear()
    assert not sender.may_post_from("192.0.2.8")
    until(lambda: len(asked) > 1)

    assert sender.may_post_from("192.0.2.7")
