import pytest

from lambdas.storage.archive import Held
from lambdas.storage.models import Checksum
from lambdas.storage.verification import Outcome, verdict, verified

CHECKSUM = Checksum(algorithm="CRC64NVME", value="abc=", whole=True)
HELD = Held(
    version_id="v1",
    size_bytes=10,
    etag="e",
    storage_class="STANDARD",
    restore=None,
    checksum=CHECKSUM,
    replication_status="COMPLETED",
)


@pytest.mark.parametrize(
    ("source", "replica", "outcome"),
    [
        (HELD, HELD, Outcome.SAME),
        (HELD, HELD._replace(etag="of another key", storage_class="GLACIER"), Outcome.SAME),
        (HELD, None, Outcome.MISSING),
        (None, HELD, Outcome.GONE),
        (HELD, HELD._replace(size_bytes=11), Outcome.DIFFERENT),
        (HELD, HELD._replace(checksum=CHECKSUM.model_copy(update={"value": "abd="})), Outcome.DIFFERENT),
        (HELD, HELD._replace(checksum=CHECKSUM.model_copy(update={"whole": False})), Outcome.DIFFERENT),
        (HELD._replace(checksum=None), HELD, Outcome.UNPROVEN),
        (HELD._replace(checksum=None), HELD._replace(size_bytes=11), Outcome.DIFFERENT),
    ],
)
def test_what_two_regions_answers_mean(source, replica, outcome):
    assert verdict(key="k", version_id="v1", source=source, replica=replica).outcome is outcome


def test_only_faults_are_counted_as_such():
    outcomes = [
        verdict(key="k", version_id="v", source=source, replica=replica)
        for source, replica in ((HELD, HELD), (None, HELD), (HELD, None), (HELD, HELD._replace(size_bytes=1)))
    ]
    report = verified(outcomes, seed="2026-11")
    assert (report.sampled, report.faults) == (4, 2)
