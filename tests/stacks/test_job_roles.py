"""What the jobs of an encode may do: those that decode films of strangers, and those that hold keys."""

from fnmatch import fnmatchcase

import pytest

from lambdas.common.content_keys import encryption_context
from lambdas.common.keys import Analysis, PublishedVersion, Workspace, made
from lambdas.common.media import Tier
from lambdas.encoding.job_ids import JobIds
from tests.lambdas.encoding.test_planning import planned

ENCODER, PACKAGER = "encoding/EncoderRole", "encoding/PackagerRole"
DEFINITIONS = {ENCODER: "encoding/EncodeJob", PACKAGER: "encoding/PackageJob"}
PLAN = planned()
IDS, WORK, RUNG = JobIds(PLAN), Workspace(version_id=PLAN.version_id), PLAN.video[0].rung
ENCODES = (IDS.search, IDS.chunk(RUNG, 0), IDS.audio(PLAN.audio[0].name), IDS.join(RUNG), IDS.score(RUNG))
PACKAGES = (IDS.package, IDS.verify)
WRITTEN = {
    ENCODER: {
        *(WORK.track(job) for job in ENCODES),
        *(WORK.score(job) for job in ENCODES),
        *(WORK.attempt(job, token=7) for job in ENCODES),
        WORK.picture(IDS.score(RUNG), of="source"),
    },
    PACKAGER: {
        *(WORK.package(job) for job in PACKAGES),
        *(WORK.attempt(job, token=7) for job in PACKAGES),
        WORK.faults(IDS.verify),
    },
}
OF_OTHERS = {WORK.plan, WORK.prediction, WORK.jobs, WORK.jobs_again, WORK.inspection, made(PLAN.version_id)}
THUMBNAILS = {Analysis(PLAN.version_id).thumbnails, Analysis(PLAN.version_id).sprite(0)}
ANALYSED = {Analysis(PLAN.version_id).report, Analysis(PLAN.version_id).quality, Analysis(PLAN.version_id).still("a")}


def allowed(declared, role, action, *, bucket):
    """The patterns of the keys of a bucket that a role may do something with."""
    resources = [
        resource
        for statement in declared.granted(declared.at(role))
        if action in statement.actions
        for resource in statement.resources
    ]
    return [key for name, _, key in (resource.partition("/") for resource in resources) if f"-{bucket}-" in name]


def may(declared, role, action, keys, *, bucket="mezzanine"):
    """Those of `keys` of a bucket that a role may do something with."""
    patterns = allowed(declared, role, action, bucket=bucket)
    return {key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)}


@pytest.mark.parametrize(("role", "other"), [(ENCODER, PACKAGER), (PACKAGER, ENCODER)])
def test_jobs_write_their_own_results_and_neither_plans_nor_those_of_the_others(declared, role, other):
    assert may(declared, role, "s3:PutObject", WRITTEN[role]) == WRITTEN[role]
    assert may(declared, role, "s3:PutObject", WRITTEN[other] | OF_OTHERS | THUMBNAILS) == set()
    read = WRITTEN[role] | WRITTEN[ENCODER] | {WORK.plan}
    assert may(declared, role, "s3:GetObject", read) == read


@pytest.mark.parametrize("role", [ENCODER, PACKAGER])
def test_jobs_read_sources_and_change_none(declared, role):
    assert may(declared, role, "s3:GetObject", {PLAN.source.key}, bucket="raw") == {PLAN.source.key}
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert may(declared, role, action, {PLAN.source.key}, bucket="raw") == set()


@pytest.mark.parametrize("role", [ENCODER, PACKAGER])
def test_jobs_claim_what_they_do_in_a_table_and_may_do_nothing_else_there(declared, role):
    actions = {
        action
        for statement in declared.granted(declared.at(role))
        if any("FarmJobs" in resource for resource in statement.resources)
        for action in statement.actions
    }
    assert actions == {"dynamodb:GetItem", "dynamodb:PutItem"}
    definition = declared.at(DEFINITIONS[role])
    variables = {entry["Name"]: entry["Value"] for entry in definition["ContainerProperties"]["Environment"]}
    assert definition.text(variables["ENCODER_JOBS_TABLE"]) == "<encoding/FarmJobs>"
    assert variables["ENCODER_MEMORY_MIB"] == str(declared.settings.encoding.job_memory_mib)


