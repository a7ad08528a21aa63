"""Lambda: errors by their class, warm workers that stay warm and few, layers and settings from the template."""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import Emulated, patch, patch_text, resource
from sandbox.warm_python import WarmPython, cool_down, warm_up

# AWS publishes Powertools as a layer of this account; here the packages of the local interpreter serve.
PUBLIC_LAYER_ACCOUNT: Final = "017000801446"

_ERROR: Final = "__marquee_error__"
_MAX_WORKERS: Final = int(os.environ.get("MARQUEE_WARM_FUNCTIONS", "24"))
_MOST_AT_ONCE: Final = int(os.environ.get("MARQUEE_FUNCTION_CONCURRENCY", "4"))
_FIRST_LINE_SECONDS: Final = 0.004

_STOCK_EXCEPT: Final = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")'
)
_OUR_EXCEPT: Final = (
    f'_real_stdout.write(json.dumps({{"status": "ok", "result": {{"{_ERROR}": {{'
    '"errorType": type(e).__name__, "errorMessage": str(e), '
    '"requestId": _ms_ctx.get("request_id", ""), '
    '"stackTrace": traceback.format_exc().splitlines()}}}) + "\\n")'
)


def apply() -> None:
    """Install the corrections."""
    _name_errors()
    _answer_sooner()
    _bound_workers()
    _bound_concurrency()
    _start_warm()
    _share_code()
    _accept_public_layers()
    _apply_settings()


