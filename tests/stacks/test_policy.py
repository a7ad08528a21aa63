"""The policy gate: nothing is found, the gate bites, and nothing is accepted that is not found."""

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

import app
from stacks import report
from stacks.constructs import acknowledgement
from stacks.platform import policy_packs
from stacks.report import PAGE, PRODUCTION_ONLY, acknowledgements, page
from stacks.settings import PROFILES
from stacks.synthesis import CONFIGURATIONS, Synthesis, new_app, synthesise

NAMESPACE = "Annotation::"


def test_synthesis_finds_nothing(declared):
    assert declared.synthesis.refusal is None
    assert declared.synthesis.findings == ()


@pytest.mark.parametrize(
    ("name", "packs"),
    [
        ("sandbox", {"AwsSolutions", "Serverless"}),
        ("production", {"AwsSolutions", "Serverless", "NIST.800.53.R5"}),
    ],
)
def test_each_profile_has_its_packs(configurations, name, packs):
    platform = configurations[name].synthesis.platform
    assert {pack.name for pack in policy_packs(platform, settings=platform.settings)} == packs


@dataclass(frozen=True)
class Accepted:
    """What a construct would have acknowledged."""

    path: str
    rule: str
    reason: str


class _Recorder:
    """Stands where CDK takes acknowledgements, and only writes them down."""

    def __init__(self, written):
        self._written = written

    def of(self, construct):
        return _Note(path=construct.node.path, written=self._written)


class _Note:
    def __init__(self, *, path, written):
        self._path, self._written = path, written

    def acknowledge(self, said):
        self._written.append(Accepted(path=self._path, rule=said.id.removeprefix(NAMESPACE), reason=said.reason))


@contextmanager
def _written_down():
    """Nothing is acknowledged, and what would have been is in the list."""
    written = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acknowledgement, "Validations", _Recorder(written))
        yield written


@pytest.fixture(scope="module")
def of_one_app(tmp_path_factory):
    """Both profiles in one app, as `cdk synth` makes them, by name; and what would have been acknowledged in them."""
    folder = tmp_path_factory.mktemp("unacknowledged")
    made = new_app(folder)
    made.node.set_context("profiles", ",".join(PROFILES))
    with _written_down() as written, pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "App", lambda: made)
        with pytest.raises(RuntimeError) as refused:
            app.main()
    found = {name: made.node.find_child(name) for name in PROFILES}
    return {
        name: (
            Synthesis(platform=platform, directory=folder, refusal=str(refused.value)),
            [accepted for accepted in written if f"{accepted.path}/".startswith(f"{name}/")],
        )
        for name, platform in found.items()
    }


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def unacknowledged(request, of_one_app, tmp_path_factory):
    """A configuration in which nothing is acknowledged, and what would have been."""
    if request.param in of_one_app:
        return request.param, *of_one_app[request.param]
    with _written_down() as written:
        synthesis = synthesise(CONFIGURATIONS[request.param], tmp_path_factory.mktemp("unacknowledged"))
    return request.param, synthesis, written


def test_what_nobody_has_acknowledged_stops_the_synthesis(unacknowledged):
    _, synthesis, _ = unacknowledged
    assert synthesis.findings
    assert "ValidationFailed" in synthesis.refusal


def test_the_rules_of_production_are_not_asked_of_the_sandbox_beside_it(of_one_app):
    synthesis, _ = of_one_app["sandbox"]
    asked = {path.partition("/")[0] for rule, path in synthesis.findings if PRODUCTION_ONLY in rule}
    assert asked == {"production"}


def test_no_acknowledgement_is_stale(unacknowledged):
    _, synthesis, written = unacknowledged
    found = {(rule.removeprefix(NAMESPACE), path) for rule, path in synthesis.findings}
    in_force = [
        accepted
        for accepted in written
        if synthesis.platform.settings.production or not accepted.rule.startswith(PRODUCTION_ONLY)
    ]
    stale = [
        accepted
        for accepted in in_force
        if not any(rule == accepted.rule and f"{path}/".startswith(f"{accepted.path}/") for rule, path in found)
    ]
    assert written
    assert stale == []


def test_each_finding_is_accepted_on_the_narrowest_construct(unacknowledged):
    """Only a rule that the design answers as a whole is accepted for more than one construct of a stack."""
    _, synthesis, written = unacknowledged
    for accepted in written:
        if accepted.path == synthesis.platform.node.path:
            assert accepted.rule.startswith(PRODUCTION_ONLY)
            assert "docs/decisions/" in accepted.reason
        else:
            assert accepted.path.count("/") > 1, f"{accepted.path} is a whole stack"


def test_every_reason_says_something(unacknowledged):
    _, _, written = unacknowledged
    for accepted in written:
        assert len(accepted.reason.split()) >= 4, accepted


def without_hashes(templates):
    """Leave out what the packages hold: somebody may be working on them meanwhile."""
    return re.sub(r"[0-9a-f]{64}", "hash", json.dumps(templates))


def test_synthesis_is_repeatable(unacknowledged, configurations):
    name, synthesis, _ = unacknowledged
    assert without_hashes(synthesis.templates) == without_hashes(configurations[name].templates)


def test_the_page_lists_what_is_acknowledged(configurations):
    found = {name: acknowledgements(declared.synthesis) for name, declared in configurations.items()}
    assert PAGE.read_text() == page(found), f"out of date: run python -m {report.__name__}"


def test_the_page_lists_what_the_constructs_said(unacknowledged, configurations):
    name, synthesis, written = unacknowledged
    listed = {(said.path, said.reason) for said in acknowledgements(configurations[name].synthesis)}
    prefix = synthesis.platform.node.path
    for accepted in written:
        if synthesis.platform.settings.production or not accepted.rule.startswith(PRODUCTION_ONLY):
            path = accepted.path.removeprefix(prefix).removeprefix("/")
            assert (path, accepted.reason) in listed
