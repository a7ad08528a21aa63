"""Planning the encoding of a version: its chunks, its ladder, its sound and its keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import PermanentError
from lambdas.common.events import EncodingStarted, SourceAccepted
from lambdas.common.ladder import DynamicRange
from lambdas.common.media import EncodingMode, MediaFacts, Tier
from lambdas.common.parsing import parse
from lambdas.encoding.excerpts import excerpts_of
from lambdas.encoding.farm_mode import Shortcuts, left_by
from lambdas.encoding.ladder import cut_to
from lambdas.encoding.models import (
    VMAF_TARGET,
    AudioTrack,
    Chunk,
    EncodingPlan,
    Floor,
    SearchRules,
    SoundRules,
    VideoRecipe,
)
from lambdas.encoding.shots import Shot
from lambdas.encoding.sound import tracks_of
from lambdas.encoding.source_picture import is_pq, shown_size, source_picture

UNSEEN_S = 0.1
"""How long after a cut a change of quality passes unseen, cautiously: the eye takes in a new scene's detail slowly
(Seyler and Budrikis, *Detail Perception after Scene Changes in Television Image Presentations*, 1965)."""


class NoPictureError(PermanentError):
    """A source without a picture cannot be encoded; ingestion accepts none."""


class KeyMissingError(PermanentError):
    """No content key was issued for a tier that the ladder uses."""


def plan_of(
    source: SourceAccepted,
    *,
    keys: Sequence[ContentKey],
    ladder: Sequence[VideoRecipe],
    chunk_segments: int,
    segment_s: float,
    work_bucket: str,
    media_bucket: str,
    search: SearchRules,
    sound: SoundRules,
    floors: Mapping[Tier, Floor] = MappingProxyType({}),
    shots: Sequence[Shot] = (),
    shortcuts: Shortcuts | None = None,
) -> EncodingPlan:
    """Return the plan of a source, up to the search for its ladder. The same source, shots and shortcuts give the same.

    Parameters
    ----------
    source
        The accepted source, with what the probe found.
    keys
        The title's content keys; those of the tiers in use go into the plan.
    ladder
        The rungs of the fixed ladder, as boxes; those of HDR10 are left out, unless the source is PQ.
    chunk_segments
        Segments a chunk.
    segment_s
        Seconds a segment, nominally; it is rounded to whole frames.
    work_bucket, media_bucket
        Where artefacts and the packaged version go.
    search
        What the search for the title's own ladder is held to.
    sound
        What is made of the source's sound.
    floors
        What a best rung will have to reach, by tier. A ladder is searched for the usual target, or for the highest of
        the title's floors, where that is higher.
    shots
        The film's shots, as far as they are known.
    shortcuts
        What is left out; none: nothing, the mode is normal.

    Raises
    ------
    NoPictureError
        If the source has no picture, or not one frame.
    PictureNotTakenError
        If it cannot be encoded rightly.
    KeyMissingError
        If a tier in use has no key.
    """
    video = source.facts.video
    if video is None or video.frames < 1:
        raise NoPictureError(f"{source.media.uri} has no picture")
    frame_rate = Fraction(video.frame_rate)
    segment_frames = max(1, round(Fraction(segment_s) * frame_rate))
    picture, size = source_picture(video), shown_size(video)
    offered = [rung for rung in ladder if rung.dynamic_range is DynamicRange.SDR or is_pq(picture.hdr)]
    rungs = left_by(shortcuts, cut_to(offered, width=size.width, height=size.height))
    audio = tracks_of(source.facts.audio, sound)
    return EncodingPlan(
        studio=source.studio,
        delivery_id=source.delivery_id,
        title_id=source.title.title_id,
        version_id=source.version_id,
        priority=source.priority,
        mode=EncodingMode.DEGRADED if shortcuts else EncodingMode.NORMAL,
        vmaf_target=shortcuts.vmaf_target if shortcuts else _target(rungs, floors=floors),
        source=source.media,
        subtitles=source.subtitles,
        thumbnails=source.thumbnails,
        work_bucket=work_bucket,
        media_bucket=media_bucket,
        frame_rate=f"{frame_rate.numerator}/{frame_rate.denominator}",
        frames=video.frames,
        width=size.width,
        height=size.height,
        picture=picture,
        picture_start_s=_picture_start_s(source.facts),
        segment_frames=segment_frames,
        segment_s=float(segment_frames / frame_rate),
        chunks=chunks_of(
            frames=video.frames,
            segment_frames=segment_frames,
            chunk_segments=chunk_segments,
            cuts=[shot.first_frame for shot in shots],
            unseen_frames=int(UNSEEN_S * frame_rate),
        ),
        video=rungs,
        fixed=rungs,
        excerpts=excerpts_of(shots, frames=video.frames, frame_rate=frame_rate, rules=search),
        search=search,
        audio=audio,
        keys=keys_in_use(keys, rungs=rungs, audio=audio),
    )


def chunks_of(
    *, frames: int, segment_frames: int, chunk_segments: int, cuts: Collection[int] = (), unseen_frames: int = 0
) -> tuple[Chunk, ...]:
    """Return runs of whole segments that cover `frames`: of `chunk_segments` each, or so that they begin with a shot.

    Each border may move by up to half of `chunk_segments`, to the segment nearest to its place that begins with a shot,
    or at most `unseen_frames` after it does. So the number of chunks is what it would be without cuts, and a
    chunk has from half to one and a half times `chunk_segments`; only the last may be shorter.

    Parameters
    ----------
    cuts
        The first frames of shots.
    unseen_frames
        How long after a cut a viewer does not see what else changes.
    """
    segments = -(-frames // segment_frames)
    begins = {cut + late for cut in cuts for late in range(unseen_frames + 1)}
    least, aside = -(-chunk_segments // 2), chunk_segments // 2
    borders = [0]
    for place in range(chunk_segments, segments, chunk_segments):
        first = max(place - aside, borders[-1] + least)
        last = min(place + aside, borders[-1] + chunk_segments + aside, segments - 1)
        near = [(abs(border - place), border) for border in range(first, last + 1) if border * segment_frames in begins]
        borders.append(min(near)[1] if near else place)
    ends = [*(border * segment_frames for border in borders[1:]), frames]
    return tuple(
        Chunk(index=index, first_frame=border * segment_frames, frames=end - border * segment_frames)
        for index, (border, end) in enumerate(zip(borders, ends, strict=True))
    )


def source_in(state: Mapping[str, object]) -> SourceAccepted:
    """Return the source that an execution is about; what else its state holds is passed over.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    known = SourceAccepted.model_fields
    return parse(SourceAccepted, {name: value for name, value in state.items() if name in known})


