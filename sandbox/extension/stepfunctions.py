"""Step Functions: Batch jobs as tasks, idempotent starts, and a stop that really stops.

``batch:submitJob`` and ``batch:submitJob.sync`` answer as AWS does: on success the job's detail with PascalCase
keys, on failure ``States.TaskFailed`` whose cause is that detail as a JSON string.
"""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from ministack.services import stepfunctions

from sandbox.extension import task_tokens
from sandbox.extension.batch import BatchApi, Scheduler
from sandbox.extension.batch.control import BatchError
from sandbox.extension.batch.shapes import to_camel, to_pascal
from sandbox.extension.pinned import Emulated, Patch, applied, patch
from sandbox.extension.state_tasks import Execution, ExecutionStoppedError, Task, current

_SUBMIT_JOB: Final = "arn:aws:states:::batch:submitJob"


def apply(*, scheduler: Scheduler, api: BatchApi) -> None:
    """Install the Batch integration and the corrections."""
    _follow_executions()
    _end_siblings()
    _keep_final_status()
    _make_start_idempotent()
    task_tokens.apply()
    stepfunctions._SERVICE_DISPATCH[_SUBMIT_JOB] = _batch_integration(scheduler=scheduler, api=api)
    applied.append(Patch(target="stepfunctions batch:submitJob(.sync)", why="Stock has no Batch integration"))


def _batch_integration(*, scheduler: Scheduler, api: BatchApi) -> Callable[[str, dict[str, Any]], Any]:
    def submit_job(resource: str, parameters: dict[str, Any]) -> Emulated:
        task = current.get()
        payload = to_camel(parameters)
        # Step Functions marks the jobs it starts in this way.
        overrides = payload.setdefault("containerOverrides", {})
        overrides["environment"] = [
            *overrides.get("environment", []),
            {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"},
        ]
        try:
            submitted = api.submit(payload)
        except BatchError as error:
            raise stepfunctions._ExecutionError("Batch.ClientException", str(error)) from error
        if not resource.endswith(".sync"):
            return to_pascal(submitted)
        job_id = submitted["jobId"]
        detail = scheduler.wait(job_id, until=lambda: task.stopped or task.timed_out)
        if task.stopped:
            scheduler.terminate(job_id, reason="Step Functions execution stopped")
            raise ExecutionStoppedError
        if task.timed_out and detail["status"] not in {"SUCCEEDED", "FAILED"}:
            scheduler.terminate(job_id, reason="Step Functions task timed out")
            raise stepfunctions._ExecutionError("States.Timeout", "The task did not end within TimeoutSeconds")
        if detail["status"] == "FAILED":
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(to_pascal(detail)))
        return to_pascal(detail)

    return submit_job


def _follow_executions() -> None:
    """Let a task know its execution, so that it can stop when that stops."""

    def execute_task(
        state: dict[str, Any], raw_input: Emulated, execution: Execution, context: dict[str, Any]
    ) -> Emulated:
        outer = current.get()
        seconds = state.get("TimeoutSeconds")
        task = Task(
            executions=(*outer.executions, execution),
            deadline=time.monotonic() + float(seconds) if seconds else None,
            context=context,
        )
        if task.stopped:
            raise ExecutionStoppedError
        token = current.set(task)
        try:
            return stock_task(state, raw_input, execution, context)
        finally:
            current.reset(token)

    stock_task = patch(
        stepfunctions, "_execute_task", execute_task, why="Stock goes on starting tasks after StopExecution"
    )


def _end_siblings() -> None:
    """Let the children of a Distributed Map end with their parent, and with the first of them that fails."""

    def run_distributed_map(
        state: dict[str, Any],
        raw_input: Emulated,
        effective: Emulated,
        iterator: dict[str, Any],
        execution: Execution,
        context: dict[str, Any],
    ) -> Emulated:
        # Children get executions of their own, and each a copy of this thread's variables.
        run: Execution = {"status": "RUNNING", "states": iterator.get("States")}
        token = current.set(Task(executions=(*current.get().executions, execution, run)))
        try:
            return stock_map(state, raw_input, effective, iterator, execution, context)
        finally:
            current.reset(token)

    def run_sub_machine(states: dict[str, Any], *others: Emulated) -> Emulated:
        try:
            return stock_sub_machine(states, *others)
        except ExecutionStoppedError:
            raise
        except Exception:
            for run in current.get().executions:
                # Not of a branch within a child: its failure may be caught yet.
                if run.get("states") is states:
                    run["status"] = "FAILED"
            raise

    stock_map = patch(
        stepfunctions,
        "_run_distributed_map",
        run_distributed_map,
        why="Stock children of a Distributed Map outlive their parent's stop",
    )
    stock_sub_machine = patch(
        stepfunctions,
        "_run_sub_machine",
        run_sub_machine,
        why="Stock lets the children of a Distributed Map go on when one of them has failed",
    )


def _keep_final_status() -> None:
    def fail_execution(execution: Execution, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            stock(execution, error, cause)

    stock = patch(
        stepfunctions, "_fail_execution", fail_execution, why="Stock turns an aborted execution into a failed one"
    )


def _make_start_idempotent() -> None:
    def start_execution(request: dict[str, Any]) -> Emulated:
        answer = stock(request)
        if answer[0] == HTTPStatus.OK or not request.get("name"):
            return answer
        for execution in list(stepfunctions._executions.values()):
            if (
                execution["name"] == request["name"]
                and execution["stateMachineArn"] == request.get("stateMachineArn")
                and execution["status"] == "RUNNING"
                and execution["input"] == request.get("input", "{}")
            ):
                started = {key: execution[key] for key in ("executionArn", "startDate")}
                return stepfunctions.json_response(started)
        return answer

    stock = patch(
        stepfunctions,
        "_start_execution",
        start_execution,
        why="Starting a running execution again with the same name and input succeeds on AWS",
    )
