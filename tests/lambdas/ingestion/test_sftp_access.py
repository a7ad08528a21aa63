"""What the session policy of a studio reaches, and what it does not."""

import json
from fnmatch import fnmatchcase

import pytest

from lambdas.ingestion.sftp_access import LONGEST_POLICY, home_directory, session_policy

BUCKET = "marquee-production-raw-111122223333-us-east-1"
KEY = "arn:aws:kms:us-east-1:111122223333:key/mrk-0123456789abcdef0123456789abcdef"
NEIGHBOURS = ("acme", "acme-2", "acm", "a", "acme0", "b-acme")


def policy_of(studio):
    return session_policy(studio=studio, bucket=BUCKET, key_arn=KEY, region="us-east-1")


def reaches(policy, resource):
    return [said for said in policy["Statement"] if fnmatchcase(resource, said["Resource"])]


@pytest.mark.parametrize("studio", NEIGHBOURS)
@pytest.mark.parametrize("owner", NEIGHBOURS)
def test_a_studio_reaches_its_own_objects_and_no_neighbours(studio, owner):
    found = reaches(policy_of(studio), f"arn:aws:s3:::{BUCKET}/{owner}/reel-2/film.mov")
    assert bool(found) == (studio == owner)


@pytest.mark.parametrize("studio", NEIGHBOURS)
@pytest.mark.parametrize("owner", NEIGHBOURS)
def test_a_studio_lists_its_own_folder_and_no_neighbours(studio, owner):
    [listing] = reaches(policy_of(studio), f"arn:aws:s3:::{BUCKET}")
    [allowed] = listing["Condition"]["StringLike"].values()
    assert fnmatchcase(f"{owner}/", allowed) == (studio == owner)
    assert not fnmatchcase("", allowed)


def test_the_key_is_used_by_way_of_s3_only():
    [using] = reaches(policy_of("acme"), KEY)
    assert using["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def test_no_action_is_a_wildcard_and_everything_is_allowed_by_name():
    for said in policy_of("acme")["Statement"]:
        actions = [said["Action"]] if isinstance(said["Action"], str) else said["Action"]
        assert all("*" not in action for action in actions)
        assert said["Effect"] == "Allow"


def test_the_longest_name_leaves_a_policy_that_transfer_takes():
    assert len(json.dumps(policy_of("x" * 63))) < LONGEST_POLICY


def test_the_root_of_a_studio_is_its_prefix():
    assert home_directory(studio="acme", bucket=BUCKET) == {"Entry": "/", "Target": f"/{BUCKET}/acme"}
