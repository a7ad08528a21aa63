"""Content steering: the order in which players try the ways to the segments."""

import pytest

from lambdas.playback.pathways import Pathway, Pathways
from lambdas.playback.steering_handlers import steer
from tests.lambdas.playback.conftest import ONE_WAY, TWO_WAYS


def pathway(name, rank):
    return Pathway(id=name, base_url=f"https://{name}.example/", rank=rank)


@pytest.fixture
def ask(call, monkeypatch):
    """Ask as players do: without a token."""

    def ask(pathways=TWO_WAYS, **query):
        monkeypatch.setenv("PATHWAYS", pathways.model_dump_json())
        monkeypatch.setenv("STEERING_TTL_S", "60")
        return call(steer, query=query or None, viewer=None)

    return ask


@pytest.mark.parametrize(
    ("further", "ranked"),
    [
        ((), ["cdn"]),
        ((pathway("b", 1),), ["cdn", "b"]),
        ((pathway("c", 2), pathway("b", 1), pathway("a", -1)), ["a", "cdn", "b", "c"]),
    ],
)
def test_pathways_are_ranked_whatever_their_order_in_the_settings(further, ranked):
    assert [one.id for one in Pathways(further=further).ranked] == ranked


def test_the_answer_is_a_steering_manifest_of_version_1(ask):
    answer = ask()

    assert answer.status == 200
    assert answer.json == {"VERSION": 1, "TTL": 60, "PATHWAY-PRIORITY": ["isp-1", "cdn"]}
    assert ask(ONE_WAY).json["PATHWAY-PRIORITY"] == ["cdn"]


def test_everybody_may_keep_the_answer_and_it_is_the_same_whatever_a_player_reports(ask):
    plain = ask()
    assert plain.headers == {"content-type": "application/json", "cache-control": "public, max-age=10"}
    for reported in ({"_HLS_pathway": "cdn", "_HLS_throughput": "1"}, {"_DASH_pathway": '"gone\n'}):
        answer = ask(**reported)
        assert (answer.status, answer.text, answer.headers) == (200, plain.text, plain.headers)