def test_who_decodes_films_of_strangers_holds_no_key_and_reaches_nothing_that_viewers_get(declared):
    region = declared.settings.primary_region
    for statement in declared.granted(declared.at(ENCODER)):
        assert not any("-media-" in resource for resource in statement.resources), statement
        if any(action.startswith("kms:") for action in statement.actions):
            assert statement.condition == {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    assert may(declared, ENCODER, "s3:GetObject", THUMBNAILS | ANALYSED) == set()
    assert allowed(declared, ENCODER, "s3:DeleteObject", bucket="mezzanine") == []


def test_who_packages_writes_what_viewers_get_reads_it_back_and_removes_nothing_but_its_own_report(declared):
    version = PublishedVersion(title_id=PLAN.title_id, version_id=PLAN.version_id)
    published = {version.dash, version.thumbnails, version.poster, version.within("video/1080p/seg_1.m4s")}
    for action in ("s3:PutObject", "s3:GetObject"):
        assert may(declared, PACKAGER, action, published, bucket="media") == published
    assert may(declared, PACKAGER, "s3:DeleteObject", published, bucket="media") == set()
    reports = {WORK.package(IDS.package), WORK.attempt(IDS.package, token=7)}
    everything = WRITTEN[ENCODER] | WRITTEN[PACKAGER] | OF_OTHERS | THUMBNAILS
    assert may(declared, PACKAGER, "s3:DeleteObject", everything) == reports
    assert may(declared, PACKAGER, "s3:GetObject", THUMBNAILS | ANALYSED) == THUMBNAILS


def test_the_two_jobs_differ_in_their_roles_and_in_nothing_else(declared):
    encodes, packages = (declared.at(path) for path in DEFINITIONS.values())
    assert {
        path: declared.at(path).text(declared.at(path)["ContainerProperties"]["JobRoleArn"])
        for path in (DEFINITIONS.values())
    } == {definition: f"<{role}.Arn>" for role, definition in DEFINITIONS.items()}
    assert {**encodes["ContainerProperties"], "JobRoleArn": None} == {
        **packages["ContainerProperties"],
        "JobRoleArn": None,
    }
    for name in ("RetryStrategy", "Timeout", "PlatformCapabilities", "PropagateTags"):
        assert encodes.properties.get(name) == packages.properties.get(name), name


def satisfied(condition, context):
    """Whether KMS, asked with an encryption context, would find these two kinds of conditions met."""
    [names] = condition["ForAllValues:StringEquals"].values()
    likes = condition["StringLike"]
    return set(context) <= set(names) and all(
        any(fnmatchcase(context.get(key.removeprefix("kms:EncryptionContext:"), ""), value) for value in values)
        for key, values in likes.items()
    )


@pytest.mark.parametrize("role", [PACKAGER, "playback/LicenseRole", "playback/IssueKeysRole"])
def test_the_wrapping_key_opens_content_keys_and_nothing_else_that_it_encrypts(declared, role):
    [statement] = [
        statement
        for statement in declared.granted(declared.at(role))
        if statement.actions & {"kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"}
        and "StringEquals" not in statement.condition
    ]
    assert set(statement.condition) == {"ForAllValues:StringEquals", "StringLike"}
    assert set(statement.condition["ForAllValues:StringEquals"]) == {"kms:EncryptionContextKeys"}
    for tier in Tier:
        asked = encryption_context(title_id="big-buck-bunny", tier=tier, key_id="0123456789abcdef" * 2)
        assert satisfied(statement.condition, asked)
        assert not satisfied(statement.condition, asked | {"aws:s3:arn": "arn:aws:s3:::raw"})
        for name in asked:
            assert not satisfied(statement.condition, {key: said for key, said in asked.items() if key != name})
            assert not satisfied(statement.condition, asked | {name: ""})
    assert not satisfied(statement.condition, {})
