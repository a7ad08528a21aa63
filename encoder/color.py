"""Colour: what a source's samples mean, and the filters that make of them what a rung shows.

There is one conversion, whoever asks: a chunk, a trial, the reference of a score. Light is computed as displays give it
off (BT.1886 for SDR, ST 2084 for PQ, BT.2100's system of 1,000 cd/m² for HLG).
"""

from __future__ import annotations

from lambdas.common.ladder import DynamicRange
from lambdas.common.media import Chromaticity, HdrFacts, MasteringDisplay, Transfer
from lambdas.encoding.models import SourcePicture

# Says what the samples mean and changes none of them. Where a source leaves it unsaid, ffmpeg would take it
# for BT.601, and convert it to what the other side of a comparison says (VMAF 49 was read where 98 is true).
_MEANS = "setparams=range={range}:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
_TRANSFERS = {None: "bt709", Transfer.PQ: "smpte2084", Transfer.HLG: "arib-std-b67"}
_MADE = {
    DynamicRange.SDR: SourcePicture(),
    DynamicRange.HDR10: SourcePicture(primaries="bt2020", matrix="bt2020nc", hdr=HdrFacts(transfer=Transfer.PQ)),
}
# What a sheet of white paper has in HDR (ITU-R BT.2408); it comes out somewhat below the white of SDR, which is left
# to what is brighter.
_WHITE_NITS = 203
# Of PQ that does not say how bright it gets, and of HLG.
_ASSUMED_PEAK_NITS = 1000
# Up to this share of white light stays as it is; above it highlights are rolled off, so that the peak becomes white.
_KEPT_LIGHT = 0.3
# A curve needs some room above white.
_LEAST_PEAK = 1.01
JPEG = "scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p"
"""A JPEG's colours are BT.601's, of full range, whatever its picture had (JFIF)."""


def means(picture: SourcePicture) -> str:
    """Return the filter that says what samples mean."""
    return _MEANS.format(
        range="pc" if picture.full_range else "tv",
        primaries=picture.primaries,
        transfer=_transfer(picture),
        matrix=picture.matrix,
    )


def made(dynamic_range: DynamicRange) -> str:
    """Return the filter that says what the samples of a rung mean."""
    return means(_MADE[dynamic_range])


def converted(picture: SourcePicture, dynamic_range: DynamicRange) -> str:
    """Return filters, each with a comma behind, that convert a source's samples to those of a dynamic range.

    What has them already is left alone. What the frames of HDR say besides is dropped: displays would take SDR for it.
    """
    bare = "sidedata=mode=delete," if picture.hdr else ""
    if means(picture) == made(dynamic_range):
        return bare
    target = _MADE[dynamic_range]
    light = ""
    if picture.hdr and dynamic_range is DynamicRange.SDR:
        peak = max(_LEAST_PEAK, _peak_nits(picture.hdr) / _WHITE_NITS)
        # HLG's system gamma is one of luminance; approximated, it would be each colour's own, and burn them. PQ has
        # none, and takes a third of the time by a table.
        exactly = ":agamma=false" if picture.hdr.transfer is Transfer.HLG else ""
        light = (
            f"zscale=transfer=linear:npl={_WHITE_NITS}{exactly},format=gbrpf32le,zscale=primaries={target.primaries},"
            # Brighter colours keep their hue: `desat` would bleach them.
            f"tonemap=mobius:param={_KEPT_LIGHT}:desat=0:peak={peak:.4f},"
        )
    coded = f"primaries={target.primaries}:transfer={_transfer(target)}:matrix={target.matrix}:range=limited"
    return f"format=yuv444p16le,{light}zscale={coded}:dither=ordered,{bare}"


def _transfer(picture: SourcePicture) -> str:
    return _TRANSFERS[picture.hdr.transfer if picture.hdr else None]


def _peak_nits(hdr: HdrFacts) -> float:
    if hdr.transfer is Transfer.HLG:
        return _ASSUMED_PEAK_NITS
    display = hdr.mastering_display
    return hdr.max_cll or (display.max_luminance if display else _ASSUMED_PEAK_NITS)


def x265_metadata(hdr: HdrFacts) -> tuple[str, ...]:
    """Return x265's parameters that say what displays want to know of an HDR10 master, as far as it is known.

    Chromaticities are in units of 0.00002, luminances of 0.0001 cd/m² (SMPTE ST 2086).
    """
    display, parameters = hdr.mastering_display, ["hdr10=1"]
    if display:
        parameters.append(f"master-display={_display(display, color=50_000, light=10_000)}")
    if hdr.max_cll is not None or hdr.max_fall is not None:
        parameters.append(f"max-cll={hdr.max_cll or 0},{hdr.max_fall or 0}")
    return tuple(parameters)


def svt_metadata(hdr: HdrFacts) -> tuple[str, ...]:
    """Return the same as parameters of SVT-AV1, which takes chromaticities and cd/m² as they are."""
    display, parameters = hdr.mastering_display, []
    if display:
        parameters.append(f"mastering-display={_display(display, color=None, light=None)}")
    if hdr.max_cll is not None or hdr.max_fall is not None:
        parameters.append(f"content-light={hdr.max_cll or 0},{hdr.max_fall or 0}")
    return tuple(parameters)


def _display(display: MasteringDisplay, *, color: int | None, light: int | None) -> str:
    def number(value: float, unit: int | None) -> str:
        return f"{value:g}" if unit is None else str(round(value * unit))

    def place(of: Chromaticity) -> str:
        return f"({number(of.x, color)},{number(of.y, color)})"

    luminances = f"({number(display.max_luminance, light)},{number(display.min_luminance, light)})"
    return f"G{place(display.green)}B{place(display.blue)}R{place(display.red)}WP{place(display.white)}L{luminances}"
