"""How loud sound is, and by which gain it becomes as loud as it shall be."""

from __future__ import annotations

import math
from pathlib import Path

from encoder.quality import metadata
from encoder.tools import Tool, run
from lambdas.encoding.models import Loudness, LoudnessTarget

METER = "ebur128=metadata=1:peak=true:dualmono=true"
"""The filter that measures, by EBU R 128 and ITU-R BS.1770: with ``ametadata=print`` behind it, it says so.

Mono is measured as it is heard, on two speakers: 3 LU louder than on one.
"""
AS_MIXED = ("-drc_scale", "0")
"""Options of the input: E-AC-3 is measured as it was mixed, and not compressed for quiet rooms as it asks for."""
_GATE_LKFS = -70.0


class Measured(Loudness):
    """What the meter says at the end of a track."""

    range_lu: float


def measure(sound: Path, *, folder: Path) -> Loudness:
    """Return how loud the first stream of a file of our own is, decoded from end to end.

    Raises
    ------
    ToolFailedError
        If it cannot be decoded.
    """
    listing = folder / "loudness.txt"
    listing.unlink(missing_ok=True)
    # The run is at home in `folder`: a path may hold what means something else to a filter.
    meter = ("-af", f"{METER},ametadata=print:file={listing.name}")
    quietly = ("-hide_banner", "-nostdin", "-nostats", "-v", "error")
    run(
        Tool.FFMPEG,
        [*quietly, *AS_MIXED, "-i", sound.resolve(), "-map", "0:a:0", *meter, "-f", "null", "-"],
        cwd=folder,
    )
    found = read(listing)
    return Loudness(integrated_lkfs=found.integrated_lkfs, true_peak_dbtp=found.true_peak_dbtp)


def read(listing: Path) -> Measured:
    """Return what the meter wrote to a file; nothing was measured where there is none."""
    last: dict[str, str] = {}
    # Each line holds what was integrated up to it.
    for said in metadata.frames(listing) if listing.is_file() else ():
        last = said
    integrated = float(last.get("r128.I", "nan"))
    peak = float(last.get("r128.true_peak", "nan"))
    return Measured(
        integrated_lkfs=round(integrated, 2) if integrated > _GATE_LKFS else None,
        range_lu=max(0.0, round(float(last.get("r128.LRA", 0)), 2)),
        true_peak_dbtp=round(20 * math.log10(peak), 2) if peak > 0 else None,
    )


def gain_db(found: Loudness, target: LoudnessTarget) -> float:
    """Return the gain in dB that brings sound to its target, or as near as its peaks allow.

    Silence, and what is too short to be measured, stays as it is, unless its peaks are too high.
    """
    wanted = 0.0 if found.integrated_lkfs is None else target.integrated_lkfs - found.integrated_lkfs
    room = math.inf if found.true_peak_dbtp is None else target.true_peak_dbtp - found.true_peak_dbtp
    return round(min(wanted, room), 2)
