"""The edge tier as a viewer and as its operator see it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from sandbox.edge_deployment import Behaviour, EdgeDeployment, EdgeDeploymentError, EdgeError, Origin
from sandbox.extension.process_groups import group_runs

pytestmark = pytest.mark.embedded

ROOT = Path(__file__).parents[2]


@pytest.fixture
def segment(token_of, edge_key, request):
    """The URL of a segment that no other test asks for."""
    return f"/media/{token_of(edge_key)}/film/v1/{request.node.name}.m4s"


# --- what a viewer sees


def test_a_segment_comes_from_the_bucket_once_and_then_from_the_cache(ask, origin, segment):
    first, again = ask(segment), ask(segment)

    assert (first.headers["x-cache"], again.headers["x-cache"]) == ("MISS", "HIT")
    assert first.body == again.body
    assert sum(segment.endswith(request.path.removeprefix("/media")) for request in origin.requests) == 1


def test_two_viewers_share_what_is_cached(ask, token_of, edge_key, segment):
    ask(segment)
    other = token_of(edge_key, session_id="other")
    assert other not in segment

    answer = ask(f"/media/{other}/film/v1/{segment.rpartition('/')[2]}")

    assert answer.headers["x-cache"] == "HIT"


def test_the_cache_does_not_spare_anybody_the_token(ask, segment):
    assert ask(segment).status == 200
    assert ask(segment.replace("/media/e", "/media/f")).status == 403


@pytest.mark.parametrize("already_cached", [True, False])
def test_a_range_is_a_part_of_the_whole(ask, segment, already_cached):
    path = f"{segment}{already_cached:d}".replace("[", "").replace("]", "")
    whole = ask(path).body if already_cached else None

    part = ask(path, headers={"range": "bytes=4-9"})

    assert part.status == 206
    assert part.body == b"object"
    assert part.headers["content-range"].startswith("bytes 4-9/")
    assert (whole or ask(path).body)[4:10] == part.body


def test_a_bucket_sees_nothing_of_the_viewer(ask, origin, segment):
    ask(segment, headers={"authorization": "Bearer x", "cookie": "a=b", "range": "bytes=0-1"})

    assert not {"authorization", "cookie", "range"} & set(origin.requests[-1].headers)


def test_the_art_needs_no_token_and_is_cached(ask):
    assert ask("/art/film/v1/poster.jpg").body == b"the object at /media/art/film/v1/poster.jpg"
    assert ask("/art/film/v1/poster.jpg").headers["x-cache"] == "HIT"


@pytest.mark.parametrize("path", ["/", "/index.html"])
def test_the_page_is_the_root_object_of_the_web_bucket(ask, path):
    assert ask(path).body == b"the object at /web/index.html"


def test_a_query_reaches_the_origin_but_tells_no_cached_objects_apart(ask, segment):
    assert ask("/player.js?v=2").body.endswith(b"/web/player.js?v=2")
    assert ask(f"{segment}?a=1").headers["x-cache"] == "MISS"
    assert ask(f"{segment}?a=2").headers["x-cache"] == "HIT"


def test_the_api_gets_the_request_as_it_is_under_its_own_host_name(ask, origin):
    answer = ask(
        "/api/playback/license?session_id=a%2Fb",
        method="POST",
        body=b'{"kids":[]}',
        headers={"authorization": "Bearer x", "content-type": "application/json"},
    )

    seen = origin.requests[-1]
    assert answer.status == 200
    assert (seen.method, seen.path, seen.body) == (
        "POST",
        "/api/playback/license?session_id=a%2Fb",
        b'{"kids":[]}',
    )
    assert seen.headers["host"] == "abcd1234.execute-api.localhost"
    assert seen.headers["authorization"] == "Bearer x"
    assert "x-cache" not in answer.headers


def test_the_api_is_told_who_asks_by_the_edge_alone(ask, origin):
    forged = {"CloudFront-Viewer-Country": "XX", "CloudFront-Viewer-Address": "192.0.2.1:1", "X-Marquee-Origin": "mine"}
    ask("/api/playback/sessions", method="POST", body="{}", headers=forged)
    seen = origin.requests[-1].headers
    assert seen["x-marquee-origin"] == "the-token"
    assert seen["cloudfront-viewer-address"].startswith("127.0.0.1:")
    assert "cloudfront-viewer-country" not in seen


def test_the_studios_api_gets_its_own_paths_and_the_viewers_the_others(ask, origin):
    answer = ask("/api/ingest/uploads/u-1?delivery_id=d", method="DELETE", headers={"authorization": "Bearer x"})
    seen = origin.requests[-1]
    assert (seen.method, seen.path) == ("DELETE", "/api/ingest/uploads/u-1?delivery_id=d")
    assert seen.headers["host"] == "studios1.execute-api.localhost"
    assert seen.headers["authorization"] == "Bearer x"
    assert "x-cache" not in answer.headers
    ask("/api/ingestion")
    assert origin.requests[-1].headers["host"] == "abcd1234.execute-api.localhost"


def test_where_it_runs_is_told_to_others(edge_tier, edge, tmp_path):
    assert edge_tier.url_of_running(work_dir=edge.access_log.parent) == edge.url
    with pytest.raises(EdgeError, match="marquee up"):
        edge_tier.url_of_running(work_dir=tmp_path)


def test_the_embedded_cognito_is_under_a_path(ask, origin):
    target = "AWSCognitoIdentityProviderService.InitiateAuth"
    ask("/cognito/", method="POST", body=b"{}", headers={"x-amz-target": target})

    seen = origin.requests[-1]
    assert (seen.path, seen.headers["x-amz-target"]) == ("/", target)
    assert ask("/cognito/").status == 403
    assert ask("/cognito/more", method="POST").status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/oauth2/authorize?state=a%20b"), ("POST", "/oauth2/token"), ("POST", "/login"), ("GET", "/logout?x=y")],
)
def test_the_embedded_managed_login_is_where_the_page_looks_for_it(ask, origin, method, path):
    answer = ask(path, method=method, body=b"a=b" if method == "POST" else None)

    seen = origin.requests[-1]
    assert (seen.method, seen.path) == (method, path)
    # Its pages have forms, which the policy of ours forbids.
    assert "content-security-policy" not in answer.headers


@pytest.mark.parametrize("path", ["/oauth2/userInfo", "/login/more"])
def test_nothing_else_of_cognito_is(ask, origin, path):
    ask(path)
    assert origin.requests[-1].path != path


@pytest.mark.parametrize("path", ["/art/x.jpg", "/player.js"])
def test_a_method_that_the_behaviour_does_not_allow_is_refused(ask, origin, path):
    before = len(origin.requests)

    assert ask(path, method="POST", body=b"x").status == 403
    assert len(origin.requests) == before


def test_a_missing_object_is_missing(ask):
    assert ask("/missing.js").status == 404


@pytest.mark.parametrize("path", ["/player.js", "/api/x", "/art/x.jpg", "/missing.js", "/media/x"])
def test_every_answer_carries_the_policys_headers(ask, path):
    headers = ask(path).headers

    assert headers["content-security-policy"] == "default-src 'self'; img-src \"x\""
    assert headers["referrer-policy"] == "no-referrer"
    assert "x-origin-secret" not in headers


def test_without_override_the_origins_own_header_wins(ask):
    assert ask("/player.js").headers["x-frame-options"] == "SAMEORIGIN"
    # The edge's own refusal has no origin.
    assert ask("/media/x").headers["x-frame-options"] == "DENY"


def test_the_inner_locations_cannot_be_asked_for(ask, origin):
    before = len(origin.requests)

    assert ask("/@origin/1/film/v1/x.m4s").status == 404
    assert len(origin.requests) == before


def test_the_access_log_is_json_without_the_tokens_of_those_who_may(ask, edge, segment):
    ask(segment, headers={"range": "bytes=0-1"})
    # A connection's next request is served after its last one was logged.
    ask("/player.js")

    lines = [json.loads(line) for line in edge.access_log.read_text().splitlines()]
    line = next(line for line in lines if line["uri"].endswith(segment.rpartition("/")[2]))
    assert (line["method"], line["status"], line["cache"]) == ("GET", 206, "MISS")
    assert segment.split("/")[2] not in line["uri"]


# --- what its operator sees


@pytest.fixture
def make(edge_tier, deployment, origin, tmp_path):
    """Make an edge of one's own."""

    def make(*, deployment=deployment, port=None):
        return edge_tier.Edge(deployment=deployment, endpoint=origin.url, work_dir=tmp_path / "an edge", port=port)

    return make


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_edge_leaves_no_process_and_no_port_behind(make):
    with make() as edge:
        assert listens(edge.port)
        group = edge._process.pid
        assert group_runs(group)
    edge.stop()

    assert not listens(edge.port)
    assert not group_runs(group)


