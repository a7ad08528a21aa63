"""The deployed dashboard, and studios that come while the platform runs."""

import pytest

from tests.platform.conftest import NEEDS

pytestmark = [pytest.mark.embedded]
DELIVERY = "black-on-the-desk"
STUDIO = "northlight"


@pytest.fixture(scope="module")
def check_dashboard():
    """The check itself, where there is a browser to make it in."""
    pytest.importorskip("playwright", reason=NEEDS)
    from sandbox import browser, dashboard_check  # noqa: PLC0415

    if browser.find_browser() is None:
        pytest.skip(browser.BROWSER_HELP)
    return dashboard_check.check_dashboard


@pytest.fixture(scope="module")
def waiting(platform, clips, tmp_path_factory):
    """A delivery that a person has to look at."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    files = {FEATURE: clips.black_for_five_seconds}
    folder = tmp_path_factory.mktemp(DELIVERY)
    sent = send(platform.up, name=DELIVERY, files=files, manifest=manifest_of(DELIVERY, files), folder=folder)
    platform.bus.event("ReviewRequested", version_id=platform.version_of(sent))
    return sent


def _onboarding(platform):
    from sandbox.onboarding import Onboarding  # noqa: PLC0415

    address = ("127.0.0.1", platform.up.cloud.sftp_port)
    return Onboarding(platform.up.platform, folder=platform.work_dir / "studios", sftp_address=address)


@pytest.mark.browser
def test_a_studio_reads_its_delivery_in_chromium(check_dashboard, platform, waiting, tmp_path):
    site = platform.up.edge.url
    user = _onboarding(platform).add("blender", site=site).credentials
    pictures = tmp_path / "dashboard-list.png", tmp_path / "dashboard-delivery.png"
    seen = check_dashboard(
        url=f"{site}/studio.html",
        username=user.username,
        password=user.password,
        delivery_id=waiting.delivery_id,
        screenshots=pictures,
    )
    assert seen.stage == "In review"
    assert seen.checks["black"] == "Review"
    assert seen.stills >= 1
    assert len(seen.history) >= len(("received", "judged", "review requested"))
    assert set(seen.refusals.values()) == {401}
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.browser
def test_a_studio_sees_the_ladder_of_its_title_and_an_operator_reads_the_same(
    check_dashboard, platform, published, marquee, tmp_path
):
    site, found = platform.up.edge.url, published.ladder
    assert found.search_frames_ratio <= 0.25
    user = _onboarding(platform).add("blender", site=site).credentials
    seen = check_dashboard(
        url=f"{site}/studio.html",
        username=user.username,
        password=user.password,
        delivery_id=published.location.delivery_id,
        screenshots=(tmp_path / "list.png", tmp_path / "delivery.png"),
    )
    chosen = [rung for each in found.ladders for rung in each.rungs]
    assert seen.rungs == tuple(rung.rung for rung in chosen)
    told = " ".join(marquee("ladder", published.delivery.manifest.title.title_id).output.split())
    for rung in chosen:
        assert f"{rung.rung} │ {rung.width}x{rung.height} │ {rung.tier} │ {rung.crf:g} │ {rung.kbps:.0f} │" in told


def test_a_studio_that_is_added_delivers_and_one_that_is_removed_does_not(marquee, platform, tmp_path):
    from sandbox.studio import UploadError, send_by_sftp, ssh_key  # noqa: PLC0415

    key = ssh_key(tmp_path / "key")
    (tmp_path / "key.pub").write_text(f"{key.public}\n")
    added = marquee("studio", "add", STUDIO, "--ssh-key", tmp_path / "key.pub")
    assert added.exit_code == 0, added.output
    (tmp_path / "manifest.json").write_text("{}")

    def deliver(name):
        send_by_sftp(
            files=[tmp_path / "manifest.json"],
            folder=name,
            user=STUDIO,
            key=key,
            host="127.0.0.1",
            port=platform.up.cloud.sftp_port,
            progress=lambda _: None,
        )

    deliver("first")
    platform.bus.event("DeliveryRejected", studio=STUDIO, delivery_id="first")
    assert STUDIO in marquee("studio", "list").output
    assert marquee("studio", "remove", STUDIO).exit_code == 0
    with pytest.raises(UploadError):
        deliver("second")
    assert STUDIO not in marquee("studio", "list").output
