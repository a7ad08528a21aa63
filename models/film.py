"""What encoding a film takes: the planner's own plan and prediction, of a film that nobody has delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.common.content_keys import ContentKey
from lambdas.common.events import SourceAccepted
from lambdas.common.keys import Analysis
from lambdas.common.media import AudioFacts, MediaFacts, ObjectRef, Priority, Tier, TitleMetadata, VideoFacts
from lambdas.encoding.cost import Prediction, predict
from lambdas.encoding.models import EncodingPlan
from lambdas.encoding.planning import plan_of
from lambdas.encoding.prices import PriceList
from stacks.settings import EncodingSettings

_ID = "film"
_VERSION = "v0000000000000000"


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film of SDR in 16:9, with one language in stereo."""

    minutes: float = 120.0
    lines: int = 1080
    frames_a_second: int = 24

    @property
    def frames(self) -> int:
        """How many it has."""
        return round(self.minutes * 60 * self.frames_a_second)

    def prediction(self, encoding: EncodingSettings, *, degraded: bool = False) -> Prediction:
        """Return what its jobs use and cost on what `encoding` asks for first, none of them twice.

        Parameters
        ----------
        degraded
            Whether the farm's mode leaves out what `encoding.shortcuts` names.

        Raises
        ------
        UnknownPresetError
            If nobody has measured a rung's preset.
        """
        return predict(
            self._plan(encoding, degraded=degraded),
            worker_capacity=encoding.first_capacity,
            sizes=encoding.sizes,
            prices=PriceList.load(),
        )

    def _plan(self, encoding: EncodingSettings, *, degraded: bool) -> EncodingPlan:
        return plan_of(
            self._source(),
            keys=[ContentKey(tier=tier, key_id=f"{number:032x}", wrapped=_ID) for number, tier in enumerate(Tier)],
            ladder=encoding.ladder,
            chunk_segments=encoding.chunk_segments,
            segment_s=encoding.segment_s,
            work_bucket=_ID,
            media_bucket=_ID,
            search=encoding.search,
            sound=encoding.sound,
            shortcuts=encoding.shortcuts if degraded else None,
        )

    def _source(self) -> SourceAccepted:
        where = ObjectRef(bucket=_ID, key=_ID)
        analysis = Analysis(_VERSION)
        video = VideoFacts(
            codec="prores",
            width=-(-self.lines * 16 // 9 // 2) * 2,
            height=self.lines,
            sample_aspect_ratio="1/1",
            pixel_format="yuv422p10le",
            bit_depth=10,
            chroma_subsampling="4:2:2",
            frame_rate=f"{self.frames_a_second}/1",
            constant_frame_rate=True,
            frames=self.frames,
            field_order="progressive",
            color_range="tv",
            color_primaries="bt709",
            color_transfer="bt709",
            color_space="bt709",
        )
        sound = AudioFacts(codec="pcm_s24le", channels=2, channel_layout="stereo", sample_rate_hz=48_000, language="en")
        return SourceAccepted(
            studio=_ID,
            delivery_id=_ID,
            version_id=_VERSION,
            title=TitleMetadata(title_id=_ID, name=_ID),
            priority=Priority.LICENSED,
            delivered_at=datetime(2026, 1, 1, tzinfo=UTC),
            media=where,
            facts=MediaFacts(container="mov", duration_s=self.minutes * 60, video=video, audio=(sound,)),
            analysis=where.model_copy(update={"key": analysis.report}),
            thumbnails=where.model_copy(update={"key": analysis.thumbnails}),
            rights=(),
        )
