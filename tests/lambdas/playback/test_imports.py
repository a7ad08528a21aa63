"""What a cold start of a playback function loads: the libraries that all of them have, and hardly anything else."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from lambdas import playback

MODULES = sorted(path.stem for path in Path(playback.__file__).parent.glob("*handlers.py"))
BESIDE = {"speke_handlers": {"cryptography"}}
LISTED = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
BUILT = """
from pydantic import BaseModel
kinds = [BaseModel]
for kind in kinds:
    kinds += kind.__subclasses__()
ours = [kind for kind in kinds if kind.__module__.startswith("lambdas.")]
print(len(ours), *(kind.__name__ for kind in ours if kind.__pydantic_complete__ and kind.model_fields))
"""


@cache
def printed(*code):
    """The words that a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=Path(playback.__file__).parents[2],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize("module", MODULES)
def test_a_cold_start_loads_no_library_that_not_all_functions_need(module):
    libraries = printed("import annotated_types, boto3, pydantic, aws_lambda_powertools", LISTED)
    found = set(printed(f"import lambdas.playback.{module}", LISTED))
    assert {"lambdas", "pydantic"} <= found
    beside = found - set(libraries) - sys.stdlib_module_names - {"lambdas"}
    assert {name for name in beside if not name.startswith("_")} == BESIDE.get(module, set())


def test_a_cold_start_builds_few_models_before_they_are_asked_for():
    count, *built = printed("import lambdas.playback.handlers", BUILT)
    # Those of which an instance is some field's default.
    assert len(built) <= int(count) / 10
