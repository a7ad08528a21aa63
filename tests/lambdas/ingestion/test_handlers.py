import json

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError, NotFoundError, PermanentError
from lambdas.common.events import SourceAccepted
from lambdas.ingestion import handlers
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    StartEnvironment,
    ValidateEnvironment,
)
from lambdas.ingestion.manifest import MAX_BYTES
from tests.lambdas import samples
from tests.lambdas.cloud import executions, put, state_machine

KEY = f"{samples.STUDIO}/{samples.DELIVERY}/manifest.json"


@pytest.fixture(autouse=True)
def pipeline(bus, buckets, deployed):
    """The functions' environments; the state machine's ARN."""
    arn = state_machine("ingestion")
    for contract in (
        StartEnvironment(state_machine_arn=arn),
        ReadManifestEnvironment(raw_bucket=buckets.raw, work_bucket=buckets.work, event_bus=bus.name),
        ValidateEnvironment(work_bucket=buckets.work),
        AcceptEnvironment(event_bus=bus.name),
        RejectEnvironment(event_bus=bus.name),
    ):
        deployed(contract)
    return arn


def deliver(body):
    """Put a manifest; return the event that S3 sends, and the state machine's input after it."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    version = put(bucket="raw", key=KEY, body=body)["VersionId"]
    detail = {"bucket": {"name": "raw"}, "object": {"key": KEY, "etag": "e", "version-id": version}}
    return {"detail-type": "Object Created", "source": "aws.s3", "detail": detail}


@pytest.fixture
def arrive(pipeline, context):
    """Deliver a manifest, and return the input of the execution that it starts."""

    def run(body):
        handlers.start(deliver(body), context)
        return executions(pipeline)[-1]["input"]

    return run


def inspected(feature=None, subtitles=None):
    files = [
        {
            "name": samples.FEATURE,
            "present": True,
            "size_bytes": 1000,
            "sha256": samples.FEATURE_SHA,
            "facts": samples.FACTS.model_dump(mode="json"),
        }
        | (feature or {}),
        {"name": samples.SUBTITLES, "present": True, "size_bytes": 100, "sha256": samples.SUBTITLES_SHA}
        | (subtitles or {}),
    ]
    return json.dumps({"schema_version": 1, "files": files})


def report(state, body):
    """Leave the inspection's report where the job was told to."""
    command = dict(zip(state["inspect"]["command"][1::2], state["inspect"]["command"][2::2], strict=True))
    bucket, _, key = command["--report"].removeprefix("s3://").partition("/")
    put(bucket=bucket, key=key, body=body)


class TestStart:
    def test_the_same_event_twice_is_one_execution(self, pipeline, context):
        event = deliver(samples.manifest())
        answers = [handlers.start(event, context) for _ in range(2)]
        [execution] = executions(pipeline)
        assert answers == [{"version_id": execution["name"]}] * 2
        assert execution["input"] == {
            "raw_bucket": "raw",
            "manifest_key": KEY,
            "object_version": event["detail"]["object"]["version-id"],
            "version_id": execution["name"],
        }

    def test_a_new_version_of_the_manifest_is_a_new_execution(self, pipeline, context):
        for _ in range(2):
            handlers.start(deliver(samples.manifest()), context)
        assert len(executions(pipeline)) == 2

    def test_a_manifest_in_the_wrong_place_starts_nothing(self, pipeline, context):
        event = deliver(samples.manifest())
        event["detail"]["object"]["key"] = "manifest.json"
        with pytest.raises(PermanentError):
            handlers.start(event, context)
        assert executions(pipeline) == []


class TestReadManifest:
    def test_a_readable_manifest_is_announced_and_its_inspection_ordered(self, arrive, bus, context):
        arrived = arrive(samples.manifest())
        state = handlers.read_manifest(arrived, context)
        assert state["verdict"] == "readable"
        assert (state["studio"], state["delivery_id"]) == (samples.STUDIO, samples.DELIVERY)
        assert state["inspect"] == {
            "name": f"inspect-{arrived['version_id']}",
            "command": [
                "inspect",
                "--manifest",
                f"s3://raw/{KEY}",
                "--manifest-version",
                arrived["object_version"],
                "--report",
                f"s3://work/work/{arrived['version_id']}/inspection.json",
            ],
        }
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryReceived"
        assert envelope["detail"]["title_id"] == samples.TITLE

    def test_the_version_that_arrived_is_read_and_not_a_later_one(self, arrive, context):
        arrived = arrive(samples.manifest())
        put(bucket="raw", key=KEY, body="{")
        assert handlers.read_manifest(arrived, context)["verdict"] == "readable"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"{", "MANIFEST_INVALID"),
            (samples.manifest(files=[]), "MANIFEST_INVALID"),
            (samples.manifest(studio="pixar"), "STUDIO_MISMATCH"),
            (b" " * MAX_BYTES + json.dumps(samples.manifest()).encode(), "MANIFEST_TOO_LARGE"),
        ],
    )
    def test_an_unreadable_manifest_is_a_rejection_and_no_crash(self, arrive, bus, context, body, code):
        arrived = arrive(body)
        state = handlers.read_manifest(arrived, context)
        assert state["verdict"] == "rejected"
        assert [found["code"] for found in state["findings"]] == [code]
        assert bus.envelopes() == []
        handlers.reject(state, context)
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryRejected"
        assert envelope["detail"]["findings"][0]["remedy"]

    def test_a_manifest_that_is_gone_is_named(self, context):
        gone = {"raw_bucket": "raw", "manifest_key": KEY, "object_version": None, "version_id": "v1"}
        with pytest.raises(NotFoundError, match=KEY):
            handlers.read_manifest(gone, context)

    def test_another_bucket_is_refused(self, arrive, context):
        with pytest.raises(PermanentError, match="not in work"):
            handlers.read_manifest(arrive(samples.manifest()) | {"raw_bucket": "work"}, context)


