"""What `marquee upload` does once the files are there: whom it follows, and what it says."""

from types import SimpleNamespace

import pytest

from lambdas.common.keys import DeliveryLocation
from lambdas.ingestion.arrival import version_id_of

LOCATION = DeliveryLocation(studio="blender", delivery_id="d")


@pytest.fixture
def uploading(main, monkeypatch, tmp_path):
    """A delivery that is sent at once, to an embedded cloud that does not run; what was followed is in `followed`."""
    from cli import upload  # noqa: PLC0415
    from sandbox.cloud import EmbeddedCloudError  # noqa: PLC0415
    from uploader.credentials import Credentials  # noqa: PLC0415
    from uploader.delivery import Delivery, Sent  # noqa: PLC0415
    from uploader.sending import Tally  # noqa: PLC0415

    who = Credentials(studio="blender", site="https://far.example/", client_id="c1", username="u", password="p")
    who.save(tmp_path / "studio.json")
    manifest = SimpleNamespace(title=SimpleNamespace(title_id="a-film"))
    platform = SimpleNamespace(
        output=lambda _, key: {"RawBucket": "raw", "StudioClientId": state.client_id}[key],
    )
    state = SimpleNamespace(
        credentials=tmp_path / "studio.json",
        client_id="c1",
        tally=Tally(parts=1, sent=1, completed=1),
        version="o1",
        states=(),
        followed=[],
        error=None,
        runs=True,
    )

    def send(*_, **__):
        if state.error:
            raise state.error
        return Sent(state.tally, state.version)

    def running():
        if not state.runs:
            raise EmbeddedCloudError("none runs")
        return platform

    def follow(_, *, tell, version_id, **__):
        state.followed.append(version_id)
        for name in state.states:
            tell(name)

    monkeypatch.setattr(upload, "delivery_at", lambda *_, **__: Delivery(LOCATION, (), manifest))
    monkeypatch.setattr(upload, "_credentials", lambda _: who)
    monkeypatch.setattr(upload, "send", send)
    monkeypatch.setattr(upload, "follow", follow)
    monkeypatch.setattr(upload, "deployed_in", lambda _: platform)
    monkeypatch.setattr(upload.common, "platform", running)
    monkeypatch.setattr(upload.common, "embedded_cloud", lambda: SimpleNamespace(log_path="log"))
    return state


def test_the_execution_of_this_very_manifest_is_followed(uploading, marquee, tmp_path):
    assert marquee("upload", tmp_path).exit_code == 0
    assert uploading.followed == [version_id_of("raw", LOCATION.manifest, "o1")]


def test_without_a_version_the_newest_execution_is_followed(uploading, marquee, tmp_path):
    uploading.version = None
    assert marquee("upload", tmp_path).exit_code == 0
    assert uploading.followed == [None]


def test_what_was_there_is_followed_and_told_how_to_announce_it(uploading, marquee, tmp_path):
    uploading.tally = type(uploading.tally)(parts=1, held=1)
    result = marquee("upload", tmp_path)
    assert "--again" in result.output
    assert len(uploading.followed) == 1
    assert marquee("upload", tmp_path, "--no-wait").exit_code == 0
    assert len(uploading.followed) == 1


def test_a_platform_elsewhere_is_not_followed_here(uploading, marquee, tmp_path):
    for uploading.client_id, uploading.runs in (("another", True), ("c1", False)):
        result = marquee("upload", tmp_path, "--credentials", uploading.credentials)
        assert result.exit_code == 0
        assert "Not followed" in result.output
        assert "https://far.example/studio.html" in result.output
    assert uploading.followed == []


def test_credentials_of_the_embedded_cloud_are_followed(uploading, marquee, tmp_path):
    assert marquee("upload", tmp_path, "--credentials", uploading.credentials).exit_code == 0
    assert len(uploading.followed) == 1


@pytest.mark.parametrize(("state", "told"), [("Wait for a review", True), ("Escalate", True), ("Analyse", False)])
def test_a_delivery_that_waits_for_a_review_says_so(uploading, marquee, tmp_path, state, told):
    uploading.states = (state,)
    assert ("marquee review list" in marquee("upload", tmp_path).output) is told


def test_what_may_succeed_later_ends_with_75_and_what_is_refused_with_1(uploading, marquee, tmp_path):
    from uploader.errors import GoneError, LaterError, RefusedError, UnavailableError  # noqa: PLC0415

    for error, code in ((LaterError, 75), (GoneError, 75), (UnavailableError, 75), (RefusedError, 1)):
        uploading.error = error("no")
        result = marquee("upload", tmp_path)
        assert result.exit_code == code
        assert ("Run the same command again" in result.output) is (code == 75)


def test_what_was_there_counts_in_no_rate(main):
    from rich.progress import Progress  # noqa: PLC0415

    from cli.upload import _Bar  # noqa: PLC0415

    now = 0.0
    progress = Progress(get_time=lambda: now, disable=True)
    bar = _Bar(progress, progress.add_task("d", total=1_000_000))
    for second in range(1, 5):
        now = float(second)
        bar.skipped(100_000)
        bar.advanced(10)
    shown = progress.tasks[0]
    assert shown.completed == 400_040
    assert shown.speed == pytest.approx(10)
