"""The two checks of a bucket against its replica: a sample's checksums, and the whole of both inventories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from lambdas.common.media import ObjectRef
from lambdas.storage.archive import held
from lambdas.storage.comparing import Comparison, compare
from lambdas.storage.inventory import Inventory, in_order
from lambdas.storage.models import ReplicaPair
from lambdas.storage.sampling import sample
from lambdas.storage.verification import Verification, verdict, verified

OLDEST = timedelta(days=3)
"""S3 writes an inventory every day: an older one means that it has stopped to."""


class Inventories(NamedTuple):
    """The newest inventories of a bucket and of its replica."""

    source: Inventory
    replica: Inventory

    def stale(self, *, at: datetime) -> bool:
        """Whether S3 has stopped to write one of them."""
        return at - min(self.source.created_at, self.replica.created_at) > OLDEST

    def before(self, lag: timedelta) -> datetime:
        """Return how old a version must be to stand in both."""
        return min(self.source.created_at, self.replica.created_at) - lag


def inventories(pair: ReplicaPair) -> Inventories | None:
    """Return the inventories of a pair; none, until S3 has written both for the first time."""
    source = Inventory.newest(bucket=pair.bucket, reports=pair.reports, region=pair.region)
    replica = Inventory.newest(bucket=pair.replica, reports=pair.replica_reports, region=pair.replica_region)
    return Inventories(source, replica) if source and replica else None


def compare_all(found: Inventories, *, lag: timedelta) -> Comparison:
    """Compare both inventories, row by row."""
    with in_order(found.source.rows()) as source, in_order(found.replica.rows()) as replica:
        return compare(source, replica, before=found.before(lag))


def verify_sample(pair: ReplicaPair, found: Inventories, *, lag: timedelta, size: int, seed: str) -> Verification:
    """Look at a sample of the source's versions in both regions."""
    drawn = sample(found.source.rows(), size=size, seed=seed, before=found.before(lag))
    verdicts = []
    for row in drawn:
        ours = ObjectRef(bucket=pair.bucket, key=row.key, version_id=row.version_id or None)
        theirs = ours.model_copy(update={"bucket": pair.replica})
        verdicts.append(
            verdict(
                key=row.key,
                version_id=row.version_id,
                source=held(ours, region=pair.region),
                replica=held(theirs, region=pair.replica_region),
            )
        )
    return verified(verdicts, seed=seed)
