"""The upload API on moto: what a studio is answered, and that it is always the token's studio."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.aws import client
from lambdas.common.errors import ConflictError, ForbiddenError
from lambdas.ingestion import upload_handlers, upload_store, uploads
from lambdas.ingestion.identity import studio_of
from lambdas.ingestion.parts import MAX_PART_BYTES, MAX_PARTS, MIB, MIN_PART_BYTES, plan_parts
from lambdas.ingestion.upload_environment import PlanEnvironment, PresignEnvironment
from tests.lambdas.calls import watched

CHECKSUM = "AAAAAAAAAAA="
FILE = {"delivery_id": "d-1", "name": "film.mov"}
KEY = "blender/d-1/film.mov"
LARGEST = MAX_PARTS * MAX_PART_BYTES


def token(*groups):
    return {"authorizer": {"jwt": {"claims": {"sub": "u", "cognito:groups": list(groups)}}}}


class Api:
    """The six routes, called by a user of one studio."""

    def __init__(self, context, studio="blender"):
        self.context, self.identity = context, token(studio)

    def call(self, handler, *, body=None, query=None, upload_id=None):
        event = {
            "body": json.dumps(body) if body is not None else None,
            "queryStringParameters": {key: str(value) for key, value in (query or {}).items()},
            "pathParameters": {"upload_id": upload_id},
            "requestContext": self.identity,
        }
        answer = handler(event, self.context)
        return answer["statusCode"], json.loads(answer.get("body") or "null")

    def create(self, **changes):
        return self.call(upload_handlers.create_upload, body={**FILE, "size_bytes": 12 * MIB, **changes})

    def find(self, **changes):
        return self.call(upload_handlers.find_uploads, query={**FILE, "size_bytes": 12 * MIB, **changes})

    def presign(self, upload_id, *parts, **changes):
        return self.call(upload_handlers.presign_parts, body={**FILE, "parts": parts, **changes}, upload_id=upload_id)

    def parts(self, upload_id, **changes):
        return self.call(upload_handlers.list_parts, query={**FILE, **changes}, upload_id=upload_id)

    def complete(self, upload_id, **changes):
        body = {**FILE, "size_bytes": 12 * MIB, "parts": 2, "checksum": CHECKSUM, **changes}
        return self.call(upload_handlers.complete_upload, body=body, upload_id=upload_id)

    def abort(self, upload_id, **changes):
        return self.call(upload_handlers.abort_upload, query={**FILE, **changes}, upload_id=upload_id)


@pytest.fixture
def api(aws, buckets, deployed, context):
    deployed(PlanEnvironment(raw_bucket="raw", part_bytes=8 * MIB))
    deployed(PresignEnvironment(raw_bucket="raw", url_seconds=600))
    for cached in (upload_store._signer, upload_store._patient):
        cached.cache_clear()
    return Api(context)


def part(number=1, **changes):
    return {"number": number, "size_bytes": 8 * MIB, "checksum": CHECKSUM, **changes}


def arrive(upload_id, *numbers):
    for number in numbers:
        client("s3").upload_part(Bucket="raw", Key=KEY, UploadId=upload_id, PartNumber=number, Body=b"x" * 6 * MIB)


def test_an_upload_begins_below_the_studio_of_the_token(api):
    status, answer = api.create()
    assert status == 201
    assert {name: answer[name] for name in ("part_bytes", "parts", "checksum_algorithm")} == {
        "part_bytes": 8 * MIB,
        "parts": 2,
        "checksum_algorithm": "CRC64NVME",
    }
    [upload] = client("s3").list_multipart_uploads(Bucket="raw")["Uploads"]
    assert (upload["Key"], upload["UploadId"]) == (KEY, answer["upload_id"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "../other/d-1/film.mov"}, "name"),
        ({"name": ""}, "name"),
        ({"delivery_id": "d/1"}, "delivery_id"),
        ({"delivery_id": ".."}, "delivery_id"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": 5 * 1024**4 + 1}, "size_bytes"),
        ({"studio": "northlight"}, "studio"),
    ],
)
def test_what_cannot_be_a_file_of_a_delivery_is_refused_by_its_field(api, changes, field):
    status, problem = api.create(**changes)
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == [field]
    assert "Uploads" not in client("s3").list_multipart_uploads(Bucket="raw")


def test_a_url_signs_the_part_its_length_and_its_checksum_and_expires(api):
    upload_id = api.create()[1]["upload_id"]
    status, answer = api.presign(upload_id, part(2, size_bytes=4 * MIB))
    assert status == 200
    [presigned] = answer["parts"]
    assert presigned["number"] == 2
    assert presigned["headers"] == {"content-length": str(4 * MIB), "x-amz-checksum-crc64nvme": CHECKSUM}
    url = urlsplit(presigned["url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.path == f"/{KEY}"
    assert (query["partNumber"], query["uploadId"], query["X-Amz-Expires"]) == ("2", upload_id, "600")
    assert query["X-Amz-SignedHeaders"] == "content-length;host;x-amz-checksum-crc64nvme"


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part(number) for number in range(1, 102)],
        [part(0)],
        [part(MAX_PARTS + 1)],
        [part(size_bytes=0)],
        [part(size_bytes=MAX_PART_BYTES + 1)],
        [part(checksum="too short")],
    ],
)
def test_parts_that_s3_would_not_take_are_not_presigned(api, parts):
    assert api.presign("upload", *parts)[0] == 422


def test_the_largest_batch_passes_the_managed_rules_of_the_web_acl():
    largest = [part(MAX_PARTS, size_bytes=MAX_PART_BYTES) for _ in range(uploads.MAX_BATCH)]
    body = {"delivery_id": "d" * 128, "name": "n" * 128, "parts": largest}
    assert len(json.dumps(body)) < 8 * 1024


def test_a_client_that_remembers_nothing_finds_the_newest_upload_first(api):
    found = [
        uploads.OpenUpload(upload_id="older", started_at="2026-11-22T10:00:00+00:00"),
        uploads.OpenUpload(upload_id="newer", started_at="2026-11-22T11:00:00+00:00"),
    ]
    plan = plan_parts(12 * MIB, least_bytes=8 * MIB)
    told = uploads.found(found, stored=None, plan=plan)
    assert [upload.upload_id for upload in told.uploads] == ["newer", "older"]
    created = api.create()[1]
    status, answer = api.find()
    assert status == 200
    assert [upload["upload_id"] for upload in answer["uploads"]] == [created["upload_id"]]
    assert (answer["parts"], answer["part_bytes"], answer["stored"]) == (2, 8 * MIB, None)


def test_uploads_of_files_whose_names_begin_alike_are_told_apart(api):
    api.create(name="film.mov.bak")
    assert api.find()[1]["uploads"] == []


def test_a_file_that_is_there_is_told_of(api):
    client("s3").put_object(Bucket="raw", Key=KEY, Body=b"film")
    stored = api.find()[1]["stored"]
    assert stored["size_bytes"] == 4
    assert stored["object_version"]


def test_the_parts_that_have_arrived_are_listed_page_by_page(api, monkeypatch):
    upload_id = api.create()[1]["upload_id"]
    arrive(upload_id, 1, 3)
    status, answer = api.parts(upload_id)
    assert status == 200
    assert [(part["number"], part["size_bytes"]) for part in answer["parts"]] == [(1, 6 * MIB), (3, 6 * MIB)]
    assert [part["number"] for part in api.parts(upload_id, after=1)[1]["parts"]] == [3]
    assert answer["next_after"] is None


@given(count=st.integers(1, 40), page=st.integers(1, 15))
def test_every_page_of_parts_is_read(count, page):
    class Paged(upload_store.UploadStore):
        def parts(self, *, upload_id, after):  # noqa: ARG002 - as the store has it
            numbers = list(range(after + 1, min(after + page, count) + 1))
            received = [uploads.ReceivedPart(number, 1, CHECKSUM, "etag") for number in numbers]
            return received, numbers[-1] if numbers[-1] < count else None

    assert list(Paged(bucket="raw", key=KEY).all_parts(upload_id="u")) == list(range(1, count + 1))


def test_an_upload_whose_parts_are_missing_is_not_completed(api):
    upload_id = api.create()[1]["upload_id"]
    arrive(upload_id, 2)
    status, problem = api.complete(upload_id, parts=3)
    assert status == 409
    assert problem["detail"] == "2 of 3 parts have not arrived: 1, 3"


def test_parts_beyond_the_files_are_left_out():
    received = {number: uploads.ReceivedPart(number, 1, CHECKSUM, "etag") for number in (3, 1, 2)}
    assert [part.number for part in uploads.chosen(received, count=2)] == [1, 2]


def test_many_missing_parts_are_not_all_told():
    with pytest.raises(ConflictError, match=r"^10000 of 10000 parts have not arrived: 1, 2, .*, 10, …$"):
        uploads.chosen({}, count=MAX_PARTS)


def test_completing_names_every_part_and_the_checksum_of_the_whole(api, monkeypatch):
    upload_id = api.create()[1]["upload_id"]
    arrive(upload_id, 1, 2)
    seen = {}

    class Patient:
        def complete_multipart_upload(self, **request):
            seen.update(request)
            return {"VersionId": "v1"}

    monkeypatch.setattr(upload_store, "_patient", lambda: watched("s3", Patient()))
    status, answer = api.complete(upload_id)
    assert (status, answer["object_version"]) == (200, "v1")
    assert [named["PartNumber"] for named in seen["MultipartUpload"]["Parts"]] == [1, 2]
    assert (seen["ChecksumCRC64NVME"], seen["ChecksumType"], seen["MpuObjectSize"]) == (
        CHECKSUM,
        "FULL_OBJECT",
        12 * MIB,
    )


def test_completing_again_is_answered_if_the_file_is_there(api, monkeypatch):
    client("s3").put_object(Bucket="raw", Key=KEY, Body=b"film")
    stored = uploads.StoredFile(size_bytes=12 * MIB, checksum=CHECKSUM, object_version="v1")
    monkeypatch.setattr(upload_store.UploadStore, "stored", lambda _: stored)
    assert api.complete("completed-before")[1]["object_version"] == "v1"
    assert api.complete("completed-before", checksum="BBBBBBBBBBB=")[0] == 404


def test_an_upload_that_was_aborted_is_gone(api):
    upload_id = api.create()[1]["upload_id"]
    assert api.abort(upload_id)[0] == 204
    assert api.parts(upload_id)[0] == 404
    assert api.complete(upload_id)[0] == 404


def test_another_studio_reaches_neither_the_upload_nor_the_file(api, context):
    upload_id = api.create()[1]["upload_id"]
    arrive(upload_id, 1, 2)
    client("s3").put_object(Bucket="raw", Key=KEY, Body=b"film")
    other = Api(context, studio="northlight")
    assert (other.find()[1]["uploads"], other.find()[1]["stored"]) == ([], None)
    url = other.presign(upload_id, part())[1]["parts"][0]["url"]
    assert urlsplit(url).path == "/northlight/d-1/film.mov"
    assert api.find()[1]["uploads"]


@pytest.mark.parametrize(
    ("claim", "studio"),
    [(["blender"], "blender"), ("[blender]", "blender"), ("blender", "blender")],
)
def test_the_studio_is_the_users_one_group(claim, studio):
    event = {"requestContext": {"authorizer": {"jwt": {"claims": {"cognito:groups": claim}}}}}
    assert studio_of(event) == studio


@pytest.mark.parametrize(
    "claim", [None, [], "[]", ["blender", "northlight"], "[blender northlight]", ["../etc"], ["A"]]
)
def test_who_has_no_one_studio_is_turned_away(claim):
    with pytest.raises(ForbiddenError):
        studio_of({"requestContext": {"authorizer": {"jwt": {"claims": {"cognito:groups": claim}}}}})


def test_nobody_without_a_studio_is_answered(api):
    api.identity = {}
    assert [api.create()[0], api.find()[0], api.presign("u", part())[0], api.abort("u")[0]] == [403] * 4


sizes = st.one_of(st.integers(1, LARGEST), st.integers(1, 64 * MIB), st.integers(LARGEST - MIB, LARGEST))


@given(size=sizes, least=st.sampled_from([1, MIN_PART_BYTES, 8 * MIB, 64 * MIB]))
def test_every_file_is_cut_into_parts_that_s3_takes(size, least):
    plan = plan_parts(size, least_bytes=least)
    assert 1 <= plan.parts <= MAX_PARTS
    assert MIN_PART_BYTES <= plan.part_bytes <= MAX_PART_BYTES
    first, last = plan.span(1), plan.span(plan.parts)
    assert first.offset == 0
    assert last.offset + last.size_bytes == size
    assert last.size_bytes >= 1


@given(size=sizes, data=st.data())
def test_each_part_begins_where_the_one_before_ends(size, data):
    plan = plan_parts(size, least_bytes=MIN_PART_BYTES)
    number = data.draw(st.integers(1, plan.parts))
    span = plan.span(number)
    assert span.size_bytes == (plan.part_bytes if number < plan.parts else size - span.offset)
    if number < plan.parts:
        assert plan.span(number + 1).offset == span.offset + span.size_bytes


@pytest.mark.parametrize("size", [0, -1, LARGEST + 1])
def test_what_s3_cannot_hold_has_no_plan(size):
    with pytest.raises(ValueError, match="cannot be sent in parts"):
        plan_parts(size, least_bytes=MIN_PART_BYTES)


@pytest.mark.parametrize("number", [0, 3])
def test_there_are_no_parts_beside_those_of_the_plan(number):
    with pytest.raises(ValueError, match="there is no part"):
        plan_parts(12 * MIB, least_bytes=8 * MIB).span(number)