class TestJudgement:
    def test_a_good_delivery_becomes_a_source(self, arrive, bus, context):
        state = handlers.read_manifest(arrive(samples.manifest()), context) | {"added_by": "the state machine"}
        report(state, inspected())
        state = handlers.validate(state, context)
        assert (state["verdict"], state["findings"]) == ("accepted", [])
        bus.envelopes()
        answer = handlers.accept(state, context)
        assert answer == {"version_id": state["version_id"], "title_id": samples.TITLE}
        [envelope] = bus.envelopes()
        expected = samples.source_accepted(version_id=state["version_id"])
        assert SourceAccepted.model_validate(envelope["detail"]) == expected

    def test_what_was_inspected_is_what_is_encoded(self, arrive, bus, context):
        state = handlers.read_manifest(arrive(samples.manifest()), context)
        report(state, inspected(feature={"version_id": "inspected"}))
        state = handlers.validate(state, context)
        bus.envelopes()
        handlers.accept(state, context)
        [envelope] = bus.envelopes()
        assert envelope["detail"]["media"]["version_id"] == "inspected"

    @pytest.mark.parametrize(
        ("measured", "code"),
        [
            ({"sha256": "0" * 64}, "CHECKSUM_MISMATCH"),
            ({"present": False, "facts": None}, "FILE_MISSING"),
            ({"size_bytes": 0, "facts": None, "error": "the file is empty"}, "FILE_EMPTY"),
            ({"facts": None, "error": "Invalid data"}, "NOT_MEDIA"),
            ({"facts": {"container": "mov", "duration_s": 30}}, "NO_VIDEO"),
        ],
    )
    def test_a_bad_delivery_is_rejected_and_the_studio_told(self, arrive, bus, context, measured, code):
        state = handlers.read_manifest(arrive(samples.manifest()), context)
        report(state, inspected(feature=measured))
        state = handlers.validate(state, context)
        assert state["verdict"] == "rejected"
        bus.envelopes()
        answer = handlers.reject(state, context)
        assert [found["code"] for found in answer["findings"]] == [code]
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryRejected"
        assert envelope["detail"]["findings"] == answer["findings"]

    def test_a_rejected_delivery_cannot_be_accepted(self, arrive, bus, context):
        state = handlers.read_manifest(arrive(samples.manifest()), context)
        report(state, inspected(feature={"sha256": "0" * 64}))
        state = handlers.validate(state, context)
        bus.envelopes()
        with pytest.raises(InvalidInputError, match="verdict"):
            handlers.accept(state, context)
        assert bus.envelopes() == []

    def test_an_inspection_without_a_report_is_named(self, arrive, context):
        state = handlers.read_manifest(arrive(samples.manifest()), context)
        with pytest.raises(NotFoundError, match=r"inspection\.json"):
            handlers.validate(state, context)

    def test_a_report_that_is_cut_off_is_refused(self, arrive, context):
        state = handlers.read_manifest(arrive(samples.manifest()), context)
        report(state, inspected()[:-10])
        with pytest.raises(InvalidInputError):
            handlers.validate(state, context)

    def test_the_largest_delivery_fits_the_state_of_a_state_machine(self, arrive, context):
        wide = "\U0001f407"
        title = {"title_id": "t" * 63, "name": wide * 200, "synopsis": wide * 2000, "credit": wide * 500}
        names = [f"{n:03}{'x' * 125}" for n in range(100)]
        files = [
            {"name": name, "role": "subtitles", "size_bytes": 1, "sha256": "0" * 64, "language": f"en-x{n:03}"}
            for n, name in enumerate(names[1:])
        ]
        feature = {"name": names[0], "role": "feature", "size_bytes": 1, "sha256": "0" * 64}
        manifest = samples.manifest(title=title, files=[feature, *files])
        state = handlers.read_manifest(arrive(manifest), context)
        report(state, json.dumps({"files": [{"name": n, "present": True, "error": "e" * 9999} for n in names]}))
        assert len(json.dumps(handlers.validate(state, context))) < 256 * 1024


def test_the_bytes_stay_in_raw_whatever_happens(arrive, context):
    handlers.reject(handlers.read_manifest(arrive(b"{"), context), context)
    assert client("s3").get_object(Bucket="raw", Key=KEY)["Body"].read() == b"{"
