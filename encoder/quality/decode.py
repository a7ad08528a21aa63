"""The one run of ffmpeg that decodes the film and measures picture and sound at once.

Each filter leaves what it found in the metadata of a frame, and ``metadata=print`` writes that to a file. The picture
goes four ways:

- **levels**: every n-th column and line, by nearest neighbour, so that what is measured are samples of the film and
  not averages of them;
- **picture**: every n-th column at full height, because interlacing shows between neighbouring lines; then a small
  picture of area averages, in which grain and ringing do not hide that two frames are the same;
- **thumbnails**: one frame in ten seconds, tiled;
- **detail**: two frames in a row, twice a second, filtered at the film's own size and then thinned to a grid of
  samples, which are written as they are. ffmpeg's ``siti`` takes more than ten times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from encoder.color import JPEG
from encoder.loudness import AS_MIXED, METER
from encoder.quality.source import Source
from encoder.quality.sprites import SpriteLayout
from encoder.tools import Tool, run, threads, untrusted

ENVELOPE_HZ = 1000
SILENCE_S = 1.0
FREEZE_S = 1.0
_LEVELS, _PICTURE = "levels.txt", "picture.txt"
# What is left of a picture of 1080 lines: every fourth column, and for levels every fourth line of it.
_COLUMNS, _LINES = 480, 270
# EBU R 103 lets luma go 5 % over and under, for what filters overshoot and codecs add; chroma is held to the same.
_LUMA_RANGE, _CHROMA_RANGE = (5, 246), (5, 251)
_GRID = 16
DETAIL_COLUMNS, DETAIL_LINES = 64, 36
DETAIL_PEAK = 4095
"""Samples of detail have 12 bits, whatever the film has: full range, so that 8-bit 255 is this."""
SOBEL_DIVISOR = 6
"""By it a gradient cannot leave 12 bits: at most it is 4 x the square root of 2 times the greatest sample."""
_SOBEL = f"sobel=scale={1 / SOBEL_DIVISOR:.9f}"
# The second frame less the first, around the middle of the range: what stands still, as letters do, is no grain.
# A film of one frame has no step, and an output of nothing is an error: the last frame is followed by itself.
_STEP = "tpad=stop=1:stop_mode=clone,tblend=all_mode=grainextract"
# J. Immerkaer, "Fast Noise Variance Estimation", 1996: blind to flat areas, slopes and straight edges along the axes.
_NOISE = "convolution='1 -2 1 -2 4 -2 1 -2 1'"
_SMALL = "320:180"
# Luma of 27 (of 16 to 235) and darker is black, if 98 % of the picture is: a fade's end, and no night scene.
_BLACK = "blackdetect=d=0:pic_th=0.98:pix_th=0.05"
# Field against field: the default, 1.04, takes a slow pan up a soft picture for interlaced; from here on the filter
# errs neither on our sample, which has such a pan, nor on planted fields.
_INTERLACED = "idet=intl_thres=1.15"
_CUT = "scdet=threshold=10"
_FROZEN = f"freezedetect=noise=0.001:duration={FREEZE_S:g}"
_SILENT = f"silencedetect=noise=-60dB:duration={SILENCE_S:g}"
# 24-bit sound's finest step is 1.2e-7.
_ZERO = f"silencedetect=noise=1e-9:duration={SILENCE_S:g}"


@dataclass(frozen=True, kw_only=True)
class SoundFiles:
    """What was measured of one stream of sound."""

    loudness: Path
    silence: Path
    digital_silence: Path
    envelope: Path
    """The power of all channels as 32-bit floats, `ENVELOPE_HZ` a second."""


@dataclass(frozen=True, kw_only=True)
class DetailFiles:
    """Grids of samples, row by row, each sample in 16 bits, little-endian."""

    stride: int
    """From one measured frame to the next."""
    luma: Path
    """Of each measured frame and of the one after it, in turn."""
    edges: Path
    """Of each measured frame: the gradient's length by the Sobel operator, divided by `SOBEL_DIVISOR`."""
    noise: Path
    """Of the step from each measured frame to the next: the average of a cell, filtered by Immerkaer's mask; what is
    negative counts as 0."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What the run left in its folder."""

    picture: Path
    levels: Path
    sound: tuple[SoundFiles, ...]
    sprites: tuple[Path, ...]
    detail: DetailFiles
    columns: int
    """Of the picture in which the bars were looked for; its lines are the film's."""


