"""`python -m bench.asterisk CALLS REPEATS STORE…`, in a namespace: every sample as a line of JSON."""

import json
import sys
from dataclasses import asdict

from bench.asterisk.run import measured
from bench.systems import StoreKind

if __name__ == "__main__":
    calls, repeats, *stores = sys.argv[1:]
    measured(
        int(calls),
        int(repeats),
        [StoreKind(store) for store in stores],
        lambda sample: print(json.dumps(asdict(sample)), flush=True),
    )
