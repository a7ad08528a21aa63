"""A delivery on its way through ingestion's functions, on moto."""

import json
from types import SimpleNamespace

import pytest

from lambdas.common.aws import client
from lambdas.common.keys import Analysis
from lambdas.ingestion import handlers
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    DecideReviewEnvironment,
    JudgeEnvironment,
    ListReviewsEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    ReviewEnvironment,
    StartEnvironment,
    ValidateEnvironment,
)
from lambdas.ingestion.quality import QcThresholds
from tests.lambdas import samples
from tests.lambdas.calls import watched
from tests.lambdas.cloud import executions, put, state_machine

TIME = "2026-11-02T09:30:00Z"
SPAN = {"start_s": 2.0, "end_s": 8.0, "first_frame": 48, "last_frame": 191, "timecode": "00:00:02:00"}


@pytest.fixture
def deliveries(aws):
    """The name of the deliveries table."""
    client("dynamodb").create_table(
        TableName="deliveries",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return "deliveries"


@pytest.fixture
def pipeline(bus, buckets, deployed, deliveries):
    """The functions' environments; the state machine's ARN."""
    arn = state_machine("ingestion")
    for contract in (
        StartEnvironment(state_machine_arn=arn, event_bus=bus.name),
        ReadManifestEnvironment(raw_bucket=buckets.raw, work_bucket=buckets.work, event_bus=bus.name),
        ValidateEnvironment(work_bucket=buckets.work, deliveries_table=deliveries),
        JudgeEnvironment(work_bucket=buckets.work, event_bus=bus.name, thresholds=QcThresholds().model_dump_json()),
        ReviewEnvironment(
            work_bucket=buckets.work,
            event_bus=bus.name,
            deliveries_table=deliveries,
            review_hours=48,
            review_escalated_hours=120,
        ),
        ListReviewsEnvironment(deliveries_table=deliveries),
        DecideReviewEnvironment(deliveries_table=deliveries, event_bus=bus.name),
        AcceptEnvironment(work_bucket=buckets.work, deliveries_table=deliveries, event_bus=bus.name),
        RejectEnvironment(deliveries_table=deliveries, event_bus=bus.name),
    ):
        deployed(contract)
    return arn


def created(key, version):
    """The event that S3 sends of a new object."""
    detail = {"bucket": {"name": "raw"}, "object": {"key": key, "etag": "e", "version-id": version}}
    return {"detail-type": "Object Created", "source": "aws.s3", "time": TIME, "detail": detail}


COMPLEXITY = {
    "measured_frames": 50,
    "active": {"left": 0, "top": 0, "width": 1920, "height": 1080},
    "spatial_mean": 41.3,
    "spatial_max": 88.2,
    "temporal_mean": 9.1,
    "temporal_max": 31.6,
    "overall": 2.587,
    "motion_percent": 2.1234,
    "grain": 1.42,
    "dark_percent": 23.4,
}


def measured(*, black_s=0.0, loudness=-27.0):
    """What an analysis found: nothing wrong, unless it is asked for."""
    none = {}
    sound = {
        "stream": 0,
        "channels": 2,
        "start_skew_ms": 0.0,
        "duration_skew_ms": 0.0,
        "integrated_lkfs": loudness,
        "loudness_range_lu": 5.0,
        "true_peak_dbtp": -6.0,
        "silence": none,
        "digital_silence": none,
    }
    aspect = dict.fromkeys(("bar_top", "bar_bottom", "bar_left", "bar_right"), 0)
    return {
        "frames": 600,
        "frame_rate": "24/1",
        "duration_s": 25.0,
        "black": {"count": 1, "total_frames": 144, "longest_s": black_s, "spans": [SPAN]} if black_s else none,
        "repetition": {"repeated_frames": 0, "spans": none, "dead": none},
        "interlacing": {"determined_frames": 600, "interlaced_frames": 0, "spans": none},
        "aspect": {"width": 1920, "height": 1080, "sample_aspect": "1/1"} | aspect,
        "levels": {"outside_percent": 0.0, "worst_frame_percent": 0.0, "spans": none},
        "sound": [sound],
        "complexity": COMPLEXITY,
        "thumbnails": "thumbnails.vtt",
        "thumbnail_count": 3,
        "analysis_s": 1.0,
    }


class Way:
    """A delivery's way through the functions; each method is a step, and returns the state after it."""

    def __init__(self, pipeline, context):
        self._pipeline, self._context = pipeline, context

    def upload(self, body=None, *, delivery=samples.DELIVERY, studio=samples.STUDIO):
        """Put the files and the manifest; return S3's event of the manifest."""
        body = samples.manifest(studio=studio) if body is None else body
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = f"{studio}/{delivery}/manifest.json"
        return created(key, put(bucket="raw", key=key, body=body)["VersionId"])

    def arrive(self, body=None, **where):
        """Upload, and return the input of the execution that it starts."""
        version = handlers.start(self.upload(body, **where), self._context)["version_id"]
        return next(found["input"] for found in executions(self._pipeline) if found["name"] == version)

    def read(self, body=None, **where):
        return handlers.read_manifest(self.arrive(body, **where), self._context)

    def validate(self, state=None, *, feature=None, subtitles=None):
        state = state or self.read()
        self.inspected(state, feature=feature, subtitles=subtitles)
        return handlers.validate(state, self._context)

    def judge(self, state=None, **found):
        state = state or self.validate()
        put(bucket="work", key=Analysis(state["version_id"]).report, body=json.dumps(measured(**found)))
        return handlers.judge(state, self._context)

    def accept(self, state=None):
        return handlers.accept(state or self.judge(), self._context)

    def reject(self, state):
        return handlers.reject(state, self._context)

    def inspected(self, state, *, feature=None, subtitles=None):
        """Put what the manifest names, and leave the inspection's report where the job was told to."""
        folder = f"{state['studio']}/{state['delivery_id']}"
        files = []
        for name, sha256, size, changes in (
            (samples.FEATURE, samples.FEATURE_SHA, 1000, feature),
            (samples.SUBTITLES, samples.SUBTITLES_SHA, 100, subtitles),
        ):
            facts = {"facts": samples.FACTS.model_dump(mode="json")} if name == samples.FEATURE else {}
            stored = {"name": name, "present": True, "size_bytes": size, "sha256": sha256} | facts | (changes or {})
            if "version_id" not in stored:
                stored["version_id"] = put(bucket="raw", key=f"{folder}/{name}", body=name)["VersionId"]
            files.append(stored)
        report(state, json.dumps({"schema_version": 1, "files": files}))


def report(state, body):
    """Leave a report of an inspection where its job was told to."""
    command = dict(zip(state["inspect"]["command"][1::2], state["inspect"]["command"][2::2], strict=True))
    bucket, _, key = command["--report"].removeprefix("s3://").partition("/")
    put(bucket=bucket, key=key, body=body)


@pytest.fixture
def way(pipeline, context):
    return Way(pipeline, context)


@pytest.fixture
def tags():
    """The disposition of an object version; of none, nothing."""

    def of(key, version):
        answer = client("s3").get_object_tagging(Bucket="raw", Key=key, VersionId=version)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}.get("marquee:disposition")

    return of


@pytest.fixture
def answers(monkeypatch):
    """Step Functions as it takes answers: what came, and the tokens that are closed."""
    taken = SimpleNamespace(sent=[], closed=set())

    class States:
        def send_task_success(self, *, taskToken, output):  # noqa: N803 - boto3's names
            from botocore.exceptions import ClientError  # noqa: PLC0415

            if taskToken in taken.closed:
                raise ClientError({"Error": {"Code": "TaskTimedOut"}}, "SendTaskSuccess")
            taken.sent.append((taskToken, json.loads(output)))
            taken.closed.add(taskToken)

    states = watched("stepfunctions", States())
    monkeypatch.setattr(
        "lambdas.ingestion.reviews.client", lambda name: states if name == "stepfunctions" else client(name)
    )
    return taken
