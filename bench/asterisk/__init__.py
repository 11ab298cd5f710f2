"""The same calls on a real Asterisk: by its own spool of call files, by the dispatcher, and by the baseline.

`make bench ARGS="asterisk"`. Asterisk and the phones (SIPp) are those of the tests, in a network namespace.
"""

READY = "reading events"
"""What the baseline's reader says once every later event will come to it."""
