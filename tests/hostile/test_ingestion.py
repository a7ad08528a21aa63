"""Every hostile delivery, read, inspected and validated as the workflow does it, on moto."""

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

import boto3
from moto import mock_aws

from encoder.inspect import inspect
from encoder.storage import ObjectStore, parse_uri
from lambdas.common.keys import DeliveryLocation, Workspace
from lambdas.ingestion.manifest import UnreadableManifestError, read
from lambdas.ingestion.models import InspectionReport
from lambdas.ingestion.validation import validate
from tests.hostile.deliveries import HOSTILE, PLANTED, STUDIO, clips_of

RAW, WORK = "raw", "work"


@pytest.fixture(scope="module")
def s3():
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("ENCODER_THREADS", "1")
        client = boto3.client("s3")
        for bucket in (RAW, WORK):
            client.create_bucket(Bucket=bucket)
        yield client


@pytest.fixture(scope="module")
def rendered(workshop):
    workshop.render(clips_of((*HOSTILE, *PLANTED)))
    return workshop


@pytest.fixture
def ingest(s3, rendered):
    """Deliver, and go as far as the validation; what it found, or what is wrong with the manifest."""

    def run(hostile):
        built = hostile.build(rendered)
        location = DeliveryLocation(studio=STUDIO, delivery_id=hostile.name)
        try:
            manifest = read(built.manifest, location=location)
        except UnreadableManifestError as error:
            return error.findings
        for name, content in {**built.files, "manifest.json": built.manifest}.items():
            s3.put_object(Bucket=RAW, Key=location.file(name), Body=content)
        report = f"s3://{WORK}/{Workspace(hostile.name).inspection}"
        store = ObjectStore(s3)
        inspect(manifest=f"s3://{RAW}/{location.manifest}", manifest_version=None, report=report, store=store)
        return validate(manifest, store.read(parse_uri(report), InspectionReport))

    return run


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_each_is_told_what_is_wrong_with_it_and_nothing_else(ingest, hostile):
    findings = ingest(hostile)
    assert [(found.code, found.subject) for found in findings] == list(hostile.findings)
    assert bool(findings) == (hostile.state == "rejected")
    for found in findings:
        assert found.message
        assert found.remedy.endswith(".")
        told = f"{found.message} {found.remedy}"
        assert "/tmp" not in told  # noqa: S108 - a path of ours says nothing to a studio
        assert "root:" not in told


@pytest.mark.parametrize("hostile", PLANTED, ids=lambda hostile: hostile.name)
def test_a_planted_defect_keeps_every_rule(ingest, hostile):
    assert ingest(hostile) == ()


def test_every_name_is_a_deliverys_and_its_own():
    names = [hostile.name for hostile in (*HOSTILE, *PLANTED)]
    assert len(set(names)) == len(names)
    assert all(DeliveryLocation(studio=STUDIO, delivery_id="d").file(name) for name in names)
