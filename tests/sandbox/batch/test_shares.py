"""Queues with a scheduling policy: shares, priorities within a share, and what such a queue refuses."""

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.batch.resources import definition, environment, queue

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def farm(deploy):
    """A queue of one processor with a policy of two shares, one without a policy, and a job of one processor."""
    shared = {"SchedulingPolicyArn": {"Fn::GetAtt": ["Policy", "Arn"]}}
    return deploy(
        {
            "Compute": environment("FARGATE_SPOT", 1),
            "Policy": {
                "Type": "AWS::Batch::SchedulingPolicy",
                "Properties": {
                    "FairsharePolicy": {
                        "ShareDistribution": [
                            {"ShareIdentifier": "film", "WeightFactor": 1},
                            {"ShareIdentifier": "trailer*", "WeightFactor": 1},
                        ]
                    }
                },
            },
            "Shared": queue("Compute", **shared),
            "Plain": queue("Compute"),
            "Definition": definition(vcpus="1"),
        },
        {name: {"Ref": name} for name in ("Shared", "Plain", "Definition")},
    )


@pytest.fixture(scope="module")
def submit(aws, farm):
    def start(name, script="true", *, to="Shared", **options):
        return aws("batch").submit_job(
            jobName=name,
            jobQueue=farm[to],
            jobDefinition=farm["Definition"],
            containerOverrides={"command": [script]},
            **options,
        )["jobId"]

    return start


@pytest.fixture
def in_order(aws, submit, eventually, tmp_path):
    """Submits jobs while the queue is taken, and returns their names in the order in which they started."""

    def run(*jobs):
        gate = tmp_path / "gate"
        wait = f"until test -e {gate}; do sleep 0.05; done"
        blocker = submit("blocker", wait, shareIdentifier="film", schedulingPriorityOverride=0)
        describe = aws("batch").describe_jobs
        eventually(lambda: describe(jobs=[blocker])["jobs"][0]["status"] == "RUNNING")
        ids = [submit(name, **options) for name, options in jobs]
        eventually(lambda: {job["status"] for job in describe(jobs=ids)["jobs"]} == {"RUNNABLE"})
        gate.touch()
        eventually(lambda: {job["status"] for job in describe(jobs=ids)["jobs"]} == {"SUCCEEDED"})
        started = sorted(describe(jobs=ids)["jobs"], key=lambda job: job["startedAt"])
        return [job["jobName"] for job in started]

    return run


def _of(share, priority):
    return {"shareIdentifier": share, "schedulingPriorityOverride": priority}


def test_within_a_share_the_higher_priority_is_first_and_equals_keep_their_order(in_order):
    jobs = [("a", 10), ("b", 100), ("c", 10), ("d", 100)]
    assert in_order(*((name, _of("film", priority)) for name, priority in jobs)) == ["b", "d", "a", "c"]


def test_a_priority_counts_for_nothing_beside_another_share(in_order):
    # Nothing runs when the next is chosen, so neither share has used more: the one that waits longer is first.
    assert in_order(("old", _of("trailer1", 0)), ("urgent", _of("film", 100))) == ["old", "urgent"]


@pytest.mark.parametrize(
    ("to", "options", "complaint"),
    [
        ("Shared", {}, "shareIdentifier is required"),
        ("Shared", {"shareIdentifier": "film"}, "schedulingPriorityOverride should be specified"),
        ("Shared", _of("film", 10_000), "from 0 to 9999"),
        ("Plain", _of("film", 1), "need a JobQueue with a scheduling policy"),
    ],
)
def test_a_submission_that_does_not_fit_its_queue_is_refused(submit, to, options, complaint):
    with pytest.raises(ClientError, match=complaint):
        submit("job", to=to, **options)
