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


def test_everybody_may_keep_the_answer_and_it_is_the_same_for_all(ask):
    plain = ask()
    assert plain.headers == {"content-type": "application/json", "cache-control": "public, max-age=10"}
    assert ask(_HLS_pathway="cdn", _HLS_throughput="1").text == plain.text


REPORTS = [
    ("_DASH", "cdn", "1204000"),
    ("_DASH", "cdn,isp-1", "1204000"),
    ("_DASH", '"cdn,isp-1"', "1204000,"),
    ("_DASH", '"cdn"', ""),
    ("_HLS", "cdn", "500000"),
    ("_HLS", "cdn", "-1294967296"),
    # A pathway that was taken away: who loads from it needs the answer most.
    ("_HLS", "gone.1_2", "3"),
]


@pytest.mark.parametrize(("kind", "loads_from", "throughput"), REPORTS)
def test_what_players_report_is_taken_and_logged(ask, caplog, kind, loads_from, throughput):
    answer = ask(**{f"{kind}_pathway": loads_from, f"{kind}_throughput": throughput})

    assert answer.status == 200
    [line] = [vars(record) for record in caplog.records if record.message == "steered"]
    name = kind.removeprefix("_").lower()
    assert line["reported"] == {f"{name}_pathway": loads_from, f"{name}_throughput": throughput}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_DASH_pathway", ""),
        ("_DASH_pathway", '"cdn'),
        ("_DASH_pathway", "c d n"),
        ("_DASH_pathway", "cdn\nforged"),
        ("_HLS_pathway", "x" * 601),
        ("_DASH_throughput", "fast"),
        ("_HLS_throughput", "1e9"),
        ("_HLS_throughput", "1" * 201),
    ],
)
def test_a_report_that_no_player_makes_is_refused_with_a_problem(ask, field, value):
    answer = ask(**{field: value})

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.headers["cache-control"] == "private, no-store"
