"""The status of deliveries from the bus to the studios' API, on moto."""

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import PermanentError, TransientError
from lambdas.common.events import PoorFrame
from lambdas.common.keys import Workspace
from lambdas.common.media import ObjectRef
from lambdas.ingestion import status_handlers, status_store
from lambdas.ingestion.status_environment import FollowEnvironment, StatusEnvironment, StillEnvironment
from lambdas.ingestion.status_store import INDEX, StatusStore
from tests.lambdas import samples
from tests.lambdas.cloud import put
from tests.lambdas.ingestion.conftest import COMPLEXITY
from tests.lambdas.ingestion.test_status import BLACK, EVENTS, START, news, too_poor

STILL = BLACK.at[0].still


@pytest.fixture
def table(aws, buckets, deployed):
    names = ("pk", "sk", "listing", "listed_at")
    client("dynamodb").create_table(
        TableName="statuses",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "listing", "KeyType": "HASH"},
                    {"AttributeName": "listed_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for contract in (
        FollowEnvironment(deliveries_table="statuses"),
        StatusEnvironment(deliveries_table="statuses"),
        StillEnvironment(deliveries_table="statuses", work_bucket=buckets.work),
    ):
        deployed(contract)
    return StatusStore("statuses")


@pytest.fixture
def follow(table, context):
    def follow(event, *, at=START):
        envelope = {
            "detail-type": event.detail_type(),
            "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": event.model_dump(mode="json"),
        }
        status_handlers.on_event(envelope, context)

    return follow


@pytest.fixture
def ask(table, context):
    """Call a route as a studio; the status and the body of the answer."""

    def ask(handler, *, studio=samples.STUDIO, query=None, **path):
        claims = {"cognito:groups": f"[{studio}]"}
        event = {
            "requestContext": {"authorizer": {"jwt": {"claims": claims}}, "requestId": "r1"},
            "pathParameters": path,
            "queryStringParameters": query,
        }
        answer = handler(event, context)
        body = answer["body"]
        return answer["statusCode"], body if answer.get("isBase64Encoded") else json.loads(body)

    return ask


def deliver(follow, number, *, studio=samples.STUDIO, event="received"):
    changes = {
        "studio": studio,
        "delivery_id": f"delivery-{number:03}",
        "version_id": f"v{number:03}",
        "delivered_at": START + timedelta(minutes=number),
    }
    fields = type(EVENTS[event]).model_fields
    follow(EVENTS[event].model_copy(update={name: value for name, value in changes.items() if name in fields}))


def test_a_delivery_is_told_with_all_that_is_known_of_it(follow, ask):
    for minute, name in enumerate(("received", "judged", "asked", "decided", "rejected")):
        follow(EVENTS[name], at=START + timedelta(minutes=minute))
    status, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    assert status == 200
    [version] = body["versions"]
    assert (version["version_id"], version["stage"]) == (samples.VERSION, "rejected")
    assert version["findings"] == [EVENTS["rejected"].findings[0].model_dump()]
    [check] = version["checks"]
    assert (check["check"], check["verdict"], check["measured"]) == ("black", "review", 6.0)
    assert check["at"][0]["still"] == "black-0.jpg"
    assert check["at"][0]["timecode"] == "00:00:02:00"
    assert version["complexity"] == COMPLEXITY
    assert version["review"]["note"] == "fine"
    assert [entry["event"] for entry in version["history"]] == [
        "DeliveryReceived",
        "QualityJudged",
        "ReviewRequested",
        "ReviewDecided",
        "DeliveryRejected",
    ]
    assert all(entry["message"] and entry["at"] for entry in version["history"])


def test_progress_is_told_and_is_no_entry_of_the_history(follow, ask):
    follow(EVENTS["encoding"])
    follow(EVENTS["progressed"])
    _, page = ask(status_handlers.list_deliveries)
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    [version] = body["versions"]
    assert version["encoding"] == page["deliveries"][0]["encoding"]
    assert version["encoding"] == {
        "at": "2026-11-02T09:30:00Z",
        "finished": False,
        "jobs": {"total": 31, "done": 12, "running": 8, "failed": 1},
        "chunks": {"total": 24, "done": 12, "running": 8, "failed": 1},
        "eta": "2026-11-02T10:30:00Z",
        "usd": 0.0123,
        "queue": {"waiting": 5, "running": 8},
    }
    assert [entry["event"] for entry in version["history"]] == ["EncodingStarted"]


