"""What becomes of a bucket's objects over the years, as lifecycle rules."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from lambdas.common.dispositions import TAG, Disposition
from lambdas.common.keys import CHECKS_PREFIX, INVENTORY_PREFIX, WORK_PREFIX
from stacks.settings import StorageSettings


def upkeep(
    storage: StorageSettings, *, keep_old_versions: bool = False, takes_deliveries: bool = False
) -> s3.LifecycleRule:
    """Return the rule that every bucket has: uploads that nobody finished, markers of nothing, versions replaced.

    Parameters
    ----------
    keep_old_versions
        For a bucket whose objects are referred to by their version: what was replaced may still be in use.
    takes_deliveries
        For a bucket that studios upload to: an upload of theirs may take weeks, and S3 counts from its beginning.
    """
    return s3.LifecycleRule(
        id="StaleUploads" if keep_old_versions else "OldVersionsAndStaleUploads",
        noncurrent_version_expiration=None if keep_old_versions else Duration.days(storage.noncurrent_expiry_days),
        abort_incomplete_multipart_upload_after=Duration.days(
            storage.abort_delivery_days if takes_deliveries else storage.abort_upload_days
        ),
        expired_object_delete_marker=True,
    )


def raw_sources(storage: StorageSettings) -> tuple[s3.LifecycleRule, ...]:
    """Return the rules of delivered files: sources are archived, and only what ingestion has turned away expires.

    Noncurrent versions are archived as current ones are: a version of a title may have been made from one.
    """
    archive = (
        (s3.StorageClass.GLACIER, storage.raw_to_glacier_days),
        (s3.StorageClass.DEEP_ARCHIVE, storage.raw_to_deep_archive_days),
    )
    return (
        s3.LifecycleRule(
            id="RawSourceArchive",
            transitions=[
                s3.Transition(storage_class=where, transition_after=Duration.days(days)) for where, days in archive
            ],
            noncurrent_version_transitions=[
                s3.NoncurrentVersionTransition(storage_class=where, transition_after=Duration.days(days))
                for where, days in archive
            ],
        ),
        _turned_away(Disposition.REJECTED, days=storage.rejected_expiry_days),
        _turned_away(Disposition.DUPLICATE, days=storage.duplicate_expiry_days),
    )


def mezzanines(storage: StorageSettings) -> tuple[s3.LifecycleRule, ...]:
    """Return the rules of derived files: what is kept is tiered, and the artefacts of encoding go soon."""
    return (
        s3.LifecycleRule(
            id="MezzanineTransition",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                    transition_after=Duration.days(storage.mezzanine_to_intelligent_tiering_days),
                )
            ],
        ),
        s3.LifecycleRule(
            id="WorkExpires",
            prefix=WORK_PREFIX,
            expiration=Duration.days(storage.work_expiry_days),
            # Expiring makes an old version of it; without this its bytes would be kept as long as any old version.
            noncurrent_version_expiration=Duration.days(1),
        ),
    )


def reports(storage: StorageSettings) -> tuple[s3.LifecycleRule, ...]:
    """Return the rules of the reports bucket: an inventory is replaced daily, a check's report is evidence."""
    return (
        s3.LifecycleRule(
            id="InventoriesExpire",
            prefix=f"{INVENTORY_PREFIX}/",
            expiration=Duration.days(storage.inventory_expiry_days),
        ),
        s3.LifecycleRule(
            id="CheckReportsExpire", prefix=CHECKS_PREFIX, expiration=Duration.days(storage.check_report_expiry_days)
        ),
    )


def _turned_away(disposition: Disposition, *, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=f"{disposition.value.title()}Expires",
        tag_filters={TAG: disposition.value},
        expiration=Duration.days(days),
        # Expired or replaced, it is nobody's any more; more days here would be added to those above.
        noncurrent_version_expiration=Duration.days(1),
    )
