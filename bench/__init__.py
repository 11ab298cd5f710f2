"""Benchmarks of the whole path, beside a plain baseline, and long runs with faults: `python -m bench`."""
