"""Rate limiting on a real Valkey server: the one that the embedded cloud runs for a template's cache."""

import json
import socket
import threading
from types import SimpleNamespace
from uuid import uuid4

import pytest
from valkey import Valkey
from valkey.exceptions import NoPermissionError

from lambdas.common import valkey_limiter
from lambdas.common.problem import json_answer, problem_documents
from lambdas.common.rate_limiting import rate_limited
from lambdas.common.rate_limits import MICROSECONDS, Policy, RateLimitEnvironment, key_of
from lambdas.common.valkey_limiter import SCRIPT, LimiterAwayError, ValkeyLimiter
from stacks.constructs.rate_limiter import ACCESS

pytestmark = pytest.mark.embedded
CLIENTS = 8


@pytest.fixture(scope="module")
def cache(deploy_cache):
    return deploy_cache()


@pytest.fixture(scope="module")
def deploy_cache(deploy):
    def create():
        properties = {"Engine": "valkey", "ServerlessCacheName": f"limits-{uuid4().hex[:8]}"}
        resources = {"Cache": {"Type": "AWS::ElastiCache::ServerlessCache", "Properties": properties}}
        endpoint = {key: {"Fn::GetAtt": ["Cache", f"Endpoint.{key}"]} for key in ("Address", "Port")}
        found = deploy(resources, endpoint)
        address, port = found["Address"], int(found["Port"])
        url = f"valkeys://limits@{address}:{port}"
        return SimpleNamespace(address=address, port=port, url=url, stack=deploy.stack)

    return create


@pytest.fixture
def server(cache):
    with Valkey(host=cache.address, port=cache.port) as client:
        yield client


@pytest.fixture
def viewer():
    return uuid4().hex


