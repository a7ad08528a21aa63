"""What ``marquee restore`` and ``marquee drill restore`` say."""

from types import SimpleNamespace

import pytest

from lambdas.common.media import ObjectRef
from lambdas.storage.models import RestoredObject, RestoreReport, Tier

RESTORED = RestoredObject(
    ref=ObjectRef(bucket="raw", key="blender/d1/film.mov", version_id="s3v"),
    size_bytes=2 * 10**12,
    sha256="a" * 64,
    storage_class="DEEP_ARCHIVE",
    until=None,
    proof="sha256",
)


@pytest.fixture
def storage(main):
    from cli import storage  # noqa: PLC0415

    return storage


@pytest.fixture
def workflow(storage, monkeypatch):
    """A deployed workflow that does as it is told; `asked` is what it was asked for."""
    fake = SimpleNamespace(asked=None, outcome=None)

    def start(_platform, **asked):
        fake.asked = asked
        return "arn:of:the:execution"

    def follow(_platform, _execution, *, tell):
        tell("Wait")
        if isinstance(fake.outcome, Exception):
            raise fake.outcome
        return fake.outcome

    monkeypatch.setattr(storage, "platform", object)
    monkeypatch.setattr(storage, "start", start)
    monkeypatch.setattr(storage, "follow", follow)
    return fake


def test_a_restored_source_is_reported(marquee, workflow):
    workflow.outcome = RestoreReport(
        title_id="bunny", version_id="v1", tier=Tier.BULK, by="operator", objects=(RESTORED,)
    )
    result = marquee("restore", "bunny", "--tier", "Bulk", "--days", "3")
    assert result.exit_code == 0, result.output
    assert workflow.asked == {"title_id": "bunny", "version_id": None, "tier": Tier.BULK, "days": 3}
    for told in ("blender/d1/film.mov", "2,000,000,000,000", "DEEP_ARCHIVE", "sha256"):
        assert told in result.output


def test_a_failed_restoring_says_what_to_do(marquee, workflow, storage):
    workflow.outcome = storage.RestoreError("FAILED: TierUnavailableError: ask for Standard or Bulk")
    result = marquee("restore", "bunny", "--tier", "Expedited")
    assert result.exit_code == 1
    assert "ask for Standard or Bulk" in result.output


def test_nobody_has_to_wait_two_days(marquee, workflow):
    result = marquee("restore", "bunny", "--no-wait")
    assert result.exit_code == 0
    assert "arn:of:the:execution" in result.output


@pytest.mark.parametrize("wrong", [("--tier", "Fast"), ("--days", "0"), ("--days", "1000")])
def test_what_s3_does_not_know_is_a_usage_error(marquee, workflow, wrong):
    assert marquee("restore", "bunny", *wrong).exit_code == 2
    assert workflow.asked is None


@pytest.mark.parametrize("command", [("restore", "bunny"), ("drill", "restore", "bunny")])
def test_without_a_platform_it_says_how_to_get_one(marquee, command):
    result = marquee(*command)
    assert result.exit_code == 1
    assert "marquee up" in result.output


class TestDrill:
    @pytest.fixture
    def real_account(self):
        from sandbox.deployed import Deployed  # noqa: PLC0415

        def client(service, **_):
            raise AssertionError(service)

        return Deployed(session=SimpleNamespace(client=client), endpoint=None)

    def test_a_real_account_is_left_alone(self, marquee, storage, monkeypatch, real_account):
        monkeypatch.setattr(storage, "platform", lambda: real_account)
        result = marquee("drill", "restore", "bunny")
        assert result.exit_code == 1
        assert "--damage-a-real-account" in result.output

    def test_its_outcome_is_told(self, marquee, storage, monkeypatch):
        drilled = storage.Drilled(
            title_id="bunny",
            version_id="v1",
            objects=6,
            size_bytes=3_000_000,
            seconds=1.25,
            damages={"deleted": 2, "destroyed": 4},
            remedies={"undeleted": 2, "copied": 4},
        )
        drill = SimpleNamespace(run=lambda _title, *, tell: tell("damage") or drilled)
        monkeypatch.setattr(storage, "platform", object)
        monkeypatch.setattr(storage, "RestoreDrill", lambda *_, **__: drill)
        result = marquee("drill", "restore", "bunny")
        assert result.exit_code == 0, result.output
        assert "recovered 3.0 MB in 1.2 s" in result.output
