"""Processes that are forked off a warm one are to be told from freshly started ones by their speed only."""

import json
import os
import signal
import subprocess
import textwrap

import pytest

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from sandbox.warm_python import WarmPython

pytestmark = pytest.mark.embedded


@pytest.fixture
def run(tmp_path):
    begun = []

    def run(*arguments, env=None, **options):
        begun.append(WarmPython(arguments, cwd=tmp_path, env=env or {}, **options))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            stream.close()


@pytest.fixture
def start(run, tmp_path):
    def start(script, *arguments, **options):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(script))
        return run(str(path), *arguments, **options)

    return start


def test_it_has_the_arguments_folder_and_environment_that_it_is_given_and_no_other(start, tmp_path, monkeypatch):
    monkeypatch.setenv("OF_THE_PARENT", "1")
    script = """
        import json, os, sys, tempfile
        said = [sys.argv[1:], os.getcwd(), dict(os.environ), sys.path[0], tempfile.gettempdir(), __name__]
        print(json.dumps(said))
    """
    env = {"TMPDIR": str(tmp_path), "TITLE": "T-1"}
    process = start(script, "a", "b", env=env)
    folder = str(tmp_path)
    assert json.loads(process.stdout.read()) == [["a", "b"], folder, env, folder, folder, "__main__"]
    assert process.wait() == 0


def test_it_answers_line_by_line(start):
    process = start("import sys\nfor line in sys.stdin: print('got', line.strip()), print('log', file=sys.stderr)")
    for word in ("one", "two"):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"got {word}\n"
    process.stdin.close()
    assert process.stderr.read() == "log\nlog\n"
    assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("", 0),
        ("import sys; sys.exit(75)", 75),
        ("raise ValueError('no such rung')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_its_end_is_told_as_any_other_processs(start, script, code):
    process = start(script, joined=True)
    assert process.wait(timeout=10) == process.poll() == code
    assert ("no such rung" in process.stdout.read()) == (code == 1)


def test_it_can_be_asked_to_end_and_waited_for(start):
    process = start("import time; time.sleep(60)")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM


def test_a_session_of_its_own_is_signalled_with_its_children(start):
    script = """
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(os.getsid(child.pid))
        child.wait()
    """
    process = start(script, new_session=True)
    assert int(process.stdout.readline()) == process.pid != os.getsid(0)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    # Its child held it open.
    assert not process.stdout.read()


def test_a_module_is_run_as_it_stands_now(run, tmp_path):
    module = tmp_path / "of_today.py"
    for version in ("1", "2"):
        module.write_text(f"import sys; print(__name__, sys.argv[1:], {version})")
        process = run("-m", "of_today", "x", env={"PYTHONDONTWRITEBYTECODE": "1"}, joined=True)
        assert process.stdout.read() == f"__main__ ['x'] {version}\n"
        assert process.wait(timeout=10) == 0


def test_what_functions_and_jobs_import_of_others_is_there_and_the_projects_code_is_not(start):
    script = "import sys; print(*(name.partition('.')[0] for name in sys.modules))"
    loaded = set(start(script).stdout.read().split())
    assert {"boto3", "pydantic", "aws_lambda_powertools"} <= loaded
    assert not {"lambdas", "encoder", "ministack"} & loaded
