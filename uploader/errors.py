"""How an upload can end early."""

from __future__ import annotations


class UploadingError(RuntimeError):
    """An upload did not come to its end; the message says why, and what to do."""


class RefusedError(UploadingError):
    """What was asked for will not be accepted, however often it is tried."""


class LaterError(UploadingError):
    """The upload ended early; the same command, run again, goes on where this ended."""


class GoneError(LaterError):
    """The upload that was meant is no longer open: it was completed, or aborted."""


class SignedOutError(RefusedError):
    """A token is not good, or not any longer."""


class UnavailableError(LaterError):
    """The server or the way to it failed for now: trying the same request again may help."""


class ExpiredUrlError(UnavailableError):
    """A presigned URL is too old: another one is needed."""


class CancelledError(UploadingError):
    """The upload was told to stop."""
