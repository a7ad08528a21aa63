"""What viewers reach of playback."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from lambdas.common.operations import READ, WRITTEN, Operation
from lambdas.playback.manifests import CONTENT_TYPES
from lambdas.playback.models import LicenseQuery, LicenseRequest, ManifestQuery, ProgressReport, SessionRequest

_playback = partial(Operation, tag="Playback")
_HANDLERS = "lambdas.playback.handlers"
_OF_A_SESSION = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)

OPERATIONS = (
    _playback(
        method="POST",
        path="/api/playback/sessions",
        handler=f"{_HANDLERS}.create_session",
        summary="Get everything that a player needs to start",
        body=SessionRequest,
        status=HTTPStatus.CREATED,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND),
    ),
    _playback(
        method="GET",
        path="/api/playback/sessions/{session_id}/manifest",
        handler=f"{_HANDLERS}.get_manifest",
        summary="Get the manifest, under the session's edge token",
        query=ManifestQuery,
        media=tuple(CONTENT_TYPES.values()),
        refusals=(*READ, *_OF_A_SESSION),
    ),
    _playback(
        method="POST",
        path="/api/playback/license",
        handler=f"{_HANDLERS}.license",
        summary="Get a ClearKey licence",
        query=LicenseQuery,
        body=LicenseRequest,
        refusals=(*WRITTEN, *_OF_A_SESSION),
    ),
    _playback(
        method="POST",
        path="/api/playback/progress",
        handler=f"{_HANDLERS}.progress",
        summary="Say how far the viewer came",
        body=ProgressReport,
        status=HTTPStatus.NO_CONTENT,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND),
    ),
)
