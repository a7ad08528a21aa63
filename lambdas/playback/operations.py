"""What viewers reach of playback."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from lambdas.common.operations import READ, WRITTEN, Operation
from lambdas.playback import steering
from lambdas.playback.answers import BegunTitles, License, ListedDevices, ListedProfiles, OpenedSession, Reported
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
from lambdas.playback.models import (
    LicenseQuery,
    LicenseRequest,
    ManifestQuery,
    ProgressQuery,
    ProgressReport,
    SessionRequest,
    VendorLicenseQuery,
)
from lambdas.playback.session_ids import IDEMPOTENCY_KEY
from lambdas.playback.telemetry import TelemetryBatch
from lambdas.playback.vendors import System

_playback = partial(Operation, tag="Playback")
_account = partial(Operation, tag="Account")
_devices = partial(Operation, tag="Devices")
_HANDLERS = "lambdas.playback.handlers"
_VENDOR_HANDLERS = "lambdas.playback.vendor_handlers"
_ACCOUNT_HANDLERS = "lambdas.playback.account_handlers"
_TELEMETRY_HANDLERS = "lambdas.playback.telemetry_handlers"
_DEVICE_HANDLERS = "lambdas.playback.device_grant_handlers"
_SESSION = "/api/playback/sessions/{session_id}"
_LICENSE = "/api/playback/license"
_ACCOUNT_DEVICES = "/api/account/devices"
_BINARY = ("application/octet-stream",)
_TOKEN_ENDPOINT = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
_OF_A_SESSION = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)

OPERATIONS = (
    _playback(
        method="POST",
        path="/api/playback/sessions",
        handler=f"{_HANDLERS}.create_session",
        summary="Get everything that a player needs to start",
        headers={
            IDEMPOTENCY_KEY: "1 to 255 characters: the same request of the same device gets the same session again. "
            "For another title, or from another device, it is refused with 422, "
            "`urn:marquee:problem:idempotency-key-reused`"
        },
        body=SessionRequest,
        status=HTTPStatus.CREATED,
        answer=OpenedSession,
        refusals=(*WRITTEN, *_OF_A_SESSION, HTTPStatus.CONFLICT),
    ),
    _playback(
        method="POST",
        path=f"{_SESSION}/heartbeat",
        handler=f"{_HANDLERS}.heartbeat",
        summary="Say that the device still plays",
        status=HTTPStatus.NO_CONTENT,
        refusals=(HTTPStatus.FORBIDDEN, HTTPStatus.GONE),
    ),
    _playback(
        method="DELETE",
        path=_SESSION,
        handler=f"{_HANDLERS}.end_session",
        summary="End a session, so that its place is free",
        status=HTTPStatus.NO_CONTENT,
        refusals=(HTTPStatus.FORBIDDEN,),
    ),
    _playback(
        method="GET",
        path=f"{_SESSION}/manifest",
        handler=f"{_HANDLERS}.get_manifest",
        summary="Get the manifest of what the device may play, under the session's edge token",
        query=ManifestQuery,
        media=tuple(CONTENT_TYPES.values()),
        refusals=(*READ, *_OF_A_SESSION),
    ),
    _playback(
        method="GET",
        path=steering.PATH,
        handler="lambdas.playback.steering_handlers.steer",
        summary="Get the order in which to try the pathways (content steering of HLS and DASH)",
        answer=steering.SteeringManifest,
        refusals=(),
        is_open=True,
    ),
    _playback(
        method="POST",
        path=_LICENSE,
        handler=f"{_HANDLERS}.license",
        summary="Get a ClearKey licence",
        query=LicenseQuery,
        body=LicenseRequest,
        answer=License,
        refusals=(*WRITTEN, *_OF_A_SESSION),
    ),
    _playback(
        method="POST",
        path=f"{_LICENSE}/{{system}}",
        handler=f"{_VENDOR_HANDLERS}.vendor_license",
        summary="Get a licence of Widevine, PlayReady or FairPlay, where a vendor is configured",
        choices={"system": tuple(System)},
        query=VendorLicenseQuery,
        challenge=True,
        media=_BINARY,
        refusals=(*WRITTEN, *_OF_A_SESSION),
    ),
    _playback(
        method="GET",
        path=f"{_LICENSE}/fairplay/certificate",
        handler=f"{_VENDOR_HANDLERS}.fairplay_certificate",
        summary="Get the FairPlay certificate, where there is one",
        media=_BINARY,
        refusals=(HTTPStatus.NOT_FOUND,),
    ),
    _playback(
        method="POST",
        path="/api/playback/progress",
        handler=f"{_HANDLERS}.progress",
        summary="Say how far the viewer came",
        body=ProgressReport,
        answer=Reported,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND),
    ),
    _playback(
        method="GET",
        path="/api/playback/progress",
        handler=f"{_HANDLERS}.continue_watching",
        summary="List what the viewer may go on with",
        query=ProgressQuery,
        answer=BegunTitles,
    ),
    _playback(
        method="POST",
        path="/api/playback/telemetry",
        handler=f"{_TELEMETRY_HANDLERS}.telemetry",
        summary="Say how the film plays",
        body=TelemetryBatch,
        status=HTTPStatus.NO_CONTENT,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND),
    ),
    _account(
        method="GET",
        path="/api/account/profiles",
        handler=f"{_ACCOUNT_HANDLERS}.list_profiles",
        summary="List who watches on the account",
        answer=ListedProfiles,
        refusals=(HTTPStatus.FORBIDDEN,),
    ),
    _account(
        method="GET",
        path=_ACCOUNT_DEVICES,
        handler=f"{_ACCOUNT_HANDLERS}.list_devices",
        summary="List the account's devices, and how the account stands",
        answer=ListedDevices,
        refusals=(HTTPStatus.FORBIDDEN,),
    ),
    _account(
        method="DELETE",
        path=f"{_ACCOUNT_DEVICES}/{{device_id}}",
        handler=f"{_ACCOUNT_HANDLERS}.sign_out_device",
        summary="Sign a device out",
        status=HTTPStatus.NO_CONTENT,
        refusals=(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
    ),
    _account(
        method="DELETE",
        path=_ACCOUNT_DEVICES,
        handler=f"{_ACCOUNT_HANDLERS}.sign_out_everywhere",
        summary="Sign every device out",
        status=HTTPStatus.NO_CONTENT,
        refusals=(HTTPStatus.FORBIDDEN,),
    ),
    _devices(
        method="POST",
        path="/api/device/code",
        handler=f"{_DEVICE_HANDLERS}.device_code",
        summary="Get the codes with which a device asks to be let in (RFC 8628)",
        body=CodeForm,
        answer=CodeResponse,
        refusals=_TOKEN_ENDPOINT,
        is_open=True,
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
        is_open=True,
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
