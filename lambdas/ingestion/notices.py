"""What a studio is told, in words: one sentence of each event, and a letter of those that matter to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lambdas.common.events import (
    DeliveryReceived,
    DeliveryRejected,
    EncodingStarted,
    Event,
    Finding,
    PipelineFailed,
    QualityJudged,
    RenditionRejected,
    ReviewDecided,
    ReviewRequested,
    SourceAccepted,
    TitlePublished,
    TitleRolledBack,
    VersionPackaged,
)
from lambdas.common.media import Record
from lambdas.common.qc import QcCheck, Verdict

TOLD: tuple[type[Event], ...] = (
    ReviewRequested,
    DeliveryRejected,
    SourceAccepted,
    TitlePublished,
    TitleRolledBack,
    PipelineFailed,
)
"""The events that studios are written of; of the others they read in the history."""

_MOST_REASONS = 20
"""A letter, its event and their escapes together stay under what a message may have, 256 KiB."""
_SUBJECT_CHARS = 100
"""What SNS allows, in ASCII."""
_NOTHING_TO_DO = "There is nothing that you need to do."

EventT = TypeVar("EventT", bound=Event)


class Reason(Record):
    """Why something happened, and what can be done about it."""

    heading: str
    message: str
    remedy: str


class Letter(Record):
    """What a studio reads: by e-mail as it is, by a webhook in another dress."""

    event: str
    studio: str
    delivery_id: str
    version_id: str
    subject: str
    opening: str
    reasons: tuple[Reason, ...]
    to_do: str

    @property
    def text(self) -> str:
        """The letter as plain text."""
        reasons = (f"{reason.heading}\n  {reason.message}\n  What to do: {reason.remedy}" for reason in self.reasons)
        about = f"Studio: {self.studio}\nDelivery: {self.delivery_id}\nVersion: {self.version_id}"
        return "\n\n".join((self.opening, *reasons, self.to_do, about)) + "\n"


def sentence(event: Event) -> str:
    """Return what happened, in one sentence, as the history of a delivery says it."""
    return _SENTENCES[type(event)](event)


def letter(event: Event) -> Letter:
    """Return the letter of an event of `TOLD`."""
    facts: Any = event
    return Letter(
        event=event.detail_type(),
        studio=facts.studio,
        delivery_id=facts.delivery_id,
        version_id=facts.version_id,
        subject=_subject(facts.delivery_id, _SUBJECTS[type(event)]),
        opening=sentence(event),
        reasons=_reasons(event),
        to_do=_to_do(event),
    )


def _subject(delivery_id: str, what: str) -> str:
    room = _SUBJECT_CHARS - 1 - len(f"Delivery  {what}")
    name = delivery_id.encode("ascii", "replace").decode()
    return f"Delivery {name if len(name) <= room else name[: room - 3] + '...'} {what}"


_SUBJECTS: Mapping[type[Event], str] = {
    ReviewRequested: "waits for a review",
    DeliveryRejected: "was rejected",
    SourceAccepted: "was accepted",
    TitlePublished: "is published",
    TitleRolledBack: "is the published version again",
    PipelineFailed: "could not be processed",
}


def _received(event: DeliveryReceived) -> str:
    return f"“{event.title_name}” has arrived, {_size(event.size_bytes)}; its files are being inspected."


def _judged(event: QualityJudged) -> str:
    asked = [check for check in event.checks if check.verdict is not Verdict.PASS]
    if not asked:
        return "Quality control passed every check."
    names = ", ".join(_name(check) for check in asked)
    return f"Quality control {'failed' if event.verdict is Verdict.FAIL else 'asks for a review'}: {names}."


def _review_requested(event: ReviewRequested) -> str:
    waits = f"A person looks at the delivery before it goes on, by {event.until:%d %B %Y, %H:%M} UTC"
    return f"{waits}; the review was handed on, because nobody had answered." if event.escalated else f"{waits}."


def _review_decided(event: ReviewDecided) -> str:
    said = f": {event.note}" if event.note else "."
    return f"The review {'approved' if event.approved else 'turned away'} the delivery{said}"


def _rejected(event: DeliveryRejected) -> str:
    reasons = len(event.findings)
    return f"The delivery was rejected, for {'one reason' if reasons == 1 else f'{reasons} reasons'}."


def _accepted(event: SourceAccepted) -> str:
    return f"“{event.title.name}” passed every check and was accepted; encoding begins."


def _encoding(event: EncodingStarted) -> str:
    return f"Encoding began, to {', '.join(event.rungs)}."


def _too_poor(event: RenditionRejected) -> str:
    mean = f"VMAF {event.vmaf_mean:.2f} and needs {event.floor_mean:g}"
    low = f"a 5th percentile of VMAF {event.vmaf_p5:.2f} and needs {event.floor_p5:g}"
    return f"{event.rung} has {mean if event.vmaf_mean < event.floor_mean else low}: the film is not packaged."


def _packaged(event: VersionPackaged) -> str:
    return f"The film is encoded in {len(event.renditions)} renditions, encrypted and packaged."


def _published(event: TitlePublished) -> str:
    return f"“{event.title.name}” is published: viewers get this version from now on."


def _rolled_back(event: TitleRolledBack) -> str:
    return f"“{event.title.name}” was taken back to this version, in place of {event.replaced}: {event.reason}"


def _failed(event: PipelineFailed) -> str:
    return f"The {event.pipeline} stopped for a reason that is ours ({event.error}); our operators were called."


_SENTENCES: Mapping[type[Event], Callable[[Any], str]] = {
    DeliveryReceived: _received,
    QualityJudged: _judged,
    ReviewRequested: _review_requested,
    ReviewDecided: _review_decided,
    DeliveryRejected: _rejected,
    SourceAccepted: _accepted,
    EncodingStarted: _encoding,
    RenditionRejected: _too_poor,
    VersionPackaged: _packaged,
    TitlePublished: _published,
    TitleRolledBack: _rolled_back,
    PipelineFailed: _failed,
}


def _reasons(event: Event) -> tuple[Reason, ...]:
    match event:
        case DeliveryRejected():
            return _listed(event.findings, _of_finding)
        case ReviewRequested():
            return _listed(event.checks, _of_check)
        case _:
            return ()


_T = TypeVar("_T")


def _listed(items: Iterable[_T], reason_of: Callable[[_T], Reason]) -> tuple[Reason, ...]:
    reasons = [reason_of(item) for item in items]
    shown, rest = reasons[:_MOST_REASONS], len(reasons) - _MOST_REASONS
    if rest > 0:
        more = f"{rest} more reason{'s' if rest > 1 else ''}"
        shown.append(Reason(heading=more, message="The dashboard lists all of them.", remedy="Read them there."))
    return tuple(shown)


def _of_finding(finding: Finding) -> Reason:
    return Reason(heading=f"{finding.code}: {finding.subject}", message=finding.message, remedy=finding.remedy)


def _of_check(check: QcCheck) -> Reason:
    places = [span.timecode for span in check.at]
    where = f" At {', '.join(places[:5])}{' and more' if len(places) > 5 else ''}." if places else ""  # noqa: PLR2004
    return Reason(
        heading=_name(check).capitalize(),
        message=f"{check.message}. Allowed: {check.threshold}.{where}",
        remedy="If it is meant, nothing; if not, correct it and deliver again.",
    )


def _to_do(event: Event) -> str:
    match event:
        case DeliveryRejected():
            return "Correct what is named above, and deliver again. What you sent is kept for a while."
        case ReviewRequested():
            return "You need not wait for it to correct the film: a new delivery takes the place of this one."
        case PipelineFailed():
            return event.remedy
        case _:
            return _NOTHING_TO_DO


def _name(check: QcCheck) -> str:
    return check.check.replace("_", " ")


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - SI
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"