def _name_errors() -> None:
    patch_text(
        lambda_runtime,
        "_PYTHON_WORKER_SCRIPT",
        old=_STOCK_EXCEPT,
        new=_OUR_EXCEPT,
        why="Stock drops the exception's class and kills the worker after every exception",
    )

    def execute(function: dict[str, Any], event: Emulated, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = stock(function, event, request_id)
        body = result.get("body")
        if not (isinstance(body, dict) and _ERROR in body):
            return result
        error = body[_ERROR]
        trace = "\n".join(error["stackTrace"])
        log = "\n".join(part for part in (result.get("log"), f"[ERROR] {trace}") if part)
        return {"body": error, "error": True, "log": log}

    stock = patch(
        lambda_svc,
        "_execute_function_warm",
        execute,
        why="Step Functions routes errors by the class name, which stock reports as Runtime.HandlerError",
    )


def _answer_sooner() -> None:
    def drain(worker: Emulated, first_line_wait: float = _FIRST_LINE_SECONDS, **others: float) -> str:
        return str(stock(worker, first_line_wait=first_line_wait, **others))

    stock = patch(
        lambda_runtime.Worker,
        "_drain_stderr_bounded",
        drain,
        why="Stock waits 50 ms for log lines after every invocation",
    )


def _bound_workers() -> None:
    lock = threading.Lock()

    def acquire(*arguments: Emulated, **options: Emulated) -> Emulated:
        leased = stock(*arguments, **options)
        with lock:
            surplus = _surplus_workers()
        if surplus:
            threading.Thread(target=lambda_runtime.kill_workers, args=(surplus,), daemon=True).start()
        return leased

    def release(worker: Emulated) -> None:
        if worker is not None:
            worker.last_used = time.time()
        stock_release(worker)

    stock = patch(
        lambda_runtime, "acquire_worker", acquire, why="Stock keeps one process for every function ever called"
    )
    patch(lambda_svc, "acquire_worker", acquire, why="The same, where it was imported by name")
    stock_release = patch(
        lambda_runtime,
        "release_worker",
        release,
        why="Stock counts a worker as idle since its last call began: of a crowd's, each would end after one slow call",
    )
    patch(lambda_svc, "release_worker", release, why="The same, where it was imported by name")


def _bound_concurrency() -> None:
    """Let a crowd wait for a few workers: on AWS each invocation has a machine, here all of them share one."""
    slots: dict[str, threading.BoundedSemaphore] = {}
    lock = threading.Lock()

    def execute(function: dict[str, Any], event: Emulated, request_id: str) -> dict[str, Any]:
        arn = str(function["config"].get("FunctionArn"))
        with lock:
            slot = slots.setdefault(arn, threading.BoundedSemaphore(_MOST_AT_ONCE))
        with slot:
            result: dict[str, Any] = stock(function, event, request_id)
        return result

    stock = patch(
        lambda_svc,
        "_execute_function_warm",
        execute,
        why="Stock starts a process for each of any number of invocations at once",
    )


def _start_warm() -> None:
    def start(command: list[str], **options: Emulated) -> Emulated:
        interpreter, *arguments = command
        if interpreter != sys.executable:
            return subprocess.Popen(command, **options)
        # The server writes none; without it every worker would compile its function's package again.
        environment = {**options["env"], "PYTHONDONTWRITEBYTECODE": ""}
        return WarmPython(arguments, cwd=options["cwd"], env=environment)

    patch(
        lambda_runtime,
        "subprocess",
        SimpleNamespace(**{**vars(subprocess), "Popen": start}),
        why="Stock starts each worker cold: to import boto3, pydantic and Powertools takes a second",
    )
    warm_up()


def _share_code() -> None:
    folder, lock = Path(tempfile.gettempdir(), "function-code"), threading.Lock()

    class Package(zipfile.ZipFile):
        """What is deployed of functions: many of them are of one package, and so is each one's every worker."""

        def extractall(self, path: Emulated = None, members: Emulated = None, pwd: bytes | None = None) -> None:
            # Packages of Node.js get their layers' modules beside them.
            if not any(name.endswith(".py") for name in self.namelist()):
                super().extractall(path, members, pwd)
                return
            shared = folder / hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            with lock:
                if not shared.exists():
                    half = folder / "half"
                    super().extractall(half, members, pwd)
                    half.rename(shared)
            own = Path(path)
            own.rmdir()
            own.symlink_to(shared, target_is_directory=True)

    patch(
        lambda_runtime,
        "zipfile",
        SimpleNamespace(**{**vars(zipfile), "ZipFile": Package}),
        why="Stock unpacks a function's package anew for each worker: with ours, that took longer than to import it",
    )


def _surplus_workers() -> list[Any]:
    """Take the idle workers that were used longest ago out of the pool, down to the limit."""
    with lambda_runtime._lock:
        idle = [
            (worker.last_used, key, worker)
            for key, workers in lambda_runtime._workers.items()
            for worker in workers
            if not worker.in_use and time.time() - worker.last_used > 1
        ]
        total = sum(len(workers) for workers in lambda_runtime._workers.values())
        surplus = sorted(idle, key=lambda entry: entry[0])[: max(0, total - _MAX_WORKERS)]
        for _, key, worker in surplus:
            lambda_runtime._workers[key].remove(worker)
        return [worker for _, _, worker in surplus]


def _accept_public_layers() -> None:
    def normalize(layers: list[Any] | None) -> Emulated:
        arns = [layer if isinstance(layer, str) else layer.get("Arn", "") for layer in layers or []]
        public = [arn for arn in arns if arn.split(":")[4:5] == [PUBLIC_LAYER_ACCOUNT]]
        own, error = stock([arn for arn in arns if arn not in public])
        if error:
            return own, error
        # A layer of size zero is never loaded: its packages are those of the local interpreter.
        return [{"Arn": arn, "CodeSize": 0} for arn in public] + own, None

    stock = patch(
        lambda_svc,
        "_normalize_layer_attachments",
        normalize,
        why="Stock refuses layers that AWS publishes from its own account",
    )


def _apply_settings() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    stock_create, stock_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name, attributes = stock_create(logical_id, properties, stack)
        _configure(name, properties)
        return name, attributes

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        name, attributes = stock_update(physical_id, old, new, stack, logical_id)
        _configure(name, new)
        return name, attributes

    resource(
        "AWS::Lambda::Function",
        create=create,
        update=update,
        delete=handlers["delete"],
        why="Stock ignores DeadLetterConfig and ReservedConcurrentExecutions of the template",
    )
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]["import"] = handlers["import"]


def _configure(name: str, properties: dict[str, Any]) -> None:
    function = lambda_svc._functions[name]
    function["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig") or {}
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def stop_workers() -> None:
    """End every warm worker, and what they are forked off."""
    lambda_runtime.reset()
    cool_down()
