from datetime import UTC, datetime, timedelta

import pytest

from lambdas.encoding import spot_handlers
from lambdas.encoding.environment import LeaveSpotEnvironment
from lambdas.encoding.retries import FailureKind, cause_of
from lambdas.encoding.spot_handlers import leave_spot

QUEUE = "arn:of:the:encoding-queue"


class Batch:
    """AWS Batch, as far as it is asked: jobs that wait, by name, and what their parameters are."""

    def __init__(self, jobs):
        self.jobs, self.cancelled = jobs, {}

    def get_paginator(self, name):
        assert name == "list_jobs"
        return self

    def paginate(self, *, jobQueue, jobStatus, PaginationConfig):  # noqa: N803 - boto's names
        assert (jobQueue, jobStatus) == (QUEUE, "RUNNABLE")
        names = list(self.jobs)[: PaginationConfig["MaxItems"]]
        for first in range(0, len(names), 150):
            yield {"jobSummaryList": [{"jobId": f"id-{name}"} for name in names[first : first + 150]]}

    def describe_jobs(self, *, jobs):
        assert 0 < len(jobs) <= 100
        names = [job.removeprefix("id-") for job in jobs]
        return {"jobs": [{"jobId": f"id-{name}", "jobName": name, "parameters": self.jobs[name]} for name in names]}

    def cancel_job(self, *, jobId, reason):  # noqa: N803 - the same
        self.cancelled[jobId] = reason


@pytest.fixture
def look(deployed, context, monkeypatch):
    deployed(LeaveSpotEnvironment(encoding_queue=QUEUE))

    def look(jobs):
        batch = Batch(jobs)
        monkeypatch.setattr(spot_handlers, "client", lambda _: batch)
        return leave_spot({}, context)["moved"], batch.cancelled

    return look


def until(**distance):
    return {"spot_until": (datetime.now(UTC) + timedelta(**distance)).isoformat()}


def test_only_what_cannot_wait_any_longer_is_moved(look):
    jobs = {
        "late": until(seconds=-1),
        "early": until(minutes=5),
        "silent": {},
        "never": {"spot_until": "9999-12-31T00:00:00Z"},
    }
    moved, cancelled = look(jobs)
    assert moved == ["late"]
    [(job, reason)] = cancelled.items()
    assert job == "id-late"
    cause = f'{{"JobName": "a", "JobId": "b", "StatusReason": "{reason}", "IsCancelled": true}}'
    assert cause_of("States.TaskFailed", cause) is FailureKind.LATE


def test_a_long_queue_is_looked_at_page_by_page(look):
    moved, _ = look({f"job-{number}": until(seconds=-1) for number in range(420)})
    assert len(moved) == 420


def test_where_nothing_waits_nothing_happens(look):
    assert look({}) == ([], {})