@pytest.fixture
def silent():
    """A server that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"valkeys://limits@127.0.0.1:{listener.getsockname()[1]}"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_eight_clients_at_once_never_get_more_than_the_quota_in_any_window(cache, viewer):
    policy = Policy(name="playback", quota=20, window_s=0.1)
    windows = 6
    begin, verdicts = threading.Barrier(CLIENTS), []

    def ask():
        limiter = ValkeyLimiter(cache.url)
        begin.wait()
        first = limiter.verdict(policy, viewer_id=viewer)
        mine = [first]
        while mine[-1].at_us < first.at_us + windows * policy.window_s * MICROSECONDS:
            mine.append(limiter.verdict(policy, viewer_id=viewer))
        verdicts.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted = sorted(verdict.at_us for verdict in verdicts if verdict.granted)
    window = policy.window_s * MICROSECONDS
    # Each window that begins with a grant: the one that is `quota` grants later lies behind its end.
    for first, beyond in zip(granted, granted[policy.quota :], strict=False):
        assert beyond - first >= window
    assert len(granted) >= policy.quota * (windows - 1), "what is free is given"
    assert any(not verdict.granted for verdict in verdicts), "there was a crowd"


def test_requests_of_the_same_moment_count_each(server, viewer):
    policy = Policy(name="playback", quota=5)
    together = server.pipeline(transaction=True)
    for _ in range(8):
        together.eval(SCRIPT, 1, key_of(policy, viewer_id=viewer), policy.quota, 60 * MICROSECONDS)
    answers = together.execute()
    assert len({at for *_, at in answers}) < len(answers), "at least two of them at the same microsecond"
    assert [granted for granted, *_ in answers] == [1] * 5 + [0] * 3
    assert [remaining for _, remaining, *_ in answers] == [4, 3, 2, 1, 0, 0, 0, 0]


def test_a_refusal_says_when_there_is_more_and_costs_nothing(cache, server, viewer):
    limiter, policy = ValkeyLimiter(cache.url), Policy(name="playback", quota=2)
    first = limiter.verdict(policy, viewer_id=viewer)
    limiter.verdict(policy, viewer_id=viewer)
    refused = [limiter.verdict(policy, viewer_id=viewer) for _ in range(3)]
    assert [verdict.granted for verdict in refused] == [False] * 3
    for verdict in refused:
        assert verdict.at_us + verdict.reset_us == first.at_us + 60 * MICROSECONDS
    assert server.llen(key_of(policy, viewer_id=viewer)) == 2
    assert 59_000 < server.pttl(key_of(policy, viewer_id=viewer)) <= 60_000


def test_viewers_and_endpoints_are_counted_apart(cache, viewer):
    limiter = ValkeyLimiter(cache.url)
    one = Policy(name="playback", quota=1)
    assert limiter.verdict(one, viewer_id=viewer).granted
    assert not limiter.verdict(one, viewer_id=viewer).granted
    assert limiter.verdict(one, viewer_id=uuid4().hex).granted
    assert limiter.verdict(Policy(name="catalog", quota=1), viewer_id=viewer).granted


def test_a_clock_that_is_set_back_opens_no_window(cache, server, viewer):
    limiter, policy = ValkeyLimiter(cache.url), Policy(name="playback", quota=2)
    ahead = limiter.verdict(policy, viewer_id=uuid4().hex).at_us + 30 * MICROSECONDS
    server.rpush(key_of(policy, viewer_id=viewer), ahead)
    assert limiter.verdict(policy, viewer_id=viewer).at_us == ahead
    assert not limiter.verdict(policy, viewer_id=viewer).granted


def test_a_quota_that_was_lowered_is_kept_from_now_on(cache, viewer):
    limiter = ValkeyLimiter(cache.url)
    times = [limiter.verdict(Policy(name="playback", quota=4), viewer_id=viewer).at_us for _ in range(4)]
    verdict = limiter.verdict(Policy(name="playback", quota=2), viewer_id=viewer)
    assert (verdict.granted, verdict.remaining) == (False, 0)
    assert verdict.at_us + verdict.reset_us == times[2] + 60 * MICROSECONDS


def test_the_cache_s_user_may_run_the_script_and_nothing_else(cache, server, viewer):
    server.execute_command("ACL", "SETUSER", "limits", "reset", "nopass", *ACCESS.split())
    with Valkey(host=cache.address, port=cache.port, username="limits", password="token", lib_name=None) as user:
        asked = user.register_script(SCRIPT)(keys=[f"rate:{{{viewer}}}:playback"], args=[1, MICROSECONDS])
        assert asked[0] == 1
        for command in (("KEYS", "*"), ("FLUSHALL",), ("GET", f"rate:{viewer}"), ("RPUSH", "other", "1")):
            with pytest.raises(NoPermissionError):
                user.execute_command(*command)


def test_a_connection_that_was_closed_meanwhile_is_made_anew(cache, server, viewer):
    limiter, policy = ValkeyLimiter(cache.url), Policy(name="playback", quota=5)
    limiter.verdict(policy, viewer_id=viewer)
    server.client_kill_filter(_type="normal", skipme=True)
    assert limiter.verdict(policy, viewer_id=viewer).remaining == 3


def test_a_server_that_is_slow_is_left_alone_and_tried_again(cache, silent, viewer, monkeypatch):
    monkeypatch.setattr(valkey_limiter, "_TIMEOUT_S", 0.02)
    clock, policy = Clock(), Policy(name="playback", quota=5)
    limiter = ValkeyLimiter(silent, clock=clock)
    for _ in range(2):
        with pytest.raises(LimiterAwayError, match="no verdict"):
            limiter.verdict(policy, viewer_id=viewer)
    with pytest.raises(LimiterAwayError, match="left alone"):
        limiter.verdict(policy, viewer_id=viewer)
    clock.now = 5.0
    with pytest.raises(LimiterAwayError, match="no verdict"):
        limiter.verdict(policy, viewer_id=viewer)
    clock.now = 14.9
    with pytest.raises(LimiterAwayError, match="left alone"):
        limiter.verdict(policy, viewer_id=viewer)


@rate_limited
@problem_documents
def titles(_event, _context):
    return json_answer([])


@pytest.fixture
def ask(monkeypatch, viewer):
    """Ask an endpoint of two requests a minute, as the API does."""

    def ask(url, *, who=viewer):
        for name, value in (
            RateLimitEnvironment(rate_limit_url=url, rate_limit_policy="catalog", rate_limit_quota=2)
            .variables()
            .items()
        ):
            monkeypatch.setenv(name, value)
        claims = {"sub": who} if who else {}
        return titles({"requestContext": {"requestId": "r-1", "authorizer": {"jwt": {"claims": claims}}}}, None)

    return ask


def test_answers_say_what_is_left_and_one_too_many_is_refused(cache, ask):
    first, second, third = (ask(cache.url) for _ in range(3))
    assert first["headers"]["ratelimit-policy"] == '"catalog";q=2;w=60'
    assert first["headers"]["ratelimit"] == '"catalog";r=1;t=60'
    assert second["headers"]["ratelimit"].startswith('"catalog";r=0;t=')
    assert "retry-after" not in second["headers"]
    assert third["statusCode"] == 429
    assert third["headers"]["content-type"] == "application/problem+json"
    assert third["headers"]["ratelimit"] == f'"catalog";r=0;t={third["headers"]["retry-after"]}'
    assert 58 <= int(third["headers"]["retry-after"]) <= 60
    assert json.loads(third["body"])["type"] == "urn:marquee:problem:too-many-requests"


def test_who_is_nobody_is_not_counted(cache, ask):
    answers = [ask(cache.url, who=None) for _ in range(3)]
    assert all("ratelimit" not in answer["headers"] for answer in answers)


def test_without_valkey_requests_pass_and_are_counted_as_unchecked(deploy_cache, deploy, ask, capsys):
    cache = deploy_cache()
    assert "ratelimit" in ask(cache.url)["headers"]
    deploy.delete(cache.stack)
    answers = [ask(cache.url) for _ in range(4)]
    assert [answer["statusCode"] for answer in answers] == [200] * 4
    assert all("ratelimit" not in answer["headers"] for answer in answers)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [metric["Unchecked"] for metric in metrics] == [[1.0]] * 4
    assert {metric["service"] for metric in metrics} == {"rate-limits"}
    assert metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Marquee/RateLimits"
