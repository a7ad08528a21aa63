"""The entry points of the upload API: they parse, ask, and answer. The studio is always the token's."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.errors import NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.problem import Answer, json_answer, parse_body, parse_query, problem_documents
from lambdas.ingestion import uploads
from lambdas.ingestion.identity import studio_of
from lambdas.ingestion.parts import plan_parts
from lambdas.ingestion.upload_environment import PlanEnvironment, PresignEnvironment, UploadEnvironment
from lambdas.ingestion.upload_store import UploadStore


@entry_point
@problem_documents
def create_upload(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/ingest/uploads``: begin an upload, and say how to cut the file."""
    environment = PlanEnvironment.load()
    request = parse_body(event, uploads.SizedFileQuery)
    store = _store(event, environment=environment, file=request)
    plan = plan_parts(request.size_bytes, least_bytes=environment.part_bytes)
    upload_id = store.create()
    logger.info("upload created", extra={"upload_id": upload_id, "parts": plan.parts})
    created = uploads.CreatedUpload(upload_id=upload_id, part_bytes=plan.part_bytes, parts=plan.parts)
    return json_answer(created, status=HTTPStatus.CREATED)


@entry_point
@problem_documents
def find_uploads(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/ingest/uploads``: what is known of a file, for a client that was interrupted."""
    environment = PlanEnvironment.load()
    request = parse_query(event, uploads.SizedFileQuery)
    store = _store(event, environment=environment, file=request)
    plan = plan_parts(request.size_bytes, least_bytes=environment.part_bytes)
    return json_answer(uploads.found(store.open_uploads(), stored=store.stored(), plan=plan))


@entry_point
@problem_documents
def presign_parts(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/ingest/uploads/{upload_id}/parts``: a URL for each part, good for exactly its bytes."""
    environment = PresignEnvironment.load()
    request = parse_body(event, uploads.PartsRequest)
    store = _store(event, environment=environment, file=request)
    upload_id, expires_s = _upload_id(event), environment.url_seconds
    parts = (store.presigned(part, upload_id=upload_id, expires_s=expires_s) for part in request.parts)
    return json_answer(uploads.PresignedParts(parts=tuple(parts), expires_s=expires_s))


@entry_point
@problem_documents
def list_parts(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/ingest/uploads/{upload_id}/parts``: the parts that have arrived, a page at a time."""
    request = parse_query(event, uploads.PartsQuery)
    store = _store(event, environment=UploadEnvironment.load(), file=request)
    parts, after = store.parts(upload_id=_upload_id(event), after=request.after)
    told = (
        uploads.ArrivedPart(number=part.number, size_bytes=part.size_bytes, checksum=part.checksum) for part in parts
    )
    return json_answer(uploads.ArrivedParts(parts=tuple(told), next_after=after))


@entry_point
@problem_documents
def complete_upload(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/ingest/uploads/{upload_id}/complete``: make the file of its parts; asking twice is answered twice."""
    request = parse_body(event, uploads.CompletionRequest)
    store = _store(event, environment=UploadEnvironment.load(), file=request)
    upload_id = _upload_id(event)
    try:
        parts = uploads.chosen(store.all_parts(upload_id=upload_id), count=request.parts)
        version = store.complete(parts, upload_id=upload_id, size_bytes=request.size_bytes, checksum=request.checksum)
    except NotFoundError:
        stored = store.stored()
        if stored is None or not uploads.is_the_same(stored, request):
            raise
        version = stored.object_version
    logger.info("upload completed", extra={"upload_id": upload_id, "size_bytes": request.size_bytes})
    completed = uploads.CompletedUpload(
        size_bytes=request.size_bytes, checksum=request.checksum, object_version=version
    )
    return json_answer(completed)


@entry_point
@problem_documents
def abort_upload(event: Payload, _context: LambdaContext) -> Answer:
    """``DELETE /api/ingest/uploads/{upload_id}``: give an upload up, and its parts with it."""
    request = parse_query(event, uploads.FileQuery)
    _store(event, environment=UploadEnvironment.load(), file=request).abort(upload_id=_upload_id(event))
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


def _store(event: Payload, *, environment: UploadEnvironment, file: uploads.FileQuery) -> UploadStore:
    return UploadStore(bucket=environment.raw_bucket, key=uploads.key_of(file, studio=studio_of(event)))


def _upload_id(event: Payload) -> str:
    return str(event["pathParameters"]["upload_id"])
