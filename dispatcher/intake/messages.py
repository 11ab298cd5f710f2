"""The pieces of a request that intake shares with the configuration."""

from dispatcher.requests import AckDigits, MessageSpec, Recipient, RetrySpec

__all__ = ["AckDigits", "MessageSpec", "Recipient", "RetrySpec"]
