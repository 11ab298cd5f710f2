"""What this family's driver has sent, and the answers to it that say no more than yes or no."""

from tests.pbx.raw_pbx import RawPbx
from tests.pbx.yeastar.wire import Sent
from tests.pbx.yeastar.wire import all_sent as sent_to

SUCCESS = b'{"status": "Success"}'
FAILED = b'{"status": "Failed", "errno": "%d"}'


def all_sent(pbx: RawPbx) -> list[Sent]:
    """The endpoint with its query, and the body, of every request."""
    return sent_to(pbx, "/api/v2.0.0/")


def sent(pbx: RawPbx) -> Sent:
    """The only request."""
    (request,) = all_sent(pbx)
    return request
