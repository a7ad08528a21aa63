"""The studios' API."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from lambdas.common.operations import READ, WRITTEN, Operation
from lambdas.ingestion import uploads
from lambdas.ingestion.status_answers import Deliveries, Delivery
from lambdas.ingestion.status_handlers import DeliveriesQuery

_UPLOADS = "/api/ingest/uploads"
_UPLOAD = f"{_UPLOADS}/{{upload_id}}"
_DELIVERIES = "/api/ingest/deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery_id}}"
_upload = partial(Operation, tag="Uploads")
_delivery = partial(Operation, tag="Deliveries", method="GET")


def _handler(module: str, name: str) -> str:
    return f"lambdas.ingestion.{module}_handlers.{name}"


OPERATIONS = (
    _upload(
        method="POST",
        path=_UPLOADS,
        handler=_handler("upload", "create_upload"),
        summary="Begin an upload, and learn how to cut the file",
        body=uploads.SizedFileQuery,
        status=HTTPStatus.CREATED,
        answer=uploads.CreatedUpload,
        refusals=WRITTEN,
    ),
    _upload(
        method="GET",
        path=_UPLOADS,
        handler=_handler("upload", "find_uploads"),
        summary="Learn what is known of a file, after an interruption",
        query=uploads.SizedFileQuery,
        answer=uploads.FoundUploads,
    ),
    _upload(
        method="POST",
        path=f"{_UPLOAD}/parts",
        handler=_handler("upload", "presign_parts"),
        summary="Get a URL for each part, good for exactly its bytes",
        body=uploads.PartsRequest,
        answer=uploads.PresignedParts,
        refusals=WRITTEN,
    ),
    _upload(
        method="GET",
        path=f"{_UPLOAD}/parts",
        handler=_handler("upload", "list_parts"),
        summary="List the parts that have arrived",
        query=uploads.PartsQuery,
        answer=uploads.ArrivedParts,
        refusals=(*READ, HTTPStatus.NOT_FOUND),
    ),
    _upload(
        method="POST",
        path=f"{_UPLOAD}/complete",
        handler=_handler("upload", "complete_upload"),
        summary="Make the file of its parts; asked twice, it is answered twice",
        body=uploads.CompletionRequest,
        answer=uploads.CompletedUpload,
        refusals=(*WRITTEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    _upload(
        method="DELETE",
        path=_UPLOAD,
        handler=_handler("upload", "abort_upload"),
        summary="Give an upload up, and its parts with it",
        query=uploads.FileQuery,
        status=HTTPStatus.NO_CONTENT,
        refusals=(*READ, HTTPStatus.NOT_FOUND),
    ),
    _delivery(
        path=_DELIVERIES,
        handler=_handler("status", "list_deliveries"),
        summary="List the studio's deliveries",
        query=DeliveriesQuery,
        answer=Deliveries,
    ),
    _delivery(
        path=_DELIVERY,
        handler=_handler("status", "get_delivery"),
        summary="See every version of a delivery, with its checks, its ladder and its history",
        answer=Delivery,
        refusals=(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
    ),
    _delivery(
        path=f"{_DELIVERY}/versions/{{version_id}}/stills/{{name}}",
        handler=_handler("status", "get_still"),
        summary="Get a picture that a check or the quality gate names",
        media=("image/jpeg",),
        refusals=(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
    ),
)