def decode(source: Source, *, folder: Path, layout: SpriteLayout) -> Decoded:
    """Decode `source` from end to end, once, and leave the measurements and sprite sheets in `folder`.

    Raises
    ------
    ToolFailedError
        If it does not decode to its end, or takes many times its length.
    """
    columns = source.picture.width // max(1, source.picture.width // _COLUMNS)
    # Two measured frames a second: content changes more slowly, and few shots are shorter.
    stride = max(2, round(source.clock.rate / 2))
    graphs = [_picture_graph(source, columns=columns, layout=layout), _detail_graph(source, stride=stride)]
    outputs = ["-map", "[levels]", "-f", "null", "-", "-map", "[picture]", "-f", "null", "-"]
    outputs += ["-map", "[sprites]", "-fps_mode", "passthrough", "-q:v", "4", "-start_number", "0", layout.pattern]
    for detail in ("luma", "edges", "noise"):
        outputs += ["-map", f"[{detail}]", "-fps_mode", "passthrough", "-f", "rawvideo", f"{detail}.gray"]
    for index, stream in enumerate(source.sound):
        graphs.append(_sound_graph(index, channels=max(1, stream.channels)))
        for branch in ("loud", "quiet", "zero"):
            outputs += ["-map", f"[{branch}{index}]", "-f", "null", "-"]
        outputs += ["-map", f"[power{index}]", "-f", "f32le", f"power-{index}.f32"]
    workers = str(threads())
    options = ["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", "-filter_complex_threads", workers]
    # A graph of its own runs in a thread of its own.
    filters = [argument for graph in graphs for argument in ("-filter_complex", graph)]
    # The run is at home in `folder`, where the filters leave their files.
    media = source.media.resolve() if isinstance(source.media, Path) else source.media
    run(
        Tool.FFMPEG,
        [*options, *untrusted(media), "-threads", workers, *AS_MIXED, "-i", media, *filters, *outputs],
        cwd=folder,
        timeout_s=source.patience_s,
    )
    return Decoded(
        picture=folder / _PICTURE,
        levels=folder / _LEVELS,
        sound=tuple(
            SoundFiles(
                loudness=folder / f"loud-{index}.txt",
                silence=folder / f"quiet-{index}.txt",
                digital_silence=folder / f"zero-{index}.txt",
                envelope=folder / f"power-{index}.f32",
            )
            for index in range(len(source.sound))
        ),
        sprites=tuple(sorted(folder.glob("sprite-*.jpg"))),
        detail=DetailFiles(
            stride=stride, luma=folder / "luma.gray", edges=folder / "edges.gray", noise=folder / "noise.gray"
        ),
        columns=columns,
    )


def _picture_graph(source: Source, *, columns: int, layout: SpriteLayout) -> str:
    height = source.picture.height
    lines = height // max(1, height // _LINES)
    rate = source.clock.rate
    # Frame n is at the time n: what filters say in seconds is exact then, whatever the container rounded.
    clock = f"settb=1/({rate}),setpts=N"
    samples = _samples(source)
    as_they_are = "" if source.is_rgb else ":in_range=tv:out_range=tv"
    moment = f"lt(mod(n*{rate.denominator},{layout.interval_s * rate.numerator}),{rate.denominator})"
    # A sample becomes full or nothing, and the average of a plane is the share of those outside. The statistics filter
    # is slow, so that it gets a small picture of averages; rounded inaccurately, they would be a third of 1 % too high.
    full, finer = (1 << source.bit_depth) - 1, source.bit_depth - 8
    marked = ":".join(
        f"{plane}='{full}*not(between(val,{low << finer},{high << finer}))'"
        for plane, (low, high) in (("y", _LUMA_RANGE), ("u", _CHROMA_RANGE), ("v", _CHROMA_RANGE))
    )
    counted = f"scale={_GRID}:{_GRID}:flags=area+accurate_rnd,signalstats,metadata=print:file={_LEVELS}"
    levels = f"scale={columns}:{lines}:flags=neighbor,lutyuv={marked},{counted}"
    fields = f"{_INTERLACED},cropdetect=reset=1:skip=0:round=2"
    small = f"scale={_SMALL}:flags=area,format=yuv420p,{_BLACK},{_FROZEN},{_CUT}"
    brightness = f"scale={_GRID}:{_GRID}:flags=area+accurate_rnd,signalstats,metadata=print:file={_PICTURE}"
    thumbnail = f"scale={layout.width}:{layout.height}:flags=area,{source.to_sdr}{JPEG},setsar=1"
    chains = (
        f"[0:v:0]{clock},split[film][seek]",
        f"[film]scale={columns}:{height}:flags=neighbor{as_they_are},format={samples},split[thin][whole]",
        f"[thin]{levels}[levels]",
        f"[whole]{fields},{small},{brightness}[picture]",
        f"[seek]select='{moment}',{thumbnail},tile={layout.columns}x{layout.rows}[sprites]",
    )
    return ";".join(chains)


def _detail_graph(source: Source, *, stride: int) -> str:
    first = "select='not(mod(n,2))'"
    grid = f"scale={DETAIL_COLUMNS}:{DETAIL_LINES}:flags"
    luma = f"format={_samples(source)},extractplanes=y,format=gray12le"
    chains = (
        f"[0:v:0]select='lt(mod(n,{stride}),2)',settb=1/({source.clock.rate}),setpts=N,{luma},split=3[a][b][c]",
        f"[a]{grid}=neighbor[luma]",
        f"[b]{first},{_SOBEL},{grid}=neighbor[edges]",
        f"[c]{_STEP},{first},{_NOISE},{grid}=area+accurate_rnd[noise]",
    )
    return ";".join(chains)


def _samples(source: Source) -> str:
    # Whatever a file says of its range, its samples are counted as they are: none is converted on the way.
    if source.bit_depth == 8:  # noqa: PLR2004 - bits
        return "yuv420p|yuv422p|yuv444p|yuvj420p|yuvj422p|yuvj444p"
    return "yuv420p10le|yuv422p10le|yuv444p10le"


def _sound_graph(index: int, *, channels: int) -> str:
    power = "+".join(f"{1 / channels:.6f}*c{channel}" for channel in range(channels))
    return ";".join(
        (
            # A stream that begins late is filled up from the beginning: all that follows counts from there.
            f"[0:a:{index}]aresample=async=1:first_pts=0,asplit=5[a{index}][b{index}][c{index}][d{index}][e{index}]",
            f"[a{index}]{METER},ametadata=print:file=loud-{index}.txt[loud{index}]",
            f"[b{index}]{_SILENT},ametadata=print:file=quiet-{index}.txt[quiet{index}]",
            f"[c{index}]{_ZERO},ametadata=print:file=zero-{index}.txt[zero{index}]",
            f"[d{index}][e{index}]amultiply,pan=mono|c0={power},aresample={ENVELOPE_HZ}[power{index}]",
        )
    )