def test_a_second_edge_in_the_same_folder_is_refused(make, edge_tier):
    with make(), pytest.raises(edge_tier.EdgeStartError, match="an edge runs in"):
        make().start()


def test_what_a_killed_edge_left_behind_does_not_matter(make, tmp_path):
    with make() as killed:
        os.killpg(killed._process.pid, signal.SIGKILL)
    (tmp_path / "an edge" / "edge.group").write_text(str(killed.port + 10**7))

    with make() as edge:
        assert listens(edge.port)


def test_it_writes_nothing_outside_its_folder(make, tmp_path):
    with make():
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["an edge"]


def test_it_listens_on_loopback_only(make, tmp_path):
    with make():
        text = (tmp_path / "an edge" / "nginx.conf").read_text()

    listening = [line.split()[1] for line in text.splitlines() if line.strip().startswith("listen ")]
    assert [where.split(":")[0] for where in listening] == ["127.0.0.1"]


def test_a_second_edge_on_the_same_port_is_refused_by_its_number(make, edge, edge_tier):
    with pytest.raises(edge_tier.EdgeStartError, match=str(edge.port)):
        make(port=edge.port).start()


def test_what_nginx_refuses_is_told_with_the_log(make, edge_tier, deployment, tmp_path):
    function = deployment.behaviours[2].function
    broken = type(function)(name=function.name, code="function handler( {", entries=function.entries)
    behaviour = type(deployment.behaviours[2])(
        pattern="/media/*", origin=deployment.behaviours[2].origin, function=broken
    )

    with pytest.raises(edge_tier.EdgeStartError, match=r"error\.log") as refused:
        make(deployment=EdgeDeployment(behaviours=(behaviour,), root_object="")).start()
    assert "SyntaxError" in str(refused.value)


