"""What viewers reach of playback."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from lambdas.common.operations import READ, WRITTEN, Operation
from lambdas.playback.device_grant import (
    CodeForm,
    CodeResponse,
    Decision,
    DeviceRequest,
    RequestQuery,
    TokenForm,
    TokenResponse,
)
from lambdas.playback.manifests import CONTENT_TYPES
from lambdas.playback.models import LicenseQuery, LicenseRequest, ManifestQuery, ProgressReport, SessionRequest

_playback = partial(Operation, tag="Playback")
_devices = partial(Operation, tag="Devices")
_HANDLERS = "lambdas.playback.handlers"
_DEVICE_HANDLERS = "lambdas.playback.device_grant_handlers"
_TOKEN_ENDPOINT = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
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
    _devices(
        method="POST",
        path="/api/device/code",
        handler=f"{_DEVICE_HANDLERS}.device_code",
        summary="Get the codes with which a device asks to be let in (RFC 8628)",
        body=CodeForm,
        answer=CodeResponse,
        refusals=_TOKEN_ENDPOINT,
        is_oauth=True,
    ),
    _devices(
        method="POST",
        path="/api/device/token",
        handler=f"{_DEVICE_HANDLERS}.device_token",
        summary="Get a device's tokens, once it was let in, or renew them (RFC 8628)",
        body=TokenForm,
        answer=TokenResponse,
        refusals=_TOKEN_ENDPOINT,
        is_oauth=True,
    ),
    _devices(
        method="GET",
        path="/api/device/request",
        handler=f"{_DEVICE_HANDLERS}.device_request",
        summary="See which device waits under a code",
        query=RequestQuery,
        answer=DeviceRequest,
        refusals=(*READ, HTTPStatus.NOT_FOUND),
    ),
    _devices(
        method="POST",
        path="/api/device/approve",
        handler=f"{_DEVICE_HANDLERS}.approve_device",
        summary="Let a device in, or refuse it",
        body=Decision,
        status=HTTPStatus.NO_CONTENT,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND),
    ),
)
