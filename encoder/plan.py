"""What the tasks ask of the encoding plan."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from encoder.errors import NotInPlanError
from encoder.storage import ObjectStore, parse_uri
from lambdas.common.keys import Workspace
from lambdas.common.media import ObjectRef
from lambdas.encoding.models import Chunk, EncodingPlan, VideoRecipe

# Says what the samples mean and changes none of them. Where a source leaves it unsaid, ffmpeg would take it
# for BT.601, and convert it to what the other side of a comparison says (VMAF 49 was read where 98 is true).
BT709 = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


class Work:
    """A version's plan, and where its intermediate artefacts lie."""

    def __init__(self, plan: EncodingPlan) -> None:
        self.plan = plan
        self.keys = Workspace(version_id=plan.version_id)
        self.fingerprint = hashlib.sha256(plan.model_dump_json().encode()).hexdigest()
        """Marks what this plan made: another plan of the same version must not take it for its own."""

    @classmethod
    def read(cls, uri: str, *, store: ObjectStore) -> Work:
        """Read the plan at `uri`."""
        return cls(store.read(parse_uri(uri), EncodingPlan))

    def object(self, key: str) -> ObjectRef:
        """Return the object `key` of the work bucket."""
        return ObjectRef(bucket=self.plan.work_bucket, key=key)

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

    @property
    def duration_s(self) -> float:
        """The picture's length in seconds."""
        return float(self.plan.frames / self.frame_rate)

    def recipe(self, rung: str) -> VideoRecipe:
        """Return how `rung` is encoded.

        Raises
        ------
        NotInPlanError
            If the plan has no such rung.
        """
        for recipe in self.plan.video:
            if recipe.rung == rung:
                return recipe
        known = ", ".join(recipe.rung for recipe in self.plan.video)
        raise NotInPlanError(f"the plan has no rung {rung!r}; it has {known}")

    def chunk(self, index: int) -> Chunk:
        """Return chunk `index`.

        Raises
        ------
        NotInPlanError
            If the plan has no such chunk.
        """
        for chunk in self.plan.chunks:
            if chunk.index == index:
                return chunk
        raise NotInPlanError(f"the plan has no chunk {index}; it has {len(self.plan.chunks)}")
