"""The entry points of the status: one that follows the bus, and the studios' API."""

from __future__ import annotations

import base64
from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from lambdas.common.bus import anything_of
from lambdas.common.errors import NotFoundError
from lambdas.common.events import VersionPackaged
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.media import Record
from lambdas.common.objects import TooLargeError, read_object
from lambdas.common.problem import Answer, json_answer, parse_query, problem_documents
from lambdas.common.versions import is_reencoded
from lambdas.ingestion.identity import studio_of
from lambdas.ingestion.status import FOLLOWED, REMEMBERED, Stage, followed
from lambdas.ingestion.status_answers import Deliveries, Delivery, detailed, listed, still_key
from lambdas.ingestion.status_environment import FollowEnvironment, StatusEnvironment, StillEnvironment
from lambdas.ingestion.status_store import StatusStore

_STILL_LIMIT = 4 * 1024 * 1024
"""In base64, what a function may answer: 6 MB."""
_STILL_SECONDS = 24 * 3600
"""A still never changes: its key has the version in it, and that of a worst frame the digest of its job."""


class DeliveriesQuery(Record):
    """What a list of deliveries may be asked for by."""

    stage: Stage | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 25
    cursor: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


@entry_point
def on_event(event: Payload, _context: LambdaContext) -> None:
    """Add an event of the bus to the status and the history of its delivery, if it is about one."""
    store = _store(FollowEnvironment.load().deliveries_table)
    said, at = anything_of(FOLLOWED, event)
    news = followed(said, at=at)
    logger.append_keys(version_id=news.version_id)
    if is_reencoded(news.version_id):
        logger.info("no delivery: a campaign's")
        return
    status = store.add(news)
    if isinstance(said, REMEMBERED):
        store.remember(said, about=news, at=at)
    if isinstance(said, VersionPackaged) and said.ladder:
        store.keep_ladder(said.ladder, about=news, at=at)
    logger.info("followed", extra={"event": said.detail_type(), "stage": status.stage.value})


@entry_point
@problem_documents
def list_deliveries(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/ingest/deliveries``: the studio's deliveries, the newest first."""
    store = _store(StatusEnvironment.load().deliveries_table)
    studio, query = studio_of(event), parse_query(event, DeliveriesQuery)
    page = store.newest(studio=studio, stage=query.stage, limit=query.limit, cursor=query.cursor)
    return json_answer(Deliveries(deliveries=tuple(map(listed, page.statuses)), cursor=page.cursor))


@entry_point
@problem_documents
def get_delivery(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/ingest/deliveries/{delivery_id}``: every version of a delivery, the newest first."""
    store = _store(StatusEnvironment.load().deliveries_table)
    studio, delivery_id = studio_of(event), _parameter(event, "delivery_id")
    versions = store.versions(studio=studio, delivery_id=delivery_id)
    if not versions:
        raise NotFoundError(f"there is no delivery {delivery_id!r}")
    history = store.history(studio=studio, delivery_id=delivery_id)
    ladders = store.ladders(studio=studio, delivery_id=delivery_id)
    told = (
        detailed(status, history=history.get(status.version_id, ()), ladder=ladders.get(status.version_id))
        for status in versions
    )
    return json_answer(Delivery(delivery_id=delivery_id, versions=tuple(told)))


@entry_point
@problem_documents
def get_still(event: Payload, _context: LambdaContext) -> Answer:
    """``GET …/{delivery_id}/versions/{version_id}/stills/{name}``: a picture that a check or the gate names."""
    environment = StillEnvironment.load()
    studio = studio_of(event)
    delivery_id, version_id = _parameter(event, "delivery_id"), _parameter(event, "version_id")
    store = _store(environment.deliveries_table)
    status = store.get(studio=studio, delivery_id=delivery_id, version_id=version_id)
    if status is None:
        raise NotFoundError(f"there is no version {version_id!r} of a delivery {delivery_id!r}")
    key = still_key(status, _parameter(event, "name"))
    try:
        picture = read_object(bucket=environment.work_bucket, key=key, limit=_STILL_LIMIT)
    except TooLargeError as error:
        raise NotFoundError(f"{error}: it is not shown here, and an operator can fetch it") from error
    return {
        "statusCode": int(HTTPStatus.OK),
        "headers": {
            "content-type": "image/jpeg",
            "cache-control": f"private, max-age={_STILL_SECONDS}, immutable",
        },
        "body": base64.b64encode(picture).decode(),
        "isBase64Encoded": True,
    }


def _parameter(event: Payload, name: str) -> str:
    return str(event["pathParameters"][name])


@cache
def _store(table: str) -> StatusStore:
    return StatusStore(table)
