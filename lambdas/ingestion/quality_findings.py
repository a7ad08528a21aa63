"""The findings of a delivery that quality control, or the person who reviewed it, turned away."""

from __future__ import annotations

from collections.abc import Iterable

from lambdas.common.events import Finding
from lambdas.common.qc import QcCheck
from lambdas.ingestion.findings import finding, limited

_PLACES = 5


def of_checks(checks: Iterable[QcCheck], *, feature: str) -> tuple[Finding, ...]:
    """Return a finding for each of `checks`, with the time codes of the first places."""
    return limited(_of_check(check, feature=feature) for check in checks)


def of_review(checks: Iterable[QcCheck], *, feature: str, note: str) -> tuple[Finding, ...]:
    """Return what a person says, and the checks that the person was shown."""
    said = finding(
        "REVIEW_REJECTED",
        subject=feature,
        message=note,
        remedy="Correct what the note names, export the file again, and deliver it with a manifest of its new size "
        "and checksum.",
    )
    return limited((said, *of_checks(checks, feature=feature)))


def _of_check(check: QcCheck, *, feature: str) -> Finding:
    places = [span.timecode for span in check.at[:_PLACES]]
    more = len(check.at) - len(places)
    where = f" At {', '.join(places)}{f' and {more} more' if more else ''}." if places else ""
    return finding(
        f"QC_{check.check.upper()}",
        subject=feature,
        message=f"{check.message}.{where}",
        remedy=f"Allowed: {check.threshold}. Correct it where the film was finished, export the file again, and "
        "deliver it with a manifest of its new size and checksum.",
    )
