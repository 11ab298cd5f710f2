"""`make demo`: the demo on a simulated PBX, or, with `--pbx asterisk`, on a real Asterisk and real SIP calls.

The real one is that of the tests: Asterisk and SIPp from Debian's packages in a cache, on the loopback.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise

from tests.asterisk.packages import NEWER, PackagesMissing, unpacked
from tests.asterisk.phones import Phones
from tests.asterisk.server import TRUNK, AsteriskServer
from tests.services.process import HOST

DEMO = [sys.executable, "-c", "from dispatcher.cli import main; main()", "demo"]
VARIABLE = "DISPATCHER_DEMO_ASTERISK"


def main(arguments: Sequence[str]) -> int:
    """Run the demo, and return its status."""
    command = [*DEMO, *arguments]
    if "--pbx=asterisk" not in arguments and ("--pbx", "asterisk") not in pairwise(arguments):
        return subprocess.call(command)
    try:
        programs = unpacked(NEWER)
    except PackagesMissing as missing:
        print(f"demo: {missing}", file=sys.stderr)
        return 1
    with Phones(programs) as phones, AsteriskServer(programs, phones.sip_port) as asterisk:
        place = {
            "host": HOST,
            "port": asterisk.port,
            "username": asterisk.username,
            "password": asterisk.secret,
            "endpoint": TRUNK,
        }
        return subprocess.call(command, env={**os.environ, VARIABLE: json.dumps(place)})


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
