"""The tree of errors a caller can catch.

Every message says three things: what is wrong, which value it was, and what to do about it.
``exit_code`` is what the command line returns when the error reaches it
(1 = failed, 2 = used wrongly).
"""

from __future__ import annotations


class FraudstreamError(Exception):
    """Base of everything this project raises on purpose."""

    exit_code = 1


class ConfigError(FraudstreamError):
    """A setting, option or file name is wrong; nothing was done."""

    exit_code = 2


class DataError(FraudstreamError):
    """An input file as a whole cannot be used (wrong columns, unreadable, empty)."""


class ModelError(FraudstreamError):
    """A model is missing, damaged, or was made for other features."""


class RulesError(FraudstreamError):
    """A file of rules, or a list beside them, cannot be used."""


class CheckpointError(FraudstreamError):
    """A checkpoint could not be written; what was sent is recognised when the replay goes on."""


class BrokerError(FraudstreamError):
    """Kafka cannot be reached or refused what was asked."""


class StateError(FraudstreamError):
    """Redis cannot be reached, refuses the state, or is configured unsafely."""


class StackError(FraudstreamError):
    """The local stack could not be fetched, started or stopped."""


class RejectedEvent(FraudstreamError):  # noqa: N818 - it is an event, and not a fault of ours
    """One event that is set aside with its reason; the stream goes on.

    ``code`` is a stable machine-readable word (see ``core.names.RejectCode``), ``field`` the
    offending field or the empty string when the message as a whole is at fault.
    """

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __reduce__(self) -> tuple[type[RejectedEvent], tuple[str, str, str]]:
        """For other processes."""
        return type(self), (self.code, self.message, self.field)
