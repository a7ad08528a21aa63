"""The sample film's sound: the footage's own, and a quiet bed of generated chords under everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

SAMPLE_RATE_HZ = 48_000

# A minor, F major, C major, G major, four seconds each: the root in hertz, and the third above it.
_CHORDS = ((220.00, 1.1892), (174.61, 1.2599), (261.63, 1.2599), (196.00, 1.2599))
_CHORD_S = 4
_NOTES_A_SECOND = 4
# Of the bed: where the footage has sound of its own, and where it has not.
_UNDER_FOOTAGE, _ALONE = 0.25, 1.0
# The clip is mixed for a cinema, ten decibels under what the web is used to.
_FOOTAGE_GAIN_DB = 9
_FOOTAGE_TEMPO = "25/24"
# Three decibels under full scale, so that peaks between the samples stay under two.
_LIMITER = "alimiter=limit=0.7:level=disabled:latency=1"
_FOOTAGE = frozenset({"footage", "encore"})


class Stretch(Protocol):
    """A scene, as far as its sound goes."""

    @property
    def name(self) -> str:
        """What it shows."""

    @property
    def start_s(self) -> float:
        """When it begins, in seconds."""

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""


def sound_graph(scenes: Iterable[Stretch], *, gain_db: float = 0.0) -> str:
    """Return the filter graph that makes ``[sound]`` of input 0's audio; stereo, 48 kHz, the scenes' length.

    Parameters
    ----------
    gain_db
        Of the mix as a whole.
    """
    stretches = tuple(scenes)
    duration_s = sum(scene.duration_s for scene in stretches)
    footage = [scene for scene in stretches if scene.name in _FOOTAGE]
    own = (
        f"aformat=channel_layouts=stereo,aresample={SAMPLE_RATE_HZ},atempo={_FOOTAGE_TEMPO},volume={_FOOTAGE_GAIN_DB}dB"
    )
    bed = (
        f"aevalsrc=exprs='{_music()}':sample_rate={SAMPLE_RATE_HZ}:duration={duration_s},"
        "aecho=0.8:0.7:90|170:0.25|0.18,pan=stereo|c0=c0|c1=c0,adelay=0|9,"
        f"volume='{_bed_level(footage)}':eval=frame[bed]"
    )
    chains = [bed]
    for scene in footage:
        fade_s = min(0.25, scene.duration_s / 4)
        chains.append(
            f"[0:a:0]{own},atrim=duration={scene.duration_s},asetpts=PTS-STARTPTS,"
            f"afade=in:d={fade_s},afade=out:st={scene.duration_s - fade_s}:d={fade_s},"
            f"adelay={round(scene.start_s * 1000)}:all=1[{scene.name}_sound]"
        )
    joints = "[bed]" + "".join(f"[{scene.name}_sound]" for scene in footage)
    end_s = min(1.5, duration_s / 4)
    chains.append(
        f"{joints}amix=inputs={1 + len(footage)}:normalize=0:duration=longest,volume={gain_db:.2f}dB,{_LIMITER},"
        f"afade=in:d=0.4,afade=out:st={duration_s - end_s}:d={end_s},apad,atrim=duration={duration_s}[sound]"
    )
    return ";".join(chains)


def _bed_level(footage: Iterable[Stretch]) -> str:
    under = "+".join(f"between(t,{scene.start_s},{scene.start_s + scene.duration_s})" for scene in footage)
    return f"if({under},{_UNDER_FOOTAGE},{_ALONE})"


def _music() -> str:
    """An expression of t: a soft chord, and its notes plucked one after the other."""
    chord = f"mod(floor(t/{_CHORD_S}),{len(_CHORDS)})"
    root = _choice("ld(0)", [f"{frequency}" for frequency, _ in _CHORDS])
    third = _choice("ld(0)", [f"{ratio}" for _, ratio in _CHORDS])
    note = _choice("ld(3)", ["1", "ld(2)", "1.4983", "2"])
    swell = f"pow(sin(PI*mod(t,{_CHORD_S})/{_CHORD_S}),0.5)"
    pad = f"0.05*{swell}*(sin(2*PI*ld(1)*t)+0.8*sin(2*PI*ld(1)*ld(2)*t)+0.8*sin(2*PI*ld(1)*1.4983*t))"
    # The attack takes 5 ms: a note that begins at once clicks.
    pluck_s = f"mod(t,1/{_NOTES_A_SECOND})"
    pluck = f"0.11*min(1,{pluck_s}/0.005)*exp(-9*{pluck_s})*sin(4*PI*ld(1)*{note}*t)"
    store = f"0*st(0,{chord})+0*st(1,{root})+0*st(2,{third})+0*st(3,mod(floor(t*{_NOTES_A_SECOND}),4))"
    return f"{store}+{pad}+{pluck}"


def _choice(index: str, values: list[str]) -> str:
    *firsts, last = values
    text = last
    for number in reversed(range(len(firsts))):
        text = f"if(eq({index},{number}),{firsts[number]},{text})"
    return text
