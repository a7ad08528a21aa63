"""The check that each permission is used: what it says of a run of all tests, and that it says nothing of a part."""

import pytest

from tests.lambdas.permissions import Excuse, stale, unused

pytest_plugins = ("pytester",)

GRANTED = {"one": ("s3:GetObject", "s3:ListBucket"), "other": ("s3:ListBucket",)}
LISTING = Excuse("s3:ListBucket", "S3 looks whether there is such an object", frozenset({"s3:GetObject"}))

CONFTEST = """
from pathlib import Path

import pytest

from tests.lambdas.permissions import EveryPermission

asked = set()


@pytest.fixture
def ask():
    return lambda action: asked.add(("one", action))


def pytest_configure(config):
    plugin = EveryPermission(
        Path(__file__).parent / "handlers",
        granted=lambda: {"one": ["s3:GetObject", "s3:PutObject"]},
        asked=lambda: asked,
        excused=(),
    )
    config.pluginmanager.register(plugin)
"""
TEST = """
def test_it(ask):
    ask("s3:%s")

def test_nothing():
    pass
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """Tests of a handler that may do two things; each of two modules has it ask for one."""
    # Each worker would load every plugin that is installed.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\naddopts = -p xdist.plugin -p no:cacheprovider")
    for name, action in (("get", "GetObject"), ("put", "PutObject")):
        module = pytester.path / "handlers" / f"test_{name}.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text(TEST % action)
    return pytester


def test_what_nobody_asked_for_is_named_unless_it_is_excused():
    assert unused(GRANTED, set(), ()) == [("one", "s3:GetObject"), ("one", "s3:ListBucket"), ("other", "s3:ListBucket")]
    assert unused(GRANTED, {("one", "s3:GetObject")}, (LISTING,)) == [("other", "s3:ListBucket")]


def test_what_is_allowed_on_a_resource_is_to_be_asked_of_that_one():
    granted = {"one": ("s3:GetObject on work_bucket", "s3:GetObject on raw_bucket", "s3:ListBucket", "s3:PutObject")}
    asked = {("one", "s3:GetObject on work_bucket"), ("one", "s3:GetObject"), ("one", "s3:ListBucket on work_bucket")}
    assert unused(granted, asked, ()) == [("one", "s3:GetObject on raw_bucket"), ("one", "s3:PutObject")]
    of_reading = Excuse("s3:GetObject", "S3 reads it itself", frozenset({"s3:ListBucket"}))
    assert unused(granted, asked, (of_reading,)) == [("one", "s3:PutObject")]


def test_an_excuse_that_excuses_nothing_is_stale():
    nobodys = Excuse("s3:PutObject", "nobody may")
    assert stale(GRANTED, set(), (LISTING, nobodys)) == [nobodys]
    assert stale(GRANTED, {("one", "s3:ListBucket")}, (LISTING,)) == [LISTING]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_run_of_everything_is_told_that_everything_is_used(project, workers):
    result = project.runpytest_inprocess("handlers", *workers)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["Of 2 permissions of handlers each is used*"])


def test_a_permission_that_is_not_used_fails_a_run_of_everything(project):
    (project.path / "handlers" / "test_put.py").write_text(TEST % "GetObject")

    result = project.runpytest_inprocess("handlers")

    result.assert_outcomes(passed=4)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*Take the grant away in stacks/*", "one: s3:PutObject"])


@pytest.mark.parametrize(
    "part",
    [
        ("handlers/test_get.py",),
        ("handlers", "-k", "it"),
        ("handlers", "--deselect", "handlers/test_put.py::test_nothing"),
        ("handlers/test_get.py::test_it", "handlers/test_put.py::test_nothing"),
        ("handlers", "--collect-only"),
    ],
)
def test_of_a_part_nothing_is_said(project, part):
    (project.path / "handlers" / "test_put.py").write_text(TEST % "GetObject")

    result = project.runpytest_inprocess(*part)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*permission*")


def test_of_a_run_that_skips_tests_it_is_said_that_nobody_judged(project):
    (project.path / "handlers" / "test_put.py").write_text("import pytest\ndef test_it(): pytest.skip('no tool')\n")

    result = project.runpytest_inprocess("handlers")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*was not judged: 1 tests were skipped."])


def test_nor_of_tests_that_failed(project):
    (project.path / "handlers" / "test_put.py").write_text("def test_it(): assert False")

    project.runpytest_inprocess("handlers").stdout.no_fnmatch_line("*permission*")
