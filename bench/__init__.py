"""Benchmarks of the whole path, beside a plain baseline, and long runs with faults: `python -m bench`."""

import warnings

# The night is played through Starlette's test client, which would have another HTTP library than ours.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