def test_an_event_that_comes_again_is_one_entry_of_the_time_when_it_came_first(follow, ask):
    for minutes in (5, 2, 9):
        follow(EVENTS["received"], at=START + timedelta(minutes=minutes))
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    [entry] = body["versions"][0]["history"]
    assert datetime.fromisoformat(entry["at"]) == START + timedelta(minutes=2)


def test_the_versions_of_a_delivery_are_told_newest_first(follow, ask):
    for number, version in enumerate(("v1", "v2", "v3")):
        event = EVENTS["received"].model_copy(
            update={"version_id": version, "delivered_at": START + timedelta(hours=number)}
        )
        follow(event)
    # A version that begins as another delivery's name does is another delivery's.
    follow(EVENTS["received"].model_copy(update={"delivery_id": f"{samples.DELIVERY}-2", "version_id": "v4"}))
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    assert [version["version_id"] for version in body["versions"]] == ["v3", "v2", "v1"]
    assert all(len(version["history"]) == 1 for version in body["versions"])


def test_what_a_campaign_encodes_anew_is_no_version_of_the_delivery(follow, ask):
    follow(EVENTS["published"])
    for name in ("encoding", "packaged", "published", "progressed"):
        follow(EVENTS[name].model_copy(update={"version_id": "c0123456789abcdef"}))
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    assert [version["version_id"] for version in body["versions"]] == [samples.VERSION]


def test_another_studio_sees_nothing_of_it(follow, ask, table):
    follow(EVENTS["judged"])
    put(bucket="work", key=STILL, body=b"jpeg")
    stranger = {"studio": "northlight"}
    assert ask(status_handlers.list_deliveries, **stranger)[1]["deliveries"] == []
    assert ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY, **stranger)[0] == 404
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION, "name": "black-0.jpg"}
    assert ask(status_handlers.get_still, **where, **stranger)[0] == 404
    assert ask(status_handlers.get_still, **where)[0] == 200


@pytest.mark.parametrize("handler", ["list_deliveries", "get_delivery", "get_still"])
@pytest.mark.parametrize("studio", ["", "one two", "../x"])
def test_who_is_no_studio_is_refused(ask, handler, studio):
    path = {"delivery_id": "d", "version_id": "v", "name": "n"}
    status, body = ask(getattr(status_handlers, handler), studio=studio, **path)
    assert status == 403
    assert body["title"] == "Forbidden"


def test_an_unknown_delivery_is_said(ask):
    status, body = ask(status_handlers.get_delivery, delivery_id="nowhere")
    assert status == 404
    assert "nowhere" in body["detail"]


