"""``marquee ladder``: which rungs a title was given, why, and what they save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from cli.farm import TITLE, VERSION, UnknownVersionError, version_in
from lambdas.common.ladder import Codec, CodecLadder, LadderReport
from lambdas.common.media import Rendition
from sandbox.operating import OperationError, operate

NAMES: Mapping[Codec, str] = {Codec.H264: "H.264", Codec.H265: "H.265", Codec.AV1: "AV1"}


class NoLadderError(RuntimeError):
    """A version has no ladder of its own."""


def ladder(title: Annotated[str, TITLE], *, version: Annotated[str | None, VERSION] = None) -> None:
    """Show a title's ladder: its rungs as they were searched and measured, and what they save."""
    try:
        known = operate(common.platform(), {"title_id": title}, context="catalog", output="VersionsFunction")
        found = version_in(known, title=title, version=version)
        report = _report(found, title=title)
    except (*EXPECTED, OperationError, UnknownVersionError, NoLadderError) as error:
        fail(error)
    renditions = [Rendition.model_validate(rendition) for rendition in found["renditions"]]
    console.print(f"{title}, version {found['version_id']}", highlight=False)
    for each in report.ladders:
        console.print(_rungs(each, renditions))
        console.print(_fixed(each))
        for line in _savings(each, target=report.vmaf_target):
            console.print(line, highlight=False, soft_wrap=True)
    console.print(_search(report), highlight=False, soft_wrap=True)


def _report(version: Mapping[str, Any], *, title: str) -> LadderReport:
    if not version["ladder"]:
        raise NoLadderError(
            f"version {version['version_id']} of {title} has no ladder of its own: it is not packaged yet, or it was "
            "made before ladders were searched (`marquee campaign start NAME TITLE` makes it anew)"
        )
    return LadderReport.model_validate(version["ladder"])


def _rungs(found: CodecLadder, renditions: Sequence[Rendition]) -> Table:
    """Return the rungs as they were searched, on the excerpts, and as they were measured, on the film.

    VMAF of HDR10 is that of its tone-mapped picture.
    """
    table = _table(
        f"{NAMES[found.codec]}: rungs of this title",
        *("rung", "picture", "key", "CRF", "kbit/s", "VMAF", "kbit/s, film", "VMAF, film"),
        left={"rung", "picture", "key"},
    )
    measured = {rendition.rung: rendition for rendition in renditions}
    for rung in found.made:
        film = measured.get(rung.rung)
        table.add_row(
            rung.rung,
            f"{rung.width}x{rung.height}",
            rung.tier.value,
            f"{rung.crf:g}",
            f"{rung.kbps:.0f}",
            f"{rung.vmaf:.1f}",
            f"{film.bitrate_kbps:.0f}" if film else "",
            f"{film.vmaf_mean:.1f}" if film else "",
        )
    return table


def _fixed(found: CodecLadder) -> Table:
    """Return the fixed ladder, and what each of its rungs' quality costs on the hull."""
    table = _table(
        f"{NAMES[found.codec]}: the fixed ladder, for comparison",
        *("rung", "picture", "kbit/s", "VMAF", "the same VMAF on the hull", "saving"),
        left={"rung", "picture"},
    )
    equal = {each.rung: each for each in found.savings.equal_vmaf}
    for rung in found.fixed:
        same = equal.get(rung.rung)
        table.add_row(
            rung.rung,
            f"{rung.width}x{rung.height}",
            f"{rung.kbps:.0f}",
            f"{rung.vmaf:.1f}",
            f"{same.hull_kbps:.0f} kbit/s" if same else "not on the hull",
            f"{same.saving_pct:.1f} %" if same else "",
        )
    return table


def _savings(found: CodecLadder, *, target: float) -> Iterator[str]:
    saved, best = found.savings, found.rungs[0]
    fixed = max(found.fixed, key=lambda rung: (rung.width * rung.height, rung.kbps))
    if saved.equal_vmaf_pct is None:
        yield "At equal VMAF   not known: no fixed rung's quality lies on the hull"
    else:
        yield (
            f"At equal VMAF   {_pct(saved.equal_vmaf_pct)}: the mean of the savings above, "
            "each 100 x (1 - hull kbit/s / fixed kbit/s)"
        )
    yield (
        f"At the target   {_pct(saved.at_target_pct)}: 100 x (1 - {best.kbps:.0f} / {fixed.kbps:.0f}), "
        f"{best.rung} here over {fixed.rung} of the fixed ladder"
    )
    if saved.fixed_misses_target:
        yield f"The fixed ladder misses VMAF {target:g} with this title: more bits are right."


def _search(report: LadderReport) -> str:
    return (
        f"Searched        {report.search_frames} frames, {100 * report.search_frames_ratio:.1f} % of the "
        f"{report.grid_frames} of the whole grid, and {report.fixed_frames} to compare; "
        f"{report.excerpts} excerpts of {report.excerpt_frames} frames together; "
        f"VMAF {report.vmaf_target:g} + {report.margin:g} aimed at"
    )


def _pct(saving: float) -> str:
    return f"{saving:.1f} % saved" if saving >= 0 else f"{-saving:.1f} % more bits"


def _table(title: str, *columns: str, left: set[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", no_wrap=column in left)
    return table
