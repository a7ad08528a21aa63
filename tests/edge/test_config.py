"""The nginx configuration as text; that nginx understands it is shown by the tests beside this one."""

from dataclasses import replace

import pytest

from sandbox.edge_config import modules, render
from sandbox.edge_deployment import Behaviour, EdgeDeployment, EdgeDeploymentError, Function, Origin

WEB = Origin(kind="bucket", name="web")


def conf(deployment, *, user=None):
    return render(deployment=deployment, endpoint="http://127.0.0.1:1", port=2, user=user)


def test_the_function_runs_unchanged_before_the_adapter(deployment):
    function = deployment.behaviours[2].function

    text = modules(deployment=deployment, endpoint="http://127.0.0.1:1")["fn_viewer_request.js"]

    assert text.startswith(function.code)
    assert "nginxServe" in text.removeprefix(function.code)


def test_functions_may_share_one_store_and_not_two(deployment):
    function = deployment.behaviours[2].function
    another = Function(name="another", code="", entries=function.entries)

    def with_second(second):
        behaviours = (*deployment.behaviours, Behaviour(pattern="*", origin=WEB, function=second))
        return modules(deployment=replace(deployment, behaviours=behaviours), endpoint="http://127.0.0.1:1")

    assert set(with_second(another)) == {"cloudfront", "fn_viewer_request.js", "fn_another.js"}
    with pytest.raises(EdgeDeploymentError, match="stores"):
        with_second(replace(another, entries={"k1": "other"}))


def test_behaviours_keep_their_precedence(deployment):
    text = conf(deployment)

    places = [text.index(f'location ~ "^{start}') for start in ("/api/ingest/", "/api/.*", "/media/", "/art/", ".*")]
    assert places == sorted(places)


@pytest.mark.parametrize(("user", "expected"), [(None, False), ("root root", True)])
def test_workers_have_a_user_only_if_one_is_named(deployment, user, expected):
    assert ("\nuser root root;\n" in conf(deployment, user=user)) is expected


@pytest.mark.parametrize("value", ["$host", "a\nb", "a\x00b"])
def test_what_would_change_the_configuration_is_refused(value):
    behaviour = Behaviour(pattern=value, origin=WEB)

    with pytest.raises(EdgeDeploymentError):
        conf(EdgeDeployment(behaviours=(behaviour,), root_object=""))


@pytest.mark.parametrize("value", ['a"; deny all; "', "a\\", "a; b"])
def test_what_would_end_a_word_is_escaped(value):
    text = conf(EdgeDeployment(behaviours=(Behaviour(pattern="*", origin=WEB),), root_object=value))

    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert f'rewrite ^ "/{escaped}" last;' in text
