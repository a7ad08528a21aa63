"""Step Functions: a task that waits until somebody answers with its token.

It ends by the first answer, by its time-out, by a missing heartbeat, by an error of what it called, or with its
execution. A token that was used, or whose time is over, is refused as on AWS.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from ministack.services import stepfunctions

from sandbox.extension.pinned import Emulated, patch
from sandbox.extension.state_tasks import ExecutionStoppedError, current

_CALLBACK: Final = ".waitForTaskToken"
_LOOK_SECONDS: Final = 0.2
"""How often a waiting task looks whether its execution has been stopped."""
_A_YEAR: Final = 31_536_000.0
_CLOSED: Final = "Task Timed Out: 'Provided task does not exist anymore'"
_UNKNOWN: Final = "Invalid Token: 'Invalid token'"

Request = dict[str, Any]

_used: set[str] = set()
_lock = threading.Lock()


def apply() -> None:
    """Install the corrections."""
    patch(
        stepfunctions,
        "_invoke_with_callback",
        _invoke,
        why="Stock waits on when what it called failed or its execution was stopped, and knows no heartbeat",
    )
    for name, ends in (("_send_task_success", True), ("_send_task_failure", True), ("_send_task_heartbeat", False)):
        patch(
            stepfunctions,
            name,
            _answering(getattr(stepfunctions, name), ends=ends),
            why="Stock takes a second answer, and has no error of its own for a token whose time is over",
        )


def _invoke(resource: str, parameters: Emulated, token: str, state: dict[str, Any]) -> Emulated:
    waiting: dict[str, Any] = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
    stepfunctions._task_tokens[token] = waiting
    answered = False
    try:
        stepfunctions._invoke_resource(resource.replace(_CALLBACK, ""), parameters)
        _wait(waiting, state)
        answered = waiting["error"] is None
    finally:
        with _lock:
            _used.add(token)
            stepfunctions._task_tokens.pop(token, None)
        if not answered:
            # Another attempt has another token; stock would give it this one again.
            current.get().context["Task"] = {"Token": str(uuid4())}
    if error := waiting["error"]:
        raise stepfunctions._ExecutionError(error["Error"], error["Cause"])
    return json.loads(waiting["result"])


def _wait(waiting: dict[str, Any], state: dict[str, Any]) -> None:
    task, now = current.get(), time.monotonic()
    deadline = now + float(state.get("TimeoutSeconds", _A_YEAR))
    patience = float(state.get("HeartbeatSeconds", _A_YEAR))
    heartbeat, beaten = None, now
    while not waiting["event"].wait(_LOOK_SECONDS):
        now = time.monotonic()
        if task.stopped:
            raise ExecutionStoppedError
        if now >= deadline:
            raise stepfunctions._ExecutionError("States.Timeout", "Nobody answered within TimeoutSeconds")
        if waiting["heartbeat"] != heartbeat:
            heartbeat, beaten = waiting["heartbeat"], now
        if now - beaten >= patience:
            raise stepfunctions._ExecutionError("States.HeartbeatTimeout", "No heartbeat within HeartbeatSeconds")


def _answering(stock: Callable[[Request], Emulated], *, ends: bool) -> Callable[[Request], Emulated]:
    def answer(request: Request) -> Emulated:
        token = str(request.get("taskToken"))
        try:
            json.loads(request.get("output", "null"))
        except ValueError:
            return stepfunctions.error_response_json("InvalidOutput", "The output is not JSON", 400)
        with _lock:
            if token in _used:
                return stepfunctions.error_response_json("TaskTimedOut", _CLOSED, 400)
            if stepfunctions._task_tokens.get(token) is None:
                return stepfunctions.error_response_json("InvalidToken", _UNKNOWN, 400)
            if ends:
                _used.add(token)
            return stock(request)

    return answer
