"""The two checks of a bucket against its replica: a sample's checksums, and the whole of both inventories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from lambdas.common.dispositions import EXPIRING, TAG
from lambdas.common.errors import NotFoundError
from lambdas.common.media import ObjectRef
from lambdas.storage.archive import held, tags
from lambdas.storage.comparing import Comparison, Difference, compare, confirmed
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


def inventories(pair: ReplicaPair) -> Inventories:
    """Return the newest inventories of a pair.

    Raises
    ------
    NotFoundError
        If there is none of one of them: S3 writes the first within two days, and after that it is a fault.
    """
    return Inventories(
        _newest(pair.bucket, reports=pair.reports, region=pair.region),
        _newest(pair.replica, reports=pair.replica_reports, region=pair.replica_region),
    )


def _newest(bucket: str, *, reports: str, region: str) -> Inventory:
    found = Inventory.newest(bucket=bucket, reports=reports, region=region)
    if found is None:
        raise NotFoundError(f"no inventory of {bucket} in {reports}: nothing can be said of its objects")
    return found


def compare_all(pair: ReplicaPair, found: Inventories, *, lag: timedelta) -> Comparison:
    """Compare both inventories, row by row, and look again at what the replica seems to lack."""
    with in_order(found.source.rows()) as source, in_order(found.replica.rows()) as replica:
        compared = compare(source, replica, before=found.before(lag), gathers=pair.gathers)

    def excuse(difference: Difference) -> str:
        ref = ObjectRef(bucket=pair.bucket, key=difference.key, version_id=difference.version_id or None)
        return _why_gone(tags(ref, region=pair.region))

    return confirmed(compared, excuse=excuse)


def _why_gone(tagged: Mapping[str, str] | None) -> str:
    """Return why a replica may lack an object whose source has these tags, or is gone; nothing if it must be there."""
    if tagged is None:
        return "gone at the source too"
    disposition = tagged.get(TAG)
    return f"tagged {disposition}: it expires" if disposition in EXPIRING else ""


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
