"""AWS Batch and ECS as the farm's functions ask them: boto's own clients, answered from a list of jobs."""

import json
from datetime import timedelta
from types import SimpleNamespace

from botocore.exceptions import EndpointConnectionError

from lambdas.common.aws import client

PAGE = 2
"""Jobs that a list gives at a time."""


def milliseconds(moment):
    return int(moment.timestamp() * 1000)


class Batch:
    """Jobs in queues, by their ARNs, and what was asked of them."""

    def __init__(self):
        self.jobs, self.tasks, self.ended, self.described = [], {}, [], []
        self.is_away = False
        self._hooks = []
        for service, operation, answer in (
            ("batch", "ListJobs", self._list),
            ("batch", "DescribeJobs", self._describe),
            ("batch", "TerminateJob", self._terminate),
            ("ecs", "DescribeTasks", self._describe_tasks),
        ):
            self._hook(service, operation, answer)

    def close(self):
        for events, name, hook in self._hooks:
            events.unregister(name, hook)

    def add(
        self, name, status, *, queue, created, started=None, stopped=None, reason=None, priority=10, exit_code=None
    ):
        """Put a job into a queue; moments are datetimes. Return its id."""
        job_id = f"job-{len(self.jobs)}"
        attempt = {} if exit_code is None else {"exitCode": exit_code}
        job = {
            "jobId": job_id,
            "jobName": name,
            "jobQueue": queue,
            "status": status,
            "statusReason": reason,
            "createdAt": milliseconds(created),
            "startedAt": started and milliseconds(started),
            "stoppedAt": stopped and milliseconds(stopped),
            "schedulingPriority": priority,
            "container": {
                "resourceRequirements": [{"type": "MEMORY", "value": "4096"}],
                "logStreamName": "log",
                **attempt,
            },
            "attempts": [{"container": {"logStreamName": "log", **attempt}}] if stopped else [],
            "isTerminated": bool(reason and reason.startswith("marquee: stuck")),
        }
        self.jobs.append({key: value for key, value in job.items() if value is not None})
        return job_id

    def make_task(self, job_id, *, at, cluster="cluster"):
        """Give a job an ECS task, made at a moment."""
        arn = f"arn:aws:ecs:us-east-1:123456789012:task/{cluster}/{job_id}"
        [job] = [job for job in self.jobs if job["jobId"] == job_id]
        job["container"]["taskArn"] = arn
        self.tasks[arn] = at

    def _hook(self, service, operation, answer):
        def hook(params, **_):
            if self.is_away:
                raise EndpointConnectionError(endpoint_url=f"https://{service}")
            return SimpleNamespace(status_code=200), answer(json.loads(params["body"]))

        events, name = client(service).meta.events, f"before-call.{service}.{operation}"
        events.register(name, hook)
        self._hooks.append((events, name, hook))

    def _list(self, asked):
        found = [job for job in self.jobs if job["jobQueue"] == asked["jobQueue"]]
        if "filters" in asked:
            [wanted] = asked["filters"]
            found = [job for job in found if job["jobName"] in wanted["values"]]
        else:
            found = [job for job in found if job["status"] == asked["jobStatus"]]
        first = int(asked.get("nextToken", 0))
        rest = {"nextToken": str(first + PAGE)} if len(found) > first + PAGE else {}
        return {"jobSummaryList": found[first : first + PAGE], **rest}

    def _describe(self, asked):
        assert len(asked["jobs"]) <= 100
        self.described.append(asked["jobs"])
        return {"jobs": [job for job in self.jobs if job["jobId"] in asked["jobs"]]}

    def _terminate(self, asked):
        self.ended.append((asked["jobId"], asked["reason"]))
        return {}

    def _describe_tasks(self, asked):
        mine = [arn for arn in asked["tasks"] if f"/{asked['cluster']}/" in arn]
        assert mine == asked["tasks"]
        return {"tasks": [{"taskArn": arn, "createdAt": self.tasks[arn]} for arn in mine if arn in self.tasks]}


def ago(now, **span):
    return now - timedelta(**span)


class JobLists:
    """AWS Batch's lists: so many jobs of each queue and status, a hundred a page."""

    def __init__(self):
        self.jobs, self.pages = {}, 0

    def get_paginator(self, operation):
        assert operation == "list_jobs"
        return SimpleNamespace(paginate=self.paginate)

    def paginate(self, *, jobQueue, jobStatus):  # noqa: N803 - boto's names
        left = self.jobs.get((jobQueue, jobStatus), 0)
        while True:
            self.pages += 1
            yield {"jobSummaryList": [{"jobId": "j"}] * min(left, 100)}
            left -= 100
            if left <= 0:
                return
