import pytest
from pydantic import ValidationError

from lambdas.common.environment import Environment
from lambdas.common.failures_environment import EvidenceEnvironment


class Sample(Environment):
    table: str
    ttl_s: int


def test_what_the_stack_deploys_the_handler_loads(monkeypatch):
    deployed = Sample(table="titles", ttl_s=60)
    for name, value in deployed.variables().items():
        monkeypatch.setenv(name, value)
    assert Sample.load() == deployed


def test_a_missing_variable_is_named(monkeypatch):
    monkeypatch.setenv("TABLE", "titles")
    monkeypatch.delenv("TTL_S", raising=False)
    with pytest.raises(ValidationError, match="ttl_s"):
        Sample.load()


def test_a_misnamed_variable_cannot_be_deployed():
    with pytest.raises(ValidationError, match="tabel"):
        Sample(table="titles", ttl_s=60, tabel="titles")


def test_a_pipeline_that_does_not_exist_cannot_be_deployed():
    with pytest.raises(ValidationError, match="pipeline"):
        EvidenceEnvironment(failures_queue_url="u", log_group="l", pipeline="encodings")
