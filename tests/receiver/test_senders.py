"""Which addresses a PBX may post from."""

import pytest

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
