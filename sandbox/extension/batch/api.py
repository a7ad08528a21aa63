"""The Batch API: requests in, the scheduler's and the control part's answers out."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import batch

from sandbox.extension.batch import arrays, control
from sandbox.extension.batch.control import BatchError
from sandbox.extension.batch.job import Job
from sandbox.extension.batch.scheduler import Scheduler
from sandbox.extension.pinned import Emulated

Payload = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


class BatchApi:
    """Answers Batch's REST calls."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._actions: dict[str, Callable[[Payload], Payload]] = {
            "createcomputeenvironment": lambda p: _picked(
                control.put_compute_environment(p), "computeEnvironmentName", "computeEnvironmentArn"
            ),
            "deletecomputeenvironment": lambda p: _removed(batch._compute_envs, p["computeEnvironment"]),
            "updatecomputeenvironment": self._update_compute_environment,
            "describecomputeenvironments": lambda p: {
                "computeEnvironments": _selected(batch._compute_envs, p.get("computeEnvironments"))
            },
            "createjobqueue": lambda p: _picked(control.put_job_queue(p), "jobQueueName", "jobQueueArn"),
            "updatejobqueue": self._update_job_queue,
            "deletejobqueue": lambda p: _removed(batch._job_queues, p["jobQueue"]),
            "describejobqueues": lambda p: {"jobQueues": _selected(batch._job_queues, p.get("jobQueues"))},
            "createschedulingpolicy": lambda p: _picked(control.put_scheduling_policy(p), "name", "arn"),
            "deleteschedulingpolicy": lambda p: _removed(control.scheduling_policies, p["arn"]),
            "describeschedulingpolicies": lambda p: {
                "schedulingPolicies": _selected(control.scheduling_policies, p.get("arns"))
            },
            "registerjobdefinition": lambda p: _picked(
                control.register_job_definition(p), "jobDefinitionName", "jobDefinitionArn", "revision"
            ),
            "deregisterjobdefinition": self._deregister_job_definition,
            "describejobdefinitions": self._describe_job_definitions,
            "submitjob": self.submit,
            "describejobs": self._describe_jobs,
            "listjobs": self._list_jobs,
            "terminatejob": lambda p: self._ended(self._scheduler.terminate, p),
            "canceljob": lambda p: self._ended(self._scheduler.cancel, p),
        }

    def handler(self, stock: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        """An ASGI-side request handler; what it does not know goes to the emulator's own."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> Response:
            action = self._actions.get(unquote(path).rstrip("/").removeprefix("/v1/").lower())
            if action is None or method != "POST":
                return await stock(method, path, headers, body, query)
            try:
                return _answer(200, action(json.loads(body or b"{}")))
            except BatchError as error:
                return _answer(400, {"message": str(error)}, error="ClientException")
            except KeyError as error:
                return _answer(400, {"message": f"{error.args[0]} is required"}, error="ClientException")

        return handle

    def submit(self, payload: Payload) -> Payload:
        """SubmitJob."""
        if payload.get("nodeOverrides"):
            raise BatchError("The local scheduler runs no jobs of several nodes")
        queue = control.find_job_queue(payload["jobQueue"])
        if queue["state"] != "ENABLED":
            raise BatchError(f"JobQueue {queue['jobQueueName']} is disabled")
        definition = control.find_job_definition(payload["jobDefinition"])
        control.check_share(payload, queue=queue, definition=definition)
        size = arrays.array_size(payload)
        dependencies = payload.get("dependsOn") or []
        arrays.check_dependencies(dependencies, size=size, find=self._scheduler.find)
        timeout = {**definition.get("timeout", {}), **(payload.get("timeout") or {})}
        job_id = str(uuid4())
        job = Job(
            account=get_account_id(),
            region=get_region(),
            job_id=job_id,
            arn=control.arn("job", job_id),
            name=payload["jobName"],
            queue_name=queue["jobQueueName"],
            queue_arn=queue["jobQueueArn"],
            definition_arn=definition["jobDefinitionArn"],
            definition_name=definition["jobDefinitionName"],
            container=_overridden(definition["containerProperties"], payload.get("containerOverrides") or {}),
            parameters={**definition["parameters"], **(payload.get("parameters") or {})},
            retry_strategy=payload.get("retryStrategy") or definition["retryStrategy"],
            timeout_seconds=int(timeout["attemptDurationSeconds"]) if timeout else None,
            depends_on=[entry["jobId"] for entry in dependencies if "jobId" in entry],
            tags=payload.get("tags") or {},
            scheduling_priority=int(
                payload.get("schedulingPriorityOverride") or definition.get("schedulingPriority") or 0
            ),
            share_identifier=payload.get("shareIdentifier"),
            array_size=size,
        )
        self._scheduler.submit(arrays.with_children(job, dependencies))
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job.job_id}

    def _mine(self) -> list[Job]:
        scope = (get_account_id(), get_region())
        return [job for job in self._scheduler.jobs() if (job.account, job.region) == scope]

    def _describe_jobs(self, payload: Payload) -> Payload:
        wanted = {control.name_of(reference) for reference in payload["jobs"]}
        return {"jobs": [self._scheduler.detail(job.job_id) for job in self._mine() if job.job_id in wanted]}

    def _list_jobs(self, payload: Payload) -> Payload:
        if array := payload.get("arrayJobId"):
            jobs = [job for job in self._mine() if job.parent_id == control.name_of(array)]
        else:
            queue = control.find_job_queue(payload["jobQueue"])["jobQueueName"]
            jobs = [job for job in self._mine() if job.queue_name == queue and job.parent_id is None]
        filters = {entry["name"]: entry["values"] for entry in payload.get("filters") or []}
        if "JOB_NAME" in filters:
            jobs = [job for job in jobs if any(_named(job.name, wanted) for wanted in filters["JOB_NAME"])]
        else:
            # As on AWS, the answer without a filter is what runs now.
            status = payload.get("jobStatus", "RUNNING")
            jobs = [job for job in jobs if job.status == status]
        return {"jobSummaryList": [job.summary() for job in reversed(jobs)]}

    def _ended(self, end: Callable[..., None], payload: Payload) -> Payload:
        end(control.name_of(payload["jobId"]), reason=payload["reason"])
        return {}

    def _update_job_queue(self, payload: Payload) -> Payload:
        record = control.find_job_queue(payload["jobQueue"])
        control.check_time_limits(payload)
        record |= {key: value for key, value in payload.items() if key != "jobQueue"}
        self._scheduler.look_again()
        return _picked(record, "jobQueueName", "jobQueueArn")

    def _update_compute_environment(self, payload: Payload) -> Payload:
        record = control.find_compute_environment(payload["computeEnvironment"])
        resources = record["computeResources"] | (payload.get("computeResources") or {})
        record |= {"state": payload.get("state", record["state"]), "computeResources": resources}
        self._scheduler.look_again()
        return _picked(record, "computeEnvironmentName", "computeEnvironmentArn")

    def _deregister_job_definition(self, payload: Payload) -> Payload:
        control.find_job_definition(payload["jobDefinition"])["status"] = "INACTIVE"
        return {}

    def _describe_job_definitions(self, payload: Payload) -> Payload:
        references = payload.get("jobDefinitions")
        if references:
            return {"jobDefinitions": [control.find_job_definition(reference) for reference in references]}
        every = [entry for revisions in batch._job_definitions.values() for entry in revisions]
        name, status = payload.get("jobDefinitionName"), payload.get("status")
        return {
            "jobDefinitions": [
                entry
                for entry in every
                if name in {None, entry["jobDefinitionName"]} and status in {None, entry["status"]}
            ]
        }


def _overridden(container: Payload, overrides: Payload) -> Payload:
    """A job definition's container with a submission's overrides merged in, by name where entries have one."""
    merged = container | {name: overrides[name] for name in ("command", "vcpus", "memory") if name in overrides}
    for key, identity in (("environment", "name"), ("resourceRequirements", "type")):
        entries: dict[str, Payload] = {entry[identity]: entry for entry in container.get(key) or []}
        entries |= {entry[identity]: entry for entry in overrides.get(key) or []}
        merged[key] = list(entries.values())
    return merged


def _picked(record: Payload, *keys: str) -> Payload:
    return {key: record[key] for key in keys}


def _selected(store: Emulated, references: list[str] | None) -> list[Payload]:
    if not references:
        return list(store.values())
    return [store[name] for name in map(control.name_of, references) if name in store]


def _removed(store: Emulated, reference: str) -> Payload:
    store.pop(control.name_of(reference), None)
    return {}


def _answer(status: int, body: Payload, *, error: str | None = None) -> Response:
    headers = {"Content-Type": "application/json"}
    if error is not None:
        headers["x-amzn-ErrorType"] = error
    return status, headers, json.dumps(body).encode()


def _named(name: str, wanted: str) -> bool:
    """Whether a job's name is what a filter wants: case is nothing, and an asterisk at the end is any ending."""
    name, wanted = name.lower(), wanted.lower()
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
