"""Each mistake is named with its file, key and line, what is wrong, and the mend; nothing starts with one."""

from pathlib import Path

import pytest

from dispatcher.config import ConfigError, load
from tests.config.conftest import FAMILIES, GOOD, Complaints

SECOND_PBX = """
[[pbx]]
name = "branch"
family = "yeastar-s"
url = "https://192.168.6.150:8088"
username = "api"
password = "swordfish"
internal_channels = 5
"""
POLICY = """
[[policy]]
name = "night"
to = [{ number = "+31612345678" }]
message = { ivr = "6500" }
"""


def replaced(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_the_file_that_the_mistakes_are_made_in_is_good(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(GOOD + SECOND_PBX + POLICY)
    settings = load(tmp_path / "site.toml", {}, families=FAMILIES)
    assert [pbx.name for pbx in settings.pbx] == ["hq", "branch"]


@pytest.mark.parametrize(
    "fetched",
    ['"yeastar-k2"\nreport_transport = "tcp"', '"yeastar-p"\nreport_transport = "websocket"', '"axeos"'],
)
def test_a_pbx_whose_reports_are_fetched_needs_no_address_to_post_to(tmp_path: Path, fetched: str) -> None:
    text = replaced('family = "yeastar-s"', f"family = {fetched}")
    (tmp_path / "site.toml").write_text(replaced('advertise = "http://10.0.0.5:8260"\n', "", text))
    settings = load(tmp_path / "site.toml", {}, families=FAMILIES)
    assert fetched.startswith(f'"{settings.pbx[0].family}"')


ONE_MISTAKE = [
    (replaced("channels = 30\n", ""), "pbx[0].trunk[0].channels (line 19): missing. Add e.g. channels = 30"),
    (
        replaced("channels = 30", "channels = 0"),
        "pbx[0].trunk[0].channels (line 21): must be greater than or equal to 1. Write e.g. channels = 30",
    ),
    (
        replaced("channels = 30", 'channels = "many"'),
        "pbx[0].trunk[0].channels (line 21): must be a valid integer, unable to parse string as an integer. "
        "Write e.g. channels = 30",
    ),
    (
        replaced("channels = 30", "channels = 30\nreserved_for_alarms = 31"),
        "pbx[0].trunk[0].reserved_for_alarms (line 22): is more than the trunk's 30 channels. "
        "Write at most reserved_for_alarms = 30",
    ),
    (
        replaced("channels = 30", "channels = 30\ncals_per_second = 5"),
        "pbx[0].trunk[0].cals_per_second (line 22): unknown key. Did you mean calls_per_second?",
    ),
    (
        replaced("[reports]", "[reports]\nzzz = 1"),
        "reports.zzz (line 9): unknown key. The keys here are listen, advertise, max_body_bytes",
    ),
    (GOOD + "[pacin]\ntick = 1\n", "pacin (line 22): unknown key. Did you mean pacing?"),
    (
        replaced('password = "swordfish"\n', ""),
        'pbx[0].password (line 12): missing. Add password = "…", or password_env = "NAME" and set that '
        "environment variable",
    ),
    (
        replaced('password = "swordfish"', 'password = ""'),
        'pbx[0].password (line 17): is empty. Add password = "…", or password_env = "NAME" and set that '
        "environment variable",
    ),
    (
        replaced('password = "swordfish"', 'password_env = "HQ_PASSWORD"'),
        "pbx[0].password_env (line 17): the environment variable HQ_PASSWORD is not set. "
        "Set it, or write password in its place",
    ),
    (
        replaced('password = "swordfish"', 'password = "swordfish"\npassword_env = "HQ_PASSWORD"'),
        "pbx[0].password_env (line 18): stands beside password. Keep one of the two",
    ),
    (
        replaced('token = "open-sesame"\n', ""),
        'api.key[0].token (line 3): missing. Add token = "…", or token_env = "NAME" and set that '
        "environment variable",
    ),
    (
        replaced('["intake"]', '["intake", "write"]'),
        "api.key[0].scopes[1] (line 6): must be 'intake', 'operate', 'read' or 'admin'. "
        'Write e.g. scopes = ["intake"]',
    ),
    (
        GOOD + '[[api.key]]\nname = "monitoring"\ntoken = "other"\nscopes = ["read"]\n',
        "api.key[1].name (line 23): two keys have this name. Give each a name of its own",
    ),
    (
        GOOD + '[[api.key]]\nname = "people"\ntoken = "open-sesame"\nscopes = ["read"]\n',
        "api.key[1].token (line 24): two keys have this token. Give each key a token of its own",
    ),
    (
        GOOD + SECOND_PBX.replace("branch", "hq"),
        "pbx[1].name (line 24): two PBXs have this name. Give each a name of its own",
    ),
    (
        replaced("[[pbx.trunk]]", 'serial = "36"\n[[pbx.trunk]]') + SECOND_PBX + 'serial = "36"\n',
        "pbx[1].serial (line 31): two PBXs have this serial number. Look it up on each PBX",
    ),
    (
        GOOD + '[[pbx.trunk]]\nname = "SPS-6-36"\nchannels = 2\nprefix = "8"\n',
        "pbx[0].trunk[1].name (line 23): two trunks of this PBX have this name. "
        "Name each trunk once, as the PBX does",
    ),
    (
        GOOD + 'prefix = "9"\n[[pbx.trunk]]\nname = "two"\nchannels = 2\nprefix = "98"\n',
        "pbx[0].trunk[1].prefix (line 26): a call for two can't be told from one for SPS-6-36, "
        "whose prefix is '9'. Give each trunk a prefix that no other begins with, "
        "and the PBX a route for each",
    ),
    (
        GOOD + 'number_format = "national"\n',
        'pbx[0].trunk[0].region (line 19): missing, and number_format = "national" needs to know in which '
        'country the trunk is. Add e.g. region = "NL"',
    ),
    (
        GOOD + SECOND_PBX.replace("= 5", "= 0"),
        "pbx[1] (line 23): has neither a [[pbx.trunk]] nor internal_channels, so nothing can be dialled. "
        "Add a [[pbx.trunk]] with name and channels",
    ),
    (
        replaced("yeastar-s", "yeaster-s"),
        "pbx[0].family (line 14): there is no driver for 'yeaster-s'. "
        "The families are axeos, yeastar-k2, yeastar-p, yeastar-s",
    ),
    (
        replaced('username = "api"', 'username = "api"\nreport_transport = "tcp"'),
        'pbx[0].report_transport (line 17): tcp is for yeastar-k2 only. Write report_transport = "http"',
    ),
    (
        replaced('family = "yeastar-s"', 'family = "axeos"\nreport_transport = "tcp"'),
        "pbx[0].report_transport (line 15): tcp is for yeastar-k2 only. "
        "Leave it out: reports of this family are fetched over its API",
    ),
    (
        replaced('username = "api"', 'username = "api"\nreport_transport = "websocket"'),
        'pbx[0].report_transport (line 17): websocket is for yeastar-p only. Write report_transport = "http"',
    ),
    (
        replaced("yeastar-s", "yeastar-p"),
        "pbx[0].webhook_secret (line 12): missing, and the reports that the PBX posts are signed with it. "
        'Add webhook_secret = "…" with 32 letters and digits, or webhook_secret_env = "NAME", '
        'or write report_transport = "websocket"',
    ),
    (
        replaced('username = "api"', 'username = "api"\nwebhook_secret = "open-sesame"'),
        "pbx[0].webhook_secret (line 17): is for yeastar-p only. Leave it out",
    ),
    (
        replaced(
            "yeastar-s",
            "yeastar-p",
            replaced('username = "api"', 'username = "api"\nwebhook_secret_env = "W"'),
        ),
        "pbx[0].webhook_secret_env (line 17): the environment variable W is not set. "
        "Set it, or write webhook_secret in its place",
    ),
    (
        replaced('username = "api"', 'username = "api"\nprompt_volume = 10'),
        "pbx[0].prompt_volume (line 17): is for yeastar-k2 and yeastar-p only. "
        "Leave it out: the PBX's own settings say how loud prompts are",
    ),
    (
        replaced(
            "yeastar-s", "yeastar-k2", replaced('username = "api"', 'username = "api"\nprompt_volume = 21')
        ),
        "pbx[0].prompt_volume (line 17): must be less than or equal to 20. Write e.g. prompt_volume = 10",
    ),
    (
        replaced('username = "api"', 'username = "api"\ntimezone = "Europe/Amstedam"'),
        "pbx[0].timezone (line 17): is not a time zone's IANA name. "
        'Write e.g. timezone = "Europe/Amsterdam"',
    ),
    (
        replaced("https://192.168.5.150:8088", "192.168.5.150:8088"),
        "pbx[0].url (line 15): must begin with http:// or https:// and name a host. "
        'Write e.g. url = "https://192.168.5.150:8088"',
    ),
    (
        replaced('username = "api"', 'username = "api"\nreport_sources = ["10.0.0.0/8", "office"]'),
        "pbx[0].report_sources[1] (line 17): is neither an IP address nor a network such as 10.0.0.0/24. "
        'Write e.g. report_sources = ["192.168.5.0/24"]',
    ),
    (
        replaced('name = "hq"', 'name = "head/quarters"'),
        "pbx[0].name (line 13): has characters that are not allowed here, or is blank. "
        'Write e.g. name = "hq"',
    ),
    (
        replaced("[[pbx.trunk]]", "[pbx.trunk]"),
        "pbx[0].trunk (line 19): must be a list of tables. Begin each with [[pbx.trunk]]",
    ),
    (
        replaced("[reports]", "[[reports]]"),
        "reports (line 8): must be a table. Begin it with [reports]",
    ),
    (
        replaced("127.0.0.1:8080", "127.0.0.1"),
        "api.listen (line 2): must be host:port, with a port from 0 to 65535 ([host]:port for IPv6). "
        'Write e.g. listen = "127.0.0.1:8080"',
    ),
    (
        replaced("8080", "8260"),
        "reports.listen (line 9): port 8260 is the API's as well. Give each a port of its own",
    ),
    (
        replaced('advertise = "http://10.0.0.5:8260"\n', ""),
        "reports.advertise (line 8): missing, and the PBXs can't be told to post to 0.0.0.0:8260. "
        'Add advertise = "http://ADDRESS:8260", with this machine\'s address as the PBXs see it',
    ),
    (
        replaced("http://10.0.0.5:8260", "http://localhost:8260"),
        "reports.advertise (line 10): hq is on another machine and can't post its reports to "
        'http://localhost:8260. Write e.g. listen = "0.0.0.0:8260" and advertise = "http://10.0.0.5:8260", '
        "with this machine's address",
    ),
    (
        GOOD + "[pacing]\ntick = 0\n",
        "pacing.tick (line 23): must be greater than 0. Write e.g. tick = 1.0",
    ),
    (
        GOOD + "[pacing]\nlongest_call = -1\n",
        "pacing.longest_call (line 23): must be greater than 0. Write e.g. longest_call = 3600.0",
    ),
    (
        GOOD + "[audit]\nevery = 0\n",
        "audit.every (line 23): must be greater than 0. Write e.g. every = 15.0",
    ),
    (
        GOOD + '[audit]\nheartbeat_url = "hc-ping.com/secret"\n',
        "audit.heartbeat_url (line 23): must begin with http:// or https:// and name a host. "
        'Write e.g. heartbeat_url = "https://hc-ping.com/UUID"',
    ),
    (
        GOOD + '[audit]\nheartbeat_url_env = "PING"\n',
        "audit.heartbeat_url_env (line 23): the environment variable PING is not set. "
        "Set it, or write heartbeat_url in its place",
    ),
    (
        GOOD + '[audit]\nheartbeat_url = "https://hc-ping.com/secret"\nheartbeat_url_env = "PING"\n',
        "audit.heartbeat_url_env (line 24): stands beside heartbeat_url. Keep one of the two",
    ),
    (
        GOOD + '[webhooks]\ncallback_secret = "whsec_c2hvcnQ="\n',
        "webhooks.callback_secret (line 23): has 5 bytes: write whsec_ and 24 to 64 bytes in base64, "
        "or leave it out. Write e.g. callback_secret = …",
    ),
    (
        GOOD + '[webhooks]\ncallback_secret_env = "SIGN"\n',
        "webhooks.callback_secret_env (line 23): the environment variable SIGN is not set. "
        "Set it, or write callback_secret in its place",
    ),
    (
        GOOD + '[log]\nlevel = "loud"\n',
        "log.level (line 23): must be 'debug', 'info', 'warning' or 'error'. Write e.g. level = \"info\"",
    ),
    (
        GOOD + '[alarms]\nregion = "Holland"\n',
        'alarms.region (line 23): is not a country\'s two-letter ISO code. Write e.g. region = "NL"',
    ),
    (
        GOOD + POLICY + "default = true\n" + POLICY.replace("night", "day") + "default = true\n",
        "policy[1].default (line 33): night is the default already. Let one policy be the default",
    ),
    (
        GOOD + POLICY + POLICY,
        "policy[1].name (line 29): two policies have this name. Give each a name of its own",
    ),
    (
        GOOD + POLICY + "retry = { bsy = 3 }\n",
        "policy[0].retry (line 27): there is no bsy; the keys are max_attempts, delivered, not_heard, busy, "
        "no_answer, rejected, invalid_number, unreachable, congestion, not_permitted, voicemail, cancelled, "
        "unknown. Write e.g. retry = { max_attempts = 3, busy = 30 }",
    ),
    (
        GOOD + POLICY + 'ack_digits = ""\ndelivered_when = "acknowledged"\n',
        'policy[0].ack_digits (line 27): is empty, so nobody could acknowledge. Write e.g. ack_digits = "1", '
        'or ask for less with delivered_when = "heard"',
    ),
    (
        GOOD + POLICY.replace('number = "+31612345678"', 'extension = "1002", pbx = "nowhere"'),
        "policy[0].to[0].pbx (line 25): there is no PBX 'nowhere'. The PBXs are hq",
    ),
    (
        GOOD + POLICY.replace('"+31612345678"', '"the boss"'),
        "policy[0].to[0].number (line 25): has characters that are not allowed here, or is blank. "
        'Write e.g. number = "+31612345678"',
    ),
]


@pytest.mark.parametrize(("text", "complaint"), ONE_MISTAKE)
def test_one_mistake_one_line(complaints: Complaints, text: str, complaint: str) -> None:
    assert complaints(text) == [f"site.toml: {complaint}"]


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.5.2:8080", "example.org:8080"])
def test_an_api_that_others_can_reach_needs_a_key(complaints: Complaints, listen: str) -> None:
    open_to_all = replaced(
        '[[api.key]]\nname = "monitoring"\ntoken = "open-sesame"\nscopes = ["intake"]\n', ""
    )
    host = listen.rpartition(":")[0].strip("[]")
    assert complaints(open_to_all.replace("127.0.0.1:8080", listen)) == [
        f"site.toml: api.listen (line 2): {host} can be reached from other machines, and no [[api.key]] "
        'protects it. Add an [[api.key]] with name, token and scopes, or write listen = "127.0.0.1:8080"'
    ]


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.9:0"])
def test_an_api_on_loopback_needs_none(tmp_path: Path, listen: str) -> None:
    (tmp_path / "site.toml").write_text(f'[api]\nlisten = "{listen}"\n')
    assert load(tmp_path / "site.toml", {}).api.listen == listen


@pytest.mark.parametrize("listen", ["8080", ":8080", "host:", "host:99999", "::1:8080", "[host]:80", "h:-1"])
def test_a_listen_address_that_is_none(complaints: Complaints, listen: str) -> None:
    (said,) = complaints(f'[reports]\nlisten = "{listen}"\n')
    assert said.startswith("site.toml: reports.listen (line 2): must be host:port")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("postgresql://user:hunter2@host/db", "must begin with sqlite:/// or postgresql+psycopg://"),
        ("mysql://user:hunter2@host/db", "must begin with sqlite:/// or postgresql+psycopg://"),
        ("postgresql+psycopg://user:hunter2@host", "must name the database"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("dispatcher.db", "is not a database URL"),
    ],
)
def test_a_database_url_that_is_none(complaints: Complaints, url: str, wrong: str) -> None:
    (said,) = complaints(f'[store]\nurl = "{url}"\n')
    assert said.startswith(f"site.toml: store.url (line 2): {wrong}")
    assert "hunter2" not in said


@pytest.mark.parametrize("url", ["amqp://user:hunter2@host", "localhost:6379", "redis://:hunter2@host:port"])
def test_a_broker_url_that_is_none(complaints: Complaints, url: str) -> None:
    (said,) = complaints(f'[broker]\nurl = "{url}"\n')
    assert said.startswith("site.toml: broker.url (line 2): ")
    assert "hunter2" not in said


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(complaints: Complaints) -> None:
    text = replaced('listen = "127.0.0.1:8080"', "listen = 8080")
    text = replaced("scopes", "scope", text)
    text = replaced("channels = 30", "reserved_for_alarms = 1", text)
    text += SECOND_PBX.replace("branch", "hq").replace("yeastar-s", "cisco")
    said = complaints(text)
    assert [line.split(": ")[1] for line in said] == [
        "api.listen (line 2)",
        "api.key[0].scopes (line 3)",
        "api.key[0].scope (line 6)",
        "pbx[0].trunk[0].channels (line 19)",
        "pbx[1].name (line 24)",
        "pbx[1].family (line 25)",
    ]


def test_what_rests_on_a_wrong_value_is_not_complained_of(complaints: Complaints) -> None:
    text = replaced("channels = 30", "channels = 0\nreserved_for_alarms = 40")
    (said,) = complaints(text)
    assert "channels (line 21)" in said


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("{}", "got none of them"),
        ('{ ivr = "1", queue = "2" }', "got ivr and queue"),
        ('{ ivr = "1", count = 2 }', "count goes with a prompt only"),
    ],
)
def test_a_message_that_is_none_or_two(complaints: Complaints, message: str, wrong: str) -> None:
    (said,) = complaints(GOOD + POLICY.replace('{ ivr = "6500" }', message))
    assert said.startswith("site.toml: policy[0].message (line 26): ")
    assert wrong in said
    assert said.endswith('Write e.g. message = { ivr = "6500" }')


def test_a_file_that_is_not_toml(complaints: Complaints) -> None:
    (said,) = complaints(replaced('password = "swordfish"', "password = swordfish"))
    assert said.startswith("site.toml: is not TOML: ")
    assert "line 17" in said
    assert "swordfish" not in said


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere\.toml: No such file or directory\. Name the config"):
        load(Path("nowhere.toml"), {})


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b'[log]\nlevel = "inf\xf3"\n')
    with pytest.raises(ConfigError, match="byte 18 is not UTF-8"):
        load(tmp_path / "site.toml", {})


def test_a_database_file_in_no_folder_stops_the_start(complaints: Complaints) -> None:
    (said,) = complaints('[store]\nurl = "sqlite:///nowhere/dispatcher.db"\n')
    assert said.startswith("site.toml: store.url (line 2): there is no folder")
    assert said.endswith("Make the folder, or name a file in one that exists")
