"""What a cold start imports: each module of playback's handlers, beside the libraries that all of them need.

It is processor time, which is the wall clock's where nothing else runs. A function has no `awscrt`, which botocore
imports where it finds it, so it is hidden here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

from bench.row import Figure
from stacks.constructs.service_function import LAYER, REPOSITORY

_RUNS = 9
_LIBRARIES = "import boto3, pydantic, aws_lambda_powertools"
_LIMIT_MS, _LIMIT_MB = 350.0, 10.0
_TIMED = """
import sys, time
sys.modules["awscrt"] = None
begun = time.process_time()
{what}
print(time.process_time() - begun)
"""


def figures() -> Iterator[Figure]:
    """Measure."""
    folder = REPOSITORY / "lambdas" / "playback"
    libraries = _fastest_ms(_LIBRARIES)
    yield Figure("import the libraries of a handler", libraries, "its limit", _LIMIT_MS, "ms of processor")
    for path in sorted(folder.glob("*handlers.py")):
        module = f"lambdas.playback.{path.stem}"
        ours = _fastest_ms(f"import {module}")
        yield Figure(f"import {module}", ours, "its libraries alone", libraries, "ms of processor")
    yield Figure("code of all functions, and their own layer", _size_mb(), "its limit", _LIMIT_MB, "MB")


def _fastest_ms(what: str) -> float:
    """Return how long a new interpreter imports, the fastest of some: whatever else runs only makes it slower."""
    return min(_once_s(what) for _ in range(_RUNS)) * 1000


def _once_s(what: str) -> float:
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(what=what)],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def _size_mb() -> float:
    code = (path for path in (REPOSITORY / "lambdas").rglob("*") if path.suffix in {".py", ".lua"})
    layer = (Path(str(file.locate())) for name in LAYER for file in files(name) or () if file.suffix == ".py")
    return sum(path.stat().st_size for path in (*code, *layer)) / 1e6
