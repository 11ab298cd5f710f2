"""`python -m bench`."""

from bench.command import app

app()
