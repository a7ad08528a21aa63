"""What the demo says at its end: a table for people, and one line of JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from lambdas.common.ladder import LadderReport
from lambdas.common.qc import Verdict
from lambdas.ingestion.quality import QualityReport
from sandbox.demo import Published, Up
from sandbox.playback_check import PlaybackCheck
from sandbox.players_check import Played


def show(console: Console, *, up: Up, published: Published) -> None:
    """Print the renditions, the stages, and where the player is."""
    renditions = Table(title="Renditions", title_justify="left")
    for column in ("rung", "size", "codec", "kbit/s", "VMAF mean", "VMAF p5", "key"):
        renditions.add_column(column, justify="left" if column in {"rung", "codec", "key"} else "right")
    for rendition in published.outcome.package.renditions:
        renditions.add_row(
            rendition.rung,
            f"{rendition.width}x{rendition.height}",
            rendition.codec,
            f"{rendition.bitrate_kbps:.0f}",
            f"{rendition.vmaf_mean:.1f}",
            f"{rendition.vmaf_p5:.1f}",
            rendition.tier.value,
        )
    console.print(renditions)
    console.print(_checks(published.outcome.quality))
    stages = Table(title="Stages", title_justify="left")
    stages.add_column("stage")
    stages.add_column("seconds", justify="right")
    for stage in published.outcome.stages:
        stages.add_row(stage.name, f"{stage.seconds:.1f}")
    console.print(stages)
    spent = published.spent
    console.print(
        f"Cost     {spent.usd:.6f} USD on AWS for {spent.jobs} jobs in {spent.attempts} attempts; "
        f"spot saved {spent.saved_usd:.6f}",
        highlight=False,
        soft_wrap=True,
    )
    for line in _saved(published.ladder):
        console.print(line, highlight=False, soft_wrap=True)
    credit = published.delivery.manifest.title.credit
    console.print(f"[dim]{credit}[/]")
    console.print(f"Player   [bold]{up.edge.url}/[/]")
    console.print(f"Sign in  {published.viewer.username}  {published.viewer.password}")
    console.print(f"Studio   [bold]{up.edge.url}/studio.html[/]")
    console.print(f"Sign in  {published.desk.username}  {published.desk.password}")


def as_json(*, up: Up, published: Published, check: PlaybackCheck, players: Mapping[str, Played]) -> str:
    """Return the figures of a checked run as one line of JSON; `players` are those besides the page's own."""
    renditions = published.outcome.package.renditions
    return json.dumps(
        {
            "ok": True,
            "publish_s": round(published.outcome.publish_s, 1),
            "film_s": round(published.outcome.package.duration_s, 2),
            "renditions": [
                {
                    "rung": rendition.rung,
                    "width": rendition.width,
                    "height": rendition.height,
                    "kbps": round(rendition.bitrate_kbps),
                }
                for rendition in renditions
            ],
            "qc": _quality(published.outcome.quality),
            "vmaf": [round(rendition.vmaf_mean, 2) for rendition in renditions],
            **_ladder(published.ladder),
            "jobs": published.spent.jobs,
            "attempts": published.spent.attempts,
            "cost_usd": round(published.spent.usd, 6),
            "session_ms": round(check.session_ms),
            "licence_ms": round(check.licence_ms),
            "first_frame_ms": round(check.first_frame_ms),
            "played_s": round(check.played_s, 1),
            "players": {
                "shaka": round(check.played_s, 1),
                **{player: round(played.played_s, 1) for player, played in players.items()},
            },
            "stacks": up.assembly.stacks,
            "resources": up.assembly.resources,
            "nag_unacknowledged": up.assembly.findings,
        }
    )


def _checks(quality: QualityReport) -> Table:
    table = Table(title=f"Quality control: {quality.verdict}", title_justify="left")
    for column in ("check", "verdict", "measured", "allowed"):
        table.add_column(column, justify="right" if column == "measured" else "left")
    for check in quality.checks:
        measured = "" if check.measured is None else f"{check.measured:g} {check.unit}"
        table.add_row(check.check, check.verdict.value, measured, check.threshold)
    return table


def _saved(report: LadderReport | None) -> Iterator[str]:
    for found in report.ladders if report else ():
        equal = found.savings.equal_vmaf_pct
        yield (
            f"Ladder   {found.codec.value}: bits saved against the fixed ladder {found.savings.at_target_pct:.1f} % at "
            f"the target, {'not known' if equal is None else f'{equal:.1f} %'} at equal VMAF"
        )


def _ladder(report: LadderReport | None) -> dict[str, object]:
    """Return the rungs as they were searched; the savings, by the formulas of `Savings`, of the first codec."""
    if report is None:
        return {
            "ladder": [],
            "savings_equal_vmaf_pct": None,
            "savings_at_target_pct": None,
            "search_frames_ratio": None,
        }
    savings = report.ladders[0].savings
    equal = savings.equal_vmaf_pct
    return {
        "ladder": [
            {
                "rung": rung.rung,
                "codec": found.codec.value,
                "width": rung.width,
                "height": rung.height,
                "kbps": round(rung.kbps),
                "vmaf": round(rung.vmaf, 2),
            }
            for found in report.ladders
            for rung in found.rungs
        ],
        "savings_equal_vmaf_pct": None if equal is None else round(equal, 1),
        "savings_at_target_pct": round(savings.at_target_pct, 1),
        "search_frames_ratio": round(report.search_frames_ratio, 4),
    }


def _quality(quality: QualityReport) -> dict[str, object]:
    measured = {check.check: check.measured for check in quality.checks}
    return {
        "verdict": quality.verdict.value,
        "loudness_lkfs": measured.get("loudness"),
        "true_peak_dbtp": measured.get("true_peak"),
        "findings": [
            {
                "check": check.check,
                "verdict": check.verdict.value,
                "measured": check.measured,
                "unit": check.unit,
                "at": [span.timecode for span in check.at],
            }
            for check in quality.checks
            if check.verdict is not Verdict.PASS
        ],
    }
