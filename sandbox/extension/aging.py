"""Lifecycle rules, applied on demand: what a bucket holds after some days, because no day passes here."""

from collections.abc import Iterator
from typing import Any, Final

from ministack.services import s3

Rule = dict[str, Any]
Version = dict[str, Any]

SMALLEST_TRANSITION: Final = 128 * 1024
"""By default AWS moves no smaller object to another storage class."""


def age(bucket: str, *, days: int, prefix: str = "") -> dict[str, int]:
    """Do to every object of `bucket` below `prefix` what its lifecycle does until it is `days` old.

    An object that is expired becomes an old version on its day, and counts its days as one from there.

    Returns
    -------
    dict
        How many versions were moved, hidden by a delete marker, and deleted; and uploads aborted.
    """
    done = {"moved": 0, "hidden": 0, "deleted": 0, "aborted": 0}
    rules = [rule for rule in s3._bucket_lifecycle.get(bucket, []) if rule["Status"] == "Enabled"]
    for key in [key for name, key in s3._object_versions if name == bucket and key.startswith(prefix)]:
        _expire_current(bucket, key, rules, days=days, done=done)
        for version, old_days in _with_age(bucket, key, days=days):
            _settle(bucket, key, version, rules, old_days=old_days, days=days, done=done)
        _drop_lone_marker(bucket, key, rules)
    _abort_uploads(bucket, rules, days=days, prefix=prefix, done=done)
    return done


def _expire_current(bucket: str, key: str, rules: list[Rule], *, days: int, done: dict[str, int]) -> None:
    newest = s3._object_versions[bucket, key][-1]
    if newest.get("is_delete_marker"):
        return
    due = [rule["Expiration"]["Days"] for rule in _matching(bucket, key, newest, rules) if _expires(rule)]
    if due and min(due) <= days:
        objects = s3._buckets[bucket]["objects"]
        s3._record_delete_marker(bucket, key, objects.get(key))
        objects.pop(key, None)
        newest["hidden_on"] = min(due)
        done["hidden"] += 1


def _with_age(bucket: str, key: str, *, days: int) -> Iterator[tuple[Version, int | None]]:
    """Yield each version with the days since it was replaced; none, if it is the current one."""
    versions = list(s3._object_versions[bucket, key])
    for version in versions:
        if not version.get("is_delete_marker"):
            yield version, None if version is versions[-1] else days - version.pop("hidden_on", 0)


def _settle(
    bucket: str,
    key: str,
    version: Version,
    rules: list[Rule],
    *,
    old_days: int | None,
    days: int,
    done: dict[str, int],
) -> None:
    matching = list(_matching(bucket, key, version, rules))
    if old_days is not None:
        due = [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in matching if _expires_old(rule)]
        if due and min(due) <= old_days:
            s3._delete_object_version(s3._buckets[bucket], bucket, key, version["version_id"])
            done["deleted"] += 1
            return
    steps, field, reached = ("Transitions", "Days", days)
    if old_days is not None:
        steps, field, reached = ("NoncurrentVersionTransitions", "NoncurrentDays", old_days)
    taken = [step for rule in matching for step in rule.get(steps, ()) if step[field] <= reached]
    if taken and version["size"] >= SMALLEST_TRANSITION:
        where = max(taken, key=lambda step: int(step[field]))["StorageClass"]
        done["moved"] += where != version["storage_class"]
        version["storage_class"] = where
        current = s3._buckets[bucket]["objects"].get(key)
        if current is not None and current.get("version_id") == version["version_id"]:
            current["storage_class"] = where


def _drop_lone_marker(bucket: str, key: str, rules: list[Rule]) -> None:
    versions = s3._object_versions.get((bucket, key), [])
    asked = any(rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker") for rule in rules)
    if asked and len(versions) == 1 and versions[0].get("is_delete_marker"):
        s3._delete_object_version(s3._buckets[bucket], bucket, key, versions[0]["version_id"])


def _abort_uploads(bucket: str, rules: list[Rule], *, days: int, prefix: str, done: dict[str, int]) -> None:
    due = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if "AbortIncompleteMultipartUpload" in rule
    ]
    if not due or min(due) > days:
        return
    uploads = [(upload_id, upload) for upload_id, upload in s3._multipart_uploads.items()]
    for upload_id, upload in uploads:
        if upload["bucket"] == bucket and upload["key"].startswith(prefix):
            s3._abort_multipart_upload(bucket, upload["key"], {"uploadId": [upload_id]})
            done["aborted"] += 1


def _matching(bucket: str, key: str, version: Version, rules: list[Rule]) -> Iterator[Rule]:
    tags = s3._object_tags.get((bucket, key, version["version_id"]), {})
    for rule in rules:
        given = rule.get("Filter", {})
        both = given.get("And", given)
        wanted = both.get("Tags", [both["Tag"]] if "Tag" in both else [])
        if key.startswith(both.get("Prefix", "")) and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted):
            yield rule


def _expires(rule: Rule) -> bool:
    return "Days" in rule.get("Expiration", {})


def _expires_old(rule: Rule) -> bool:
    return "NoncurrentDays" in rule.get("NoncurrentVersionExpiration", {})
