"""The command that takes spot machines away; what becomes of the jobs is in tests/sandbox/batch."""

import pytest


@pytest.fixture
def cloud(main, monkeypatch):
    from sandbox.cloud import NotOnSpotError  # noqa: PLC0415 - it needs what may be missing

    class Cloud:
        on_spot = ("one", "two")

        def reclaim(self, *, job, count):
            if job is None:
                return list(self.on_spot[:count])
            if job not in self.on_spot:
                raise NotOnSpotError(f"Job {job} does not run on spot capacity")
            return [job]

    running = Cloud()
    monkeypatch.setattr(main.common, "embedded_cloud", lambda: running)
    return running


def test_as_many_machines_go_as_were_asked_for(marquee, cloud):
    assert "one" in marquee("farm", "reclaim").output
    assert "two" not in marquee("farm", "reclaim").output
    assert "two" in marquee("farm", "reclaim", "--count", "2").output
    assert "two" in marquee("farm", "reclaim", "--job", "two").output


def test_where_none_can_be_taken_it_is_said(marquee, cloud):
    refused = marquee("farm", "reclaim", "--job", "three")
    assert refused.exit_code == 1
    assert "three does not run on spot capacity" in refused.output
    cloud.on_spot = ()
    assert "No job runs on spot" in marquee("farm", "reclaim").output


def test_without_an_embedded_cloud_it_says_how_to_start_one(marquee):
    result = marquee("farm", "reclaim")
    assert result.exit_code == 1
    assert "marquee up" in result.output