def pages(ask, **query):
    """The delivery ids of each page, to the last."""
    cursor = None
    while True:
        status, body = ask(
            status_handlers.list_deliveries, query={**query, **({"cursor": cursor} if cursor else {})} or None
        )
        assert status == 200
        yield [delivery["delivery_id"] for delivery in body["deliveries"]]
        cursor = body["cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_together_are_the_list_newest_first(follow, ask, limit):
    for number in (3, 1, 6, 2, 5, 4, 0):
        deliver(follow, number)
    deliver(follow, 9, studio="northlight")
    found = list(pages(ask, limit=str(limit)))
    assert list(chain(*found)) == [f"delivery-{number:03}" for number in range(6, -1, -1)]
    assert all(len(page) == limit for page in found[: 7 // limit])


@pytest.mark.parametrize("evaluated", [1, 2, 200])
def test_a_stage_is_looked_for_however_much_lies_between(follow, ask, monkeypatch, evaluated):
    monkeypatch.setattr(status_store, "_EVALUATED", evaluated)
    for number in range(12):
        deliver(follow, number)
        if number % 5 == 0:
            deliver(follow, number, event="rejected")
    found = list(chain(*pages(ask, stage="rejected", limit="2")))
    assert found == ["delivery-010", "delivery-005", "delivery-000"]


@pytest.mark.parametrize(
    "query",
    [
        {"stage": "lost"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"cursor": "garbage"},
        {"cursor": "Z2FyYmFnZQ"},
        {"cursor": base64.urlsafe_b64encode(b'{"listed_at": 1}').decode()},
        {"sort": "name"},
    ],
)
def test_what_cannot_be_asked_for_is_named(ask, query):
    status, body = ask(status_handlers.list_deliveries, query=query)
    assert status == 422
    assert body["errors"][0]["field"] == next(iter(query))


def test_a_cursor_of_another_studio_leads_to_nothing_of_it(follow, ask):
    for number in range(3):
        deliver(follow, number)
        deliver(follow, number, studio="northlight")
    _, theirs = ask(status_handlers.list_deliveries, studio="northlight", query={"limit": "1"})
    _, body = ask(status_handlers.list_deliveries, query={"cursor": theirs["cursor"]})
    assert {delivery["version_id"] for delivery in body["deliveries"]} <= {"v000", "v001"}
    assert "northlight" not in json.dumps(body)


def test_a_still_is_shown_as_it_is(follow, ask):
    follow(EVENTS["judged"])
    put(bucket="work", key=STILL, body=b"\xff\xd8jpeg")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    status, body = ask(status_handlers.get_still, **where, name="black-0.jpg")
    assert (status, base64.b64decode(body)) == (200, b"\xff\xd8jpeg")


@pytest.mark.parametrize("name", ["black-1.jpg", "../report.json", "report.json", STILL, "", "black-0"])
def test_only_stills_that_a_check_names_are_shown(follow, ask, name):
    follow(EVENTS["judged"])
    for key in (STILL, f"analysis/{samples.VERSION}/report.json", f"analysis/{samples.VERSION}/stills/black-1.jpg"):
        put(bucket="work", key=key, body=b"x")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    assert ask(status_handlers.get_still, **where, name=name)[0] == 404


def test_a_check_cannot_point_into_another_delivery(follow, ask):
    span = BLACK.at[0].model_copy(update={"still": "analysis/v-of-others/stills/black-0.jpg"})
    follow(EVENTS["judged"].model_copy(update={"checks": (BLACK.model_copy(update={"at": (span,)}),)}))
    put(bucket="work", key=span.still, body=b"x")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    assert ask(status_handlers.get_still, **where, name="black-0.jpg")[0] == 404


WORST = EVENTS["too poor"].pictures


def test_a_rejected_rendition_is_told_with_its_scores_and_the_pictures_of_its_worst_frame(follow, ask):
    follow(EVENTS["encoding"])
    follow(EVENTS["too poor"])
    follow(EVENTS["encoding failed"])
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    [version] = body["versions"]
    assert version["rejections"] == [
        {
            "rung": "1080p",
            "vmaf_mean": 92.871,
            "vmaf_p5": 80.25,
            "floor_mean": 95.0,
            "floor_p5": 85.0,
            "raised": 4,
            "worst_timecode": "00:00:03:05",
            "worst_vmaf": 61.5,
            "stills": ["00ff-source.jpg", "00ff-rendition.jpg"],
            "others": [],
        }
    ]
    put(bucket="work", key=WORST[1].key, body=b"\xff\xd8jpeg")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    assert base64.b64decode(ask(status_handlers.get_still, **where, name="00ff-rendition.jpg")[1]) == b"\xff\xd8jpeg"
    assert ask(status_handlers.get_still, **where, name="00ff-source.jpg")[0] == 404
    assert ask(status_handlers.get_still, **where, name="00ff-rendition.jpg", studio="northlight")[0] == 404


def test_the_worst_frames_of_other_chunks_are_told_and_shown_as_well(follow, ask):
    keys = [Workspace(samples.VERSION).picture("score/1080p/00ff", of=of, place=1) for of in ("source", "rendition")]
    other = PoorFrame(timecode="00:01:07:00", vmaf=70.25, pictures=[ObjectRef(bucket="work", key=key) for key in keys])
    follow(too_poor(others=(other,)))
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    [rejection] = body["versions"][0]["rejections"]
    stills = ["00ff-1-source.jpg", "00ff-1-rendition.jpg"]
    assert rejection["others"] == [{"timecode": "00:01:07:00", "vmaf": 70.25, "stills": stills}]
    put(bucket="work", key=keys[1], body=b"\xff\xd8jpeg")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    assert ask(status_handlers.get_still, **where, name=stills[1])[0] == 200


@pytest.mark.parametrize(
    "key",
    [
        "work/v-of-others/score/1080p/00ff-source.jpg",
        f"work/{samples.VERSION}/00ff-source.jpg",
        f"work/{samples.VERSION}/score/1080p/00ff.json",
        f"analysis/{samples.VERSION}/stills/black-0.jpg",
    ],
)
def test_a_rejection_shows_nothing_but_worst_frames_of_its_own_version(follow, ask, key):
    follow(too_poor(pictures=(WORST[0].model_copy(update={"key": key}),)))
    put(bucket="work", key=key, body=b"x")
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    assert ask(status_handlers.get_still, **where, name=key.rpartition("/")[2])[0] == 404


def test_a_picture_that_is_too_large_for_an_answer_is_not_shown(follow, ask, monkeypatch):
    follow(EVENTS["too poor"])
    put(bucket="work", key=WORST[0].key, body=b"12345")
    monkeypatch.setattr(status_handlers, "_STILL_LIMIT", 4)
    where = {"delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
    status, body = ask(status_handlers.get_still, **where, name="00ff-source.jpg")
    assert status == 404
    assert "operator" in body["detail"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_ladders_of_a_version_the_later_counts_whenever_it_is_heard(follow, ask, order):
    said = [samples.version_packaged(ladder=samples.ladder_report(search_frames=frames)) for frames in (100, 200)]
    for number in order:
        follow(said[number], at=START + timedelta(minutes=number))
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    assert body["versions"][0]["ladder"]["search_frames"] == 200


def test_the_ladder_is_told_with_its_version_and_not_read_with_the_list(follow, ask, table):
    follow(EVENTS["packaged"])
    follow(EVENTS["received"].model_copy(update={"version_id": "v2"}))
    known = table.get(studio=samples.STUDIO, delivery_id=samples.DELIVERY, version_id=samples.VERSION)
    assert "probes" not in known.model_dump_json()
    _, body = ask(status_handlers.get_delivery, delivery_id=samples.DELIVERY)
    versions = {version["version_id"]: version for version in body["versions"]}
    assert versions[samples.VERSION]["ladder"] == samples.ladder_report().model_dump(mode="json")
    assert [rung["codec"] for rung in versions[samples.VERSION]["renditions"]] == ["h264"]
    assert versions["v2"]["ladder"] is None


def test_an_event_that_nobody_follows_is_refused(table, context):
    with pytest.raises(PermanentError, match="correct the rule's pattern"):
        status_handlers.on_event({"detail-type": "SomethingElse", "detail": {}}, context)


def test_two_who_write_at_once_lose_nothing(table, monkeypatch):
    table.add(news("received"))
    read = table._read

    def overtaken(status):
        found = read(status)
        if status.stage.value == "rejected":
            monkeypatch.setattr(table, "_read", read)
            table.add(news("judged", minute=1))
        return found

    monkeypatch.setattr(table, "_read", overtaken)
    table.add(news("rejected", minute=2))
    kept = table.get(studio=samples.STUDIO, delivery_id=samples.DELIVERY, version_id=samples.VERSION)
    assert set(kept.seen) == {"DeliveryReceived", "QualityJudged", "DeliveryRejected"}


def test_who_is_overtaken_again_and_again_comes_back_later(table, monkeypatch):
    monkeypatch.setattr(table, "_write", lambda *_, **__: False)
    with pytest.raises(TransientError, match="try again"):
        table.add(news("received"))
