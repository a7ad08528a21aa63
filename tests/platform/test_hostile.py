"""What no studio should send, sent all at once to the deployed platform: each delivery ends as it has to.

`tests/hostile` holds every rule, by the same code. Here is each way through the deployed states: every manifest, every
file that is made of one good film or of none, and a defect of each verdict.
"""

import pytest

from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation
from lambdas.common.qc import Verdict
from tests.hostile.conftest import workshop  # noqa: F401 - a fixture
from tests.hostile.deliveries import GOOD, HOSTILE, PLANTED, clips_of

pytestmark = pytest.mark.embedded

SENT = tuple(hostile for hostile in HOSTILE if {*hostile.clips} <= {GOOD})
DEFECTS = tuple({hostile.state: hostile for hostile in PLANTED}.values())
EVERY = (*SENT, *DEFECTS)
STUDIO = "blender"


@pytest.fixture(scope="module")
def versions(platform, workshop, nothing_is_encoded):  # noqa: F811 - the fixture
    """All of them, on their way; by the names of their deliveries, their versions."""
    workshop.render(clips_of(EVERY))
    s3, bucket = platform.client("s3"), platform.output("ingestion", "RawBucket")
    for hostile in EVERY:
        built = hostile.build(workshop, studio=STUDIO)
        for name, content in {**built.files, MANIFEST_NAME: built.manifest}.items():
            s3.put_object(Bucket=bucket, Key=f"{STUDIO}/{hostile.name}/{name}", Body=content)
    return {
        hostile.name: platform.version_of(DeliveryLocation(studio=STUDIO, delivery_id=hostile.name))
        for hostile in EVERY
    }


def _findings(platform, version):
    event = platform.bus.event("DeliveryRejected", version_id=version)
    return {(finding["code"], finding["subject"]) for finding in event["findings"]}


@pytest.mark.parametrize("hostile", SENT, ids=lambda hostile: hostile.name)
def test_a_hostile_delivery_ends_where_it_has_to(platform, versions, hostile):
    version = versions[hostile.name]
    if hostile.state == "accepted":
        platform.bus.event("SourceAccepted", version_id=version)
    else:
        assert _findings(platform, version) == set(hostile.findings)
    assert platform.ended("ingestion", version)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("hostile", DEFECTS, ids=lambda hostile: hostile.name)
def test_a_planted_defect_is_found_at_its_frames(platform, versions, hostile):
    version, planted = versions[hostile.name], hostile.planted
    judged = platform.bus.event("QualityJudged", version_id=version)
    assert judged["verdict"] == planted.verdict
    check = next(check for check in judged["checks"] if check["check"] == planted.check)
    assert check["verdict"] == planted.verdict
    if planted.frames:
        first = check["at"][0]
        assert (first["first_frame"], first["last_frame"]) == pytest.approx(planted.frames, abs=1)
    match planted.verdict:
        case Verdict.FAIL:
            assert {code for code, _ in _findings(platform, version)} == {f"QC_{planted.check.upper()}"}
            assert platform.ended("ingestion", version)["status"] == "SUCCEEDED"
        case Verdict.REVIEW:
            platform.bus.event("ReviewRequested", version_id=version)
        case Verdict.PASS:
            platform.bus.event("SourceAccepted", version_id=version)


def test_none_of_them_is_a_failure_of_ours(platform, versions):
    failed = platform.bus.matching(lambda event: event["detail-type"] == "PipelineFailed")
    assert not {event["detail"]["version_id"] for event in failed} & set(versions.values())
