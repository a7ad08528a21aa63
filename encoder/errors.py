"""The encoder's errors: permanent ones are the input's fault, transient ones are worth another try."""

from __future__ import annotations

import signal as signals

from lambdas.common.errors import NotFoundError, PermanentError, TransientError

_CRASHES = {signals.SIGABRT, signals.SIGBUS, signals.SIGFPE, signals.SIGILL, signals.SIGSEGV, signals.SIGSYS}


class ToolFailedError(PermanentError):
    """A media tool refused its input; the message ends with the tool's last words.

    Attributes
    ----------
    complaint : str
        The first line that the tool said, which names the cause more often than the last.
    output : str
        What the tool had written to its standard output before it gave up.
    """

    def __init__(self, *, tool: str, exit_code: int, stderr: tuple[str, ...], output: str = "") -> None:
        self.complaint = stderr[0] if stderr else f"{tool} ended with exit code {exit_code}"
        self.output = output
        super().__init__(f"{tool} ended with exit code {exit_code}: {' | '.join(stderr) or 'it said nothing'}")


class ToolMissingError(PermanentError):
    """A media tool is not installed; the message says where it is found."""


class ToolKilledError(TransientError):
    """A media tool was ended by a signal: the machine ran out of memory or is being taken away.

    Attributes
    ----------
    crashed : bool
        Whether the signal is one that a program brings upon itself, as a parser does that falls over its input.
    """

    def __init__(self, message: str, *, signal: int) -> None:
        self.crashed = signal in _CRASHES
        super().__init__(message)


class ToolHangsError(TransientError):
    """A media tool has done nothing for long: it waits for what does not come."""


class InterruptedTaskError(TransientError):
    """The task was told to stop: a spot machine is being reclaimed."""


class MachineUnknownError(TransientError):
    """The machine did not say of which family it is: its metadata service is slow, or asked too often."""


class StorageError(TransientError):
    """AWS did not answer, throttled, or had an internal error."""


class RefusedError(PermanentError):
    """AWS understood the request and refuses it: another try would be refused as well."""


class AddressError(PermanentError):
    """An address that the task was given is not ``s3://bucket/key``, or its key is not of the key scheme."""


class ObjectMissingError(NotFoundError):
    """An object that the task needs does not exist."""


class DocumentInvalidError(PermanentError):
    """A JSON document that the task reads (manifest, plan, score) is not what its model says."""


class NotInPlanError(PermanentError):
    """The task was asked for a rung, a chunk or an audio track that the plan does not have."""


class FrameCountError(PermanentError):
    """A picture track has more or fewer frames than the plan says."""


class TimelineError(PermanentError):
    """Timestamps or key frames do not lie where the plan puts them."""


class PeakError(PermanentError):
    """A second of a rendition takes more bits than its rung declares."""


class LoudnessError(PermanentError):
    """Sound, encoded, is not as loud as it should be, or louder than it may be."""


class SoundUnreadableError(PermanentError):
    """A stream of sound is not the E-AC-3 that it is said to be."""


class PackagingError(PermanentError):
    """What the packager wrote is not what the plan says."""


class ManifestUnreadableError(PermanentError):
    """A packaged manifest does not parse, or lacks what a player needs of it."""


class TextUnreadableError(PermanentError):
    """A packaged document of text is not what IMSC1's text profile allows."""


class VerificationFailedError(PermanentError):
    """A packaged version is not fit to be published: a player would stumble. The report names every fault."""
