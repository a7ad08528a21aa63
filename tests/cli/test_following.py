"""Which execution is followed."""

from itertools import count

import pytest

from lambdas.common.keys import DeliveryLocation

MACHINE = "arn:aws:states:us-east-1:1:stateMachine:Ingest"


class Missing(Exception):  # noqa: N818 - as the service calls it
    pass


class Platform:
    """A state machine whose execution begins after it was asked for `late` times."""

    def __init__(self, late=0):
        self.late, self.asked = late, []
        self.exceptions = type("Exceptions", (), {"ExecutionDoesNotExist": Missing})

    def client(self, _):
        return self

    def output(self, *_):
        return MACHINE

    def describe_execution(self, *, executionArn):  # noqa: N803 - as the service calls it
        self.asked.append(executionArn)
        if len(self.asked) <= self.late:
            raise Missing


@pytest.fixture
def pipeline(main, monkeypatch):
    from sandbox import pipeline  # noqa: PLC0415

    now = count()
    monkeypatch.setattr(pipeline.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(pipeline.time, "sleep", lambda _: None)
    return pipeline


def test_an_execution_is_known_by_its_name_before_it_begins(pipeline):
    platform = Platform(late=3)
    named = pipeline._execution_named(platform, "v1", deadline=100.0)
    assert named == "arn:aws:states:us-east-1:1:execution:Ingest:v1"
    assert set(platform.asked) == {named}


def test_an_execution_that_never_begins_is_given_up(pipeline):
    with pytest.raises(pipeline.PipelineError, match="v1 to start"):
        pipeline._execution_named(Platform(late=10**6), "v1", deadline=20.0)


def test_a_version_is_followed_in_place_of_the_newest_execution(pipeline, monkeypatch):
    followed = []

    def stop(_states, arn, **_):
        followed.append(arn)
        raise pipeline.PipelineError("enough")

    monkeypatch.setattr(pipeline, "_follow_execution", stop)
    with pytest.raises(pipeline.PipelineError, match="enough"):
        pipeline.follow(
            Platform(),
            delivery=DeliveryLocation(studio="blender", delivery_id="d"),
            title_id="a-film",
            timeout_s=99,
            tell=print,
            version_id="v2",
        )
    assert followed == ["arn:aws:states:us-east-1:1:execution:Ingest:v2"]