def started(plan: EncodingPlan, *, jobs: int) -> EncodingStarted:
    """Return the event of a version whose ladder is chosen; `jobs` are all of it, the search included."""
    return EncodingStarted(
        studio=plan.studio,
        delivery_id=plan.delivery_id,
        title_id=plan.title_id,
        version_id=plan.version_id,
        rungs=tuple(recipe.rung for recipe in plan.video),
        jobs=jobs,
        mode=plan.mode,
    )


def _target(rungs: Sequence[VideoRecipe], *, floors: Mapping[Tier, Floor]) -> float:
    """Return the VMAF that the best rungs are searched for; a lower floor makes no title's picture worse."""
    return max([VMAF_TARGET, *(floors[tier].vmaf_mean for tier in {rung.tier for rung in rungs} & floors.keys())])


def _picture_start_s(facts: MediaFacts) -> float:
    """Return when the picture begins on the container's clock, which begins with whichever stream is first."""
    if facts.video is None or facts.video.start_s is None or facts.start_s is None:
        return 0.0
    return max(0.0, round(facts.video.start_s - facts.start_s, 6))


def keys_in_use(
    keys: Sequence[ContentKey], *, rungs: Sequence[VideoRecipe], audio: Sequence[AudioTrack]
) -> tuple[ContentKey, ...]:
    """Return those of `keys` that tracks are encrypted with: a plan has no other.

    Raises
    ------
    KeyMissingError
        If a tier in use has none.
    """
    tiers = {recipe.tier for recipe in rungs} | ({Tier.AUDIO} if audio else set())
    in_use = tuple(key for key in keys if key.tier in tiers)
    missing = tiers - {key.tier for key in in_use}
    if missing:
        raise KeyMissingError(f"no content key was issued for {', '.join(sorted(missing))}")
    return in_use
