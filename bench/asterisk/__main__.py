"""`python -m bench.asterisk CALLS REPEATS`, in a namespace: every sample as a line of JSON."""

import json
import sys
from dataclasses import asdict

from bench.asterisk.run import measured

if __name__ == "__main__":
    measured(int(sys.argv[1]), int(sys.argv[2]), lambda sample: print(json.dumps(asdict(sample)), flush=True))
