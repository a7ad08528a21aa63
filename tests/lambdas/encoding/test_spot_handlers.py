from datetime import UTC, datetime, timedelta

import pytest

from lambdas.encoding import farm_queues, spot_handlers
from lambdas.encoding.environment import LeaveSpotEnvironment
from lambdas.encoding.retries import FailureKind, cause_of
from lambdas.encoding.spot_handlers import leave_spot
from tests.lambdas.calls import watched

QUEUE = "arn:of:the:encoding-queue"


class Batch:
    """AWS Batch, as far as it is asked: jobs that wait, by name, and what their parameters are.

    What is cancelled stays in the queue, as on AWS until it is at the head.
    """

    def __init__(self, jobs):
        self.jobs, self.cancelled, self.described = jobs, {}, 0

    def get_paginator(self, name):
        assert name == "list_jobs"
        return self

    def paginate(self, *, jobQueue, jobStatus):  # noqa: N803 - boto's names
        assert (jobQueue, jobStatus) == (QUEUE, "RUNNABLE")
        names = list(self.jobs)
        for first in range(0, len(names), 150):
            yield {"jobSummaryList": [{"jobId": f"id-{name}"} for name in names[first : first + 150]]}

    def describe_jobs(self, *, jobs):
        assert 0 < len(jobs) <= 100
        self.described += len(jobs)
        names = [job.removeprefix("id-") for job in jobs]
        return {
            "jobs": [
                {
                    "jobId": f"id-{name}",
                    "jobName": name,
                    "parameters": self.jobs[name],
                    "isCancelled": f"id-{name}" in self.cancelled,
                }
                for name in names
            ]
        }

    def cancel_job(self, *, jobId, reason):  # noqa: N803 - the same
        assert jobId not in self.cancelled, "once is enough"
        self.cancelled[jobId] = reason


@pytest.fixture
def look(deployed, context, monkeypatch):
    deployed(LeaveSpotEnvironment(encoding_queue=QUEUE))

    def look(jobs):
        batch = jobs if isinstance(jobs, Batch) else Batch(jobs)
        for module in (spot_handlers, farm_queues):
            monkeypatch.setattr(module, "client", lambda service: watched(service, batch))
        return leave_spot({}, context)["moved"], batch.cancelled

    return look


@pytest.fixture
def warnings(monkeypatch):
    """What the function warned of."""
    found = []
    monkeypatch.setattr(spot_handlers.logger, "warning", lambda message, *, extra: found.append((message, extra)))
    return found


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


def test_late_jobs_behind_thousands_that_may_wait_are_found(look, warnings):
    moved, _ = look({f"early-{number}": until(hours=1) for number in range(2_500)} | {"late": until(seconds=-1)})
    assert (moved, warnings) == (["late"], [])


def test_what_was_cancelled_is_not_cancelled_again_and_the_next_round_gets_further(look, warnings, monkeypatch):
    monkeypatch.setattr(spot_handlers, "_MOST_CANCELLED", 150)
    batch = Batch({f"job-{number}": until(seconds=-1) for number in range(250)})
    first, _ = look(batch)
    assert len(first) == 150
    assert warnings == [("not all that wait were looked at", {"looked_at": 150, "cancelled": 150})]
    second, cancelled = look(batch)
    assert (len(second), len(cancelled), len(warnings)) == (100, 250, 1)


def test_a_round_looks_only_at_so_many_and_says_so(look, warnings, monkeypatch):
    monkeypatch.setattr(spot_handlers, "_MOST_LOOKED_AT", 120)
    moved, _ = look({f"early-{number}": until(hours=1) for number in range(120)} | {"late": until(seconds=-1)})
    assert moved == []
    assert warnings == [("not all that wait were looked at", {"looked_at": 120, "cancelled": 0})]


def test_a_round_ends_before_the_functions_time_does(look, warnings, context):
    left = iter(range(60_000, 0, -1_000))
    context.get_remaining_time_in_millis = lambda: next(left)
    batch = Batch({f"job-{number}": until(seconds=-1) for number in range(500)})
    moved, cancelled = look(batch)
    assert len(moved) == len(cancelled) == 41
    assert batch.described == 100, "nothing is asked for that is not looked at"
    assert warnings == [("not all that wait were looked at", {"looked_at": 41, "cancelled": 41})]


def test_where_nothing_waits_nothing_happens(look):
    assert look({}) == ([], {})