def test_a_value_that_nginx_cannot_hold_is_refused(make, deployment):
    with pytest.raises(EdgeDeploymentError, match="dollar"):
        make(deployment=EdgeDeployment(behaviours=deployment.behaviours, root_object="$x")).start()


def test_wildcards_are_cloudfronts(make, deployment):
    some = Behaviour(pattern="/p?c.v1/*.jpg", origin=Origin(kind="bucket", name="pictures"))
    behaviours = (some, deployment.behaviours[-1])

    with make(deployment=EdgeDeployment(behaviours=behaviours, root_object="")) as edge:

        def bucket(path):
            with urllib.request.urlopen(edge.url + path, timeout=5) as answer:  # noqa: S310 - loopback
                return answer.read().decode().split("/")[1]

        assert bucket("/pic.v1/a/b.jpg") == "pictures"
        for other in ("/piic.v1/a.jpg", "/picxv1/a.jpg", "/pic.v1/a.jpg2", "/x/pic.v1/a.jpg", "/PIC.v1/a.jpg"):
            assert bucket(other) == "web"


def test_a_detached_edge_stays_until_it_is_ended(make, edge_tier, tmp_path):
    edge = make()
    edge.start(detached=True)

    edge_tier.stop_detached(work_dir=tmp_path / "an edge")

    assert not listens(edge.port)
    edge.stop()
    edge_tier.stop_detached(work_dir=tmp_path / "an edge")


def test_an_edge_dies_with_the_process_that_started_it(edge_tier, tmp_path):
    program = f"""
import sys
from pathlib import Path
from sandbox.edge import Edge
from sandbox.extension.process_groups import group_runs
from sandbox.edge_deployment import Behaviour, EdgeDeployment, Origin
behaviour = Behaviour(pattern="*", origin=Origin(kind="bucket", name="web"))
deployment = EdgeDeployment(behaviours=(behaviour,), root_object="")
edge = Edge(deployment=deployment, endpoint="http://127.0.0.1:9", work_dir=Path({str(tmp_path)!r})).start()
print(edge.port, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    deadline = time.monotonic() + 10
    while listens(port) and time.monotonic() < deadline:
        os.sched_yield()
    assert not listens(port)
