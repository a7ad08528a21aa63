"""The documents by which edges get the keys that they check tokens with."""

import io
import json

import pytest

from lambdas.delivery import edge_keys
from lambdas.playback.models import EdgeKey
from lambdas.playback.tokens import pathway_key

KEY = EdgeKey(kid="k1", key="0123456789abcdef" * 4)


def test_a_further_pathway_is_given_its_own_key_and_not_the_platforms(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["edge_keys", "isp-1"])
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY.model_dump_json()))

    edge_keys.main()

    told = capsys.readouterr().out
    assert json.loads(told) == {"data": [{"key": "k1", "value": pathway_key(KEY, pathway_id="isp-1").key}]}
    assert KEY.key not in told


def test_without_a_pathway_there_is_no_document(monkeypatch):
    monkeypatch.setattr("sys.argv", ["edge_keys"])
    with pytest.raises(SystemExit, match="PATHWAY"):
        edge_keys.main()
