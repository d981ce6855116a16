"""Why an association that this side asked for did not come about, or a request over it got no answer."""

from enum import StrEnum

from routing.dicom.associate import OF_ANY_CALLER, UNKNOWN_CALLER, Refusal

TIMED_OUT = "timed out"
"""In the text of each failure that a limit of time has ended: recent ones are counted by it."""


class FailureKind(StrEnum):
    NO_CONNECTION = "no_connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    ABORTED = "aborted"
    REJECTED_TRANSIENT = "rejected_transient"
    REJECTED_PERMANENT = "rejected_permanent"


class AssociationFailed(Exception):
    """No association; the text names node, host, port and reason."""

    def __init__(self, kind: FailureKind, text: str, refusal: Refusal | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        given = (refusal.source, refusal.reason) if refusal is not None else (0, 0)
        self.unknown_caller = given == UNKNOWN_CALLER
        """The node answered that it does not know the calling AE title."""
        self.of_any_caller = kind is not FailureKind.REJECTED_PERMANENT or given in OF_ANY_CALLER
        """Another calling AE title would have met the same."""


class ExchangeFailed(Exception):
    """A request got no valid response: whether the peer carried it out is unknown."""

    def __init__(self, text: str, timed_out: bool = False, released: bool = False) -> None:
        """``timed_out``: a limit of time ended it, and not the peer; ``released``: the peer wanted to end in order."""
        super().__init__(text)
        self.timed_out = timed_out
        self.released = released
