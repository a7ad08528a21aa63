"""What Amazon Rekognition saw in a film: production only, and never in the way of a delivery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import MarqueeError, PermanentError
from lambdas.common.media import MediaFacts

_PENDING, _DONE = "IN_PROGRESS", "SUCCEEDED"
_CONTAINERS = {"mov", "mp4"}


class LabelsPendingError(MarqueeError):
    """Rekognition still looks at the film: ask again later."""


class LabelsFailedError(PermanentError):
    """Rekognition gave up on the film, or has forgotten it."""


def supported(facts: MediaFacts) -> bool:
    """Return whether Rekognition Video reads such a file: H.264 in MOV or MP4, and nothing else."""
    codec = facts.video.codec if facts.video else None
    return codec == "h264" and bool(_CONTAINERS & set(facts.container.split(",")))


@transient_errors()
def labels_of(job_id: str) -> str:
    """Return the labels of a film as JSON, one line a label: its name, confidence in percent, and time in ms.

    Raises
    ------
    LabelsPendingError
        If the job still runs.
    LabelsFailedError
        If it failed, or is unknown.
    TransientError
        If Rekognition is throttling or away.
    """
    try:
        return "\n".join(json.dumps(label) for label in _labels(job_id))
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            raise LabelsFailedError(f"Rekognition does not know the job {job_id}") from error
        raise


def _labels(job_id: str) -> Iterator[dict[str, Any]]:
    following: dict[str, str] = {}
    while True:
        answer = client("rekognition").get_label_detection(JobId=job_id, SortBy="TIMESTAMP", **following)
        if answer["JobStatus"] == _PENDING:
            raise LabelsPendingError(f"the job {job_id} still runs")
        if answer["JobStatus"] != _DONE:
            raise LabelsFailedError(f"the job {job_id} failed: {answer.get('StatusMessage', 'no reason given')}")
        for found in answer["Labels"]:
            label = found["Label"]
            yield {"at_ms": found["Timestamp"], "name": label["Name"], "confidence": round(label["Confidence"], 1)}
        if "NextToken" not in answer:
            return
        following = {"NextToken": answer["NextToken"]}
