"""What the tasks ask of the encoding plan."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

from encoder.claims import Claims, Make
from encoder.codecs import pixel_format
from encoder.color import converted, means
from encoder.errors import NotInPlanError
from encoder.quality.clock import Clock
from encoder.storage import ObjectStore, parse_uri
from lambdas.common.keys import Workspace
from lambdas.common.ladder import DynamicRange
from lambdas.common.media import ObjectRef
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import AudioTrack, Chunk, EncodingPlan, VideoRecipe

Name = TypeVar("Name", str, int)
Part = TypeVar("Part")


class Work:
    """A version's plan, and where its intermediate artefacts lie."""

    def __init__(self, plan: EncodingPlan) -> None:
        self.plan = plan
        self.keys = Workspace(version_id=plan.version_id)
        self.jobs = JobIds(plan)

    @classmethod
    def read(cls, uri: str, *, store: ObjectStore) -> Work:
        """Read the plan at `uri`."""
        return cls(store.read(parse_uri(uri), EncodingPlan))

    def object(self, key: str) -> ObjectRef:
        """Return the object `key` of the work bucket."""
        return ObjectRef(bucket=self.plan.work_bucket, key=key)

    def chunk_file(self, rung: str, index: int) -> ObjectRef:
        """Return where an encoded chunk lies."""
        return self.object(self.keys.track(self.jobs.chunk(rung, index)))

    def audio_file(self, track: str) -> ObjectRef:
        """Return where an encoded track of sound lies."""
        return self.object(self.keys.track(self.jobs.audio(track)))

    def loudness_file(self, track: str) -> ObjectRef:
        """Return where the report of a track's loudness lies."""
        return self.object(self.keys.loudness(self.jobs.audio(track)))

    def rendition_file(self, rung: str) -> ObjectRef:
        """Return where a joined rendition lies."""
        return self.object(self.keys.track(self.jobs.join(rung)))

    @property
    def ladder_file(self) -> ObjectRef:
        """Where the report of the search for the ladder lies."""
        return self.object(self.keys.ladder(self.jobs.search))

    def score_file(self, rung: str) -> ObjectRef:
        """Return where the quality score of a rung lies."""
        return self.object(self.keys.score(self.jobs.score(rung)))

    @property
    def package_file(self) -> ObjectRef:
        """Where the packaging report lies."""
        return self.object(self.keys.package(self.jobs.package))

    @property
    def verification_file(self) -> ObjectRef:
        """Where the report of the check lies, if it found no fault."""
        return self.object(self.keys.verification(self.jobs.verify))

    @property
    def faults_file(self) -> ObjectRef:
        """Where the report of the last check lies that found faults."""
        return self.object(self.keys.faults(self.jobs.verify))

    def once(self, job: str, *, target: ObjectRef, claims: Claims, make: Make) -> None:
        """Do a job of this plan once (`Claims.once`)."""
        claims.once(
            version_id=self.plan.version_id,
            job=job,
            target=target,
            attempt=lambda token: self.object(self.keys.attempt(job, token=token)),
            make=make,
        )

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exactly."""
        return Fraction(self.plan.frame_rate)

    @property
    def frame_clock(self) -> str:
        """Filters that give frame n the timestamp n, in units of a frame.

        Containers round timestamps (MXF and Matroska to milliseconds); the frame's number is never rounded.
        """
        return f"settb=1/({self.plan.frame_rate}),setpts=N"

    def seek_s(self, frame: int, *, coded: bool = False) -> float:
        """Return where to seek to in the source, or in a `coded` track of this plan, to begin with `frame`."""
        return Clock(rate=self.frame_rate).seek_s(frame, start_s=0.0 if coded else self.plan.picture_start_s)

    @property
    def source_frames(self) -> str:
        """Filters that make whole frames of those of the source, one of each, and count them as `frame_clock` does."""
        scan = self.plan.picture.scan
        whole = "" if scan == "progressive" else f"bwdif=mode=send_frame:parity={scan}:deint=all,"
        return f"{whole}{self.frame_clock}"

    def picture_of(self, recipe: VideoRecipe) -> str:
        """Return the filters that make of the source's frames what a recipe codes: in a chunk as in a trial."""
        return self.picture(recipe, width=recipe.width, height=recipe.height)

    def shown_by(self, recipe: VideoRecipe) -> str:
        """Return the filters that make of them what a recipe's picture is compared with, on the codec's screen.

        HDR10 is compared as SDR shows it: VMAF knows no PQ.
        """
        width, height = self.plan.display_of(recipe.codec)
        return self.picture(recipe.model_copy(update={"dynamic_range": DynamicRange.SDR}), width=width, height=height)

    def compared_as(self, recipe: VideoRecipe) -> str:
        """Return the filters that make of a recipe's picture, on that screen, what it is compared as."""
        toned = recipe.dynamic_range is DynamicRange.HDR10
        return f"{converted(self.plan.picture, DynamicRange.SDR) if toned else ''}{self._samples(recipe)}"

    def picture(self, recipe: VideoRecipe, *, width: int, height: int) -> str:
        """Return the filters that make of them a picture of a size, of a recipe's dynamic range and pixel format."""
        source = self.plan.picture
        return (
            f"{means(source)},scale={width}:{height}:flags=lanczos+accurate_rnd,"
            f"{converted(source, recipe.dynamic_range)}{self._samples(recipe)}"
        )

    @staticmethod
    def _samples(recipe: VideoRecipe) -> str:
        return f"setsar=1,format={pixel_format(recipe)}"

    @property
    def duration_s(self) -> float:
        """The picture's length in seconds."""
        return float(self.plan.frames / self.frame_rate)

    @property
    def duration_ms(self) -> int:
        """The same in whole milliseconds, in which text is timed."""
        return int(1000 * self.plan.frames / self.frame_rate)

    def recipe(self, rung: str) -> VideoRecipe:
        """Return how `rung` is encoded.

        Raises
        ------
        NotInPlanError
            If the plan has no such rung.
        """
        return _planned("rung", rung, {recipe.rung: recipe for recipe in self.plan.video})

    def track(self, name: str) -> AudioTrack:
        """Return how a track of sound is encoded.

        Raises
        ------
        NotInPlanError
            If the plan has no such track.
        """
        return _planned("track", name, {track.name: track for track in self.plan.audio})

    def chunk(self, index: int) -> Chunk:
        """Return chunk `index`.

        Raises
        ------
        NotInPlanError
            If the plan has no such chunk.
        """
        return _planned("chunk", index, {chunk.index: chunk for chunk in self.plan.chunks})


def _planned(what: str, wanted: Name, there: Mapping[Name, Part]) -> Part:
    if wanted not in there:
        known = ", ".join(map(str, there)) or "none"
        raise NotInPlanError(f"the plan has no {what} {wanted!r}; it has {known}")
    return there[wanted]
