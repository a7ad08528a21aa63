"""The environment contracts of the upload API's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment


class UploadEnvironment(Environment):
    """Every function of the upload API: where deliveries lie."""

    raw_bucket: str


class PlanEnvironment(UploadEnvironment):
    """`create_upload` and `find_uploads`, which say how a file is cut."""

    part_bytes: int


class PresignEnvironment(UploadEnvironment):
    """`presign_parts`."""

    url_seconds: int
