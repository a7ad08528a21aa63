"""A film that went all the way: what lies where, who was told, and what a viewer gets of it."""

import base64
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest

from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.keys import DeliveryLocation, PublishedVersion, Workspace
from lambdas.ingestion.models import InspectionReport
from lambdas.playback.models import EdgeKey, Session
from lambdas.playback.tokens import mint
from tests.platform.viewer import TITLE
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

MPD = {"": "urn:mpeg:dash:schema:mpd:2011", "cenc": "urn:mpeg:cenc:2013"}
TIERS = {"AUDIO", "SD"}


@pytest.fixture(scope="module")
def version(published):
    return published.outcome.version_id


@pytest.fixture
def manifest(viewer, session):
    """The DASH manifest of a session, parsed."""
    answer = viewer.get(session["manifests"]["dash"])
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/dash+xml"
    return ET.fromstring(answer.body)  # noqa: S314 - our own packager's


@pytest.fixture
def segments(manifest):
    """The paths of each representation's objects, the initialisation first, by its type and its number within it."""
    base = manifest.findtext("BaseURL", namespaces=MPD)
    found = {}
    for group in manifest.iterfind(".//AdaptationSet", MPD):
        for number, representation in enumerate(group.iterfind("Representation", MPD)):
            template = representation.find("SegmentTemplate", MPD)
            count = sum(1 + int(s.get("r", "0")) for s in template.iterfind(".//S", MPD))
            names = [template.get("initialization")]
            names += [template.get("media").replace("$Number$", str(n)) for n in range(1, count + 1)]
            found[group.get("contentType"), number] = [urljoin(base, name) for name in names]
    return found


@pytest.fixture
def segment(segments):
    return segments["video", 0][1]


@pytest.fixture(scope="module")
def content_keys(platform):
    """The title's content keys, as KMS opens them: by key id, in hexadecimal."""
    table = platform.resource("playback", "ContentKeys", kind="AWS::DynamoDB::GlobalTable")
    items = platform.client("dynamodb").scan(TableName=table)["Items"]
    keys = [
        ContentKey(tier=item["tier"]["S"], key_id=item["key_id"]["S"], wrapped=item["wrapped"]["S"])
        for item in items
        if item["title_id"]["S"] == TITLE
    ]
    opened = {}
    for key in keys:
        context = encryption_context(title_id=TITLE, tier=key.tier, key_id=key.key_id)
        answer = platform.client("kms").decrypt(CiphertextBlob=base64.b64decode(key.wrapped), EncryptionContext=context)
        opened[key.key_id] = answer["Plaintext"]
    return opened


def _base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _licence(viewer, session, kids):
    body = {"kids": [_base64url(bytes.fromhex(kid)) for kid in kids], "type": "temporary"}
    return viewer.post(session["license_url"], body)


def test_it_went_through_every_state(platform, published, version):
    ingestion = platform.ended("ingestion", version)
    assert (ingestion["status"], platform.way(ingestion)[-1]) == ("SUCCEEDED", "Accepted")
    encoding = platform.ended("encoding", version)
    assert (encoding["status"], platform.way(encoding)[-1]) == ("SUCCEEDED", "Packaged")


def test_every_job_of_it_ran_once(platform, published, version):
    found = [rendition.rung for rendition in published.outcome.package.renditions]
    rungs = [f"{rung}-{part}" for rung in found for part in ("chunk-0", "chunk-1", "join", "score")]
    for label in ("search", *rungs, "audio-eng_stereo_128k", "package", "verify"):
        [job] = platform.jobs(f"{version}-{label}")
        assert (job["status"], len(job["attempts"])) == ("SUCCEEDED", 1), label


def test_every_event_was_announced_once(platform, published, version):
    told = "TitlePublished"
    platform.bus.event(told, version_id=version)
    named = [event["detail-type"] for event in platform.bus.all() if event["detail"].get("version_id") == version]
    # How it is getting on is announced as often as it changes.
    named = [name for name in named if name != "EncodingProgressed"]
    before = ["DeliveryReceived", "QualityJudged", "SourceAccepted", "EncodingStarted", "VersionPackaged"]
    assert sorted(named) == sorted([*before, told])


def test_how_it_got_on_was_announced_until_all_was_done_and_is_kept(platform, published, version):
    jobs = len(platform.claims(version))

    def all_done():
        told = platform.bus.events("EncodingProgressed", version_id=version)
        last = max(told, key=lambda said: said["at"], default=None)
        return last if last and last["jobs"]["done"] == jobs else None

    last = eventually(all_done, waiting_for="the last of its progress")
    assert last["jobs"] == {"total": jobs, "done": jobs, "running": 0, "failed": 0}
    chunks = 2 * len(published.outcome.package.renditions)
    assert last["chunks"] == {"total": chunks, "done": chunks, "running": 0, "failed": 0}
    assert last["usd"] == pytest.approx(published.spent.usd)
    asked = {
        "requestContext": {"authorizer": {"jwt": {"claims": {"cognito:groups": "[blender]"}}}, "requestId": "r"},
        "pathParameters": {"delivery_id": published.location.delivery_id},
    }

    def kept():
        answer = json.loads(platform.invoke("ingestion", "GetDelivery", asked)["body"])
        [seen] = [each for each in answer["versions"] if each["version_id"] == version]
        return seen if seen["encoding"] and seen["encoding"]["finished"] else None

    seen = eventually(kept, waiting_for="the delivery's record of it")
    assert seen["encoding"]["chunks"] == last["chunks"]
    assert "EncodingProgressed" not in {entry["event"] for entry in seen["history"]}


def test_the_studio_is_told(platform, published, version):
    accepted = platform.letters.event("SourceAccepted", version_id=version)
    assert accepted["facts"]["video"]["codec"] == "prores"
    publication = platform.letters.event("TitlePublished", version_id=version)
    assert publication["studio"] == "blender"
    assert publication["renditions"] == [each.model_dump(mode="json") for each in published.outcome.package.renditions]


def test_the_renditions_are_what_the_plan_says(published):
    package = published.outcome.package
    assert package.duration_s == pytest.approx(12.0, abs=0.05)
    best, *others = package.renditions
    assert (best.rung, best.width, best.height, best.codec) == ("360p", 640, 360, "h264")
    assert others
    assert {(rendition.width, rendition.height) for rendition in others} <= {(854, 480), (640, 360)}
    rates = [rendition.bitrate_kbps for rendition in package.renditions]
    assert rates == sorted(rates, reverse=True)
    assert all(60 < rendition.vmaf_mean <= 100 for rendition in package.renditions)


def test_the_catalog_lists_it(viewer, version):
    answer = viewer.get("/api/catalog/titles")
    assert answer.status == 200
    [listed] = [title for title in answer.json["titles"] if title["title_id"] == TITLE]
    assert listed["version_id"] == version
    assert listed["name"] == "Big Buck Bunny"
    assert "Blender Foundation" in listed["credit"]
    assert listed["duration_s"] == pytest.approx(12.0, abs=0.05)


def test_the_poster_needs_no_token(viewer, thief):
    [listed] = [t for t in viewer.get("/api/catalog/titles").json["titles"] if t["title_id"] == TITLE]
    poster = thief.get(listed["poster"])
    assert (poster.status, poster.headers["content-type"]) == (200, "image/jpeg")
    assert poster.body.startswith(b"\xff\xd8\xff")


def test_the_publication_is_on_record(platform, version):
    items = {item["sk"]: item for item in platform.catalog(TITLE)}
    [audit] = [item for sk, item in items.items() if sk.startswith("AUDIT#")]
    assert (audit["action"], audit["version_id"], audit["previous_version"]) == ("publish", version, None)
    assert items["TITLE"]["current_version"] == version
    assert items[f"VERSION#{version}"]["state"] == "published"


def test_every_object_of_the_manifest_is_served_to_the_holder_of_the_token(thief, segments, published):
    # The token in the path is all the right that is needed: whoever plays sends no other.
    rungs = len(published.outcome.package.renditions)
    assert set(segments) == {*(("video", number) for number in range(rungs)), ("audio", 0), ("text", 0)}
    for paths in segments.values():
        assert len(paths) == 4
        assert [thief.get(path).status for path in paths] == [200] * 4


def test_there_is_one_way_to_the_segments_and_whoever_asks_is_told_so(thief, session, manifest):
    assert session["pathways"] == [{"id": "cdn", "base": session["edge"]["base"]}]
    assert manifest.find("ContentSteering", MPD) is None
    answer = thief.get("/api/playback/steering?_DASH_pathway=%22cdn%22&_DASH_throughput=5000")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=10"
    assert answer.json == {"VERSION": 1, "TTL": 60, "PATHWAY-PRIORITY": ["cdn"]}
    # What a player reports tells nothing apart that the edge keeps, and reaches nobody: none can spoil it for others.
    again = thief.get("/api/playback/steering?_DASH_throughput=fast")
    assert (again.headers["x-cache"], again.json) == ("HIT", answer.json)


def test_hls_names_the_same_film(viewer, session, thief, published):
    answer = viewer.get(session["manifests"]["hls"])
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    # Each rung once with text in WebVTT, and once with IMSC1.
    playlists = {line for line in answer.text.splitlines() if line and not line.startswith("#")}
    assert len(playlists) == len(published.outcome.package.renditions)
    for path in playlists:
        playlist = thief.get(path)
        assert playlist.status == 200
        keys = re.findall(r'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="([^"]+)".*KEYFORMAT="([^"]+)"', playlist.text)
        formats = {key_format for _, key_format in keys}
        assert formats >= {"org.w3.clearkey", "com.apple.streamingkeydelivery", "com.microsoft.playready"}
        [start] = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', playlist.text)
        names = [start, *(line for line in playlist.text.splitlines() if line and not line.startswith("#"))]
        assert len(names) == 4
        assert {thief.get(urljoin(path, name)).status for name in names} == {200}


def test_a_range_is_a_part_of_the_segment(thief, segment):
    whole = thief.get(segment).body
    part = thief.get(segment, headers={"range": "bytes=100-299"})
    assert part.status == 206
    assert part.body == whole[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"


def test_the_licence_has_the_keys_that_kms_opens(viewer, session, manifest, content_keys):
    protection = manifest.findall(".//ContentProtection[@cenc:default_KID]", MPD)
    kids = {p.get(f"{{{MPD['cenc']}}}default_KID").replace("-", "") for p in protection}
    assert len(kids) == len(TIERS)
    answer = _licence(viewer, session, sorted(kids))
    assert answer.status == 200
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.json["type"] == "temporary"
    granted = {key["kid"]: key["k"] for key in answer.json["keys"]}
    assert granted == {_base64url(bytes.fromhex(kid)): _base64url(content_keys[kid]) for kid in kids}


def test_only_the_keys_that_were_asked_for_are_given(viewer, session, published):
    audio = published.outcome.package.key_ids["AUDIO"]
    assert [key["kid"] for key in _licence(viewer, session, [audio]).json["keys"]] == [_base64url(bytes.fromhex(audio))]


def test_the_segments_open_with_the_licence_and_not_without(viewer, session, thief, segments, published, tmp_path):
    from encoder.errors import ToolFailedError  # noqa: PLC0415
    from encoder.tools import ffmpeg  # noqa: PLC0415

    kid = published.outcome.package.key_ids["SD"]
    [key] = _licence(viewer, session, [kid]).json["keys"]
    clear = base64.urlsafe_b64decode(key["k"] + "==").hex()
    video = tmp_path / "video.mp4"
    video.write_bytes(b"".join(thief.get(path).body for path in segments["video", 0]))
    decode = ("-i", video, "-f", "null", "-")
    ffmpeg("-xerror", "-err_detect", "explode", "-decryption_key", clear, *decode)
    with pytest.raises(ToolFailedError):
        ffmpeg("-xerror", "-err_detect", "explode", "-decryption_key", "0" * 32, *decode)


def test_a_segment_is_refused_without_its_token(thief, session, segment):
    token = session["edge"]["token"]
    for path in (
        segment.replace(f"/{token}", ""),
        segment.replace(token, "garbage"),
        segment.replace(token, token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]),
    ):
        assert thief.get(path).status == 403


def test_a_segment_is_refused_with_an_expired_token(platform, thief, session, segment, published):
    secret = platform.resource("playback", "EdgeKey", kind="AWS::SecretsManager::Secret")
    key = EdgeKey.model_validate_json(
        platform.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    )
    now = int(datetime.now(UTC).timestamp())

    def status(*, expires_at):
        token = mint(
            session=Session(
                session_id="s",
                viewer_id="v",
                title_id=TITLE,
                version_id=session["version_id"],
                manifests={"dash": "d", "hls": "h"},
                created_at=now - 60,
                expires_at=expires_at,
            ),
            key=key,
        )
        return thief.get(segment.replace(session["edge"]["token"], token)).status

    assert status(expires_at=now + 60) == 200
    assert status(expires_at=now - 1) == 403


def test_a_token_opens_no_other_version(thief, session, segment):
    assert thief.get(segment.replace(session["version_id"], "v0000000000000000")).status == 403


def test_a_licence_needs_the_session_of_a_signed_in_viewer(thief, stranger, session, published):
    kid = published.outcome.package.key_ids["SD"]
    assert _licence(thief, session, [kid]).status == 401
    assert _licence(stranger, session, [kid]).status == 404


def test_a_session_is_kept_alive_and_after_its_end_opens_nothing_more(viewer, published):
    session, kid = viewer.watch(TITLE), published.outcome.package.key_ids["SD"]
    assert viewer.ask("POST", session["heartbeat_url"]).status == 204
    assert _licence(viewer, session, [kid]).status == 200

    assert viewer.ask("DELETE", session["url"]).status == 204

    refused = (
        viewer.ask("POST", session["heartbeat_url"]),
        viewer.get(session["manifests"]["dash"]),
        _licence(viewer, session, [kid]),
    )
    assert [answer.status for answer in refused] == [410, 410, 410]


def test_who_has_as_many_sessions_as_the_plan_allows_gets_no_other(stranger):
    opened = []
    for name in ("Kitchen", "Phone", "Laptop"):
        answer = stranger.post("/api/playback/sessions", {"title_id": TITLE, "device": {"name": name}})
        opened.append(answer)
    *running, refused = opened
    for answer in running:
        assert stranger.ask("DELETE", answer.json["url"]).status == 204

    assert [answer.status for answer in opened] == [201, 201, 409]
    assert (refused.json["reason"], refused.json["limit"]) == ("stream-limit", 2)
    assert {one["device"] for one in refused.json["playing"]} == {"Kitchen", "Phone"}
    assert running[0].json["tier"] == {"allowed": "SD", "reasons": []}


def test_progress_is_where_the_next_session_resumes(viewer):
    report = {"title_id": TITLE, "position_s": 7.5, "recorded_at": datetime.now(UTC).isoformat()}
    assert viewer.post("/api/playback/progress", report).status == 200
    assert viewer.watch(TITLE)["resume_position_s"] == 7.5
    [begun] = [one for one in viewer.get("/api/playback/progress").json["titles"] if one["title_id"] == TITLE]
    assert (begun["position_s"], begun["next_title_id"]) == (7.5, None)


def test_a_late_report_of_progress_does_not_win(viewer):
    now = datetime.now(UTC)
    for position, at in ((6.0, now), (2.0, now.replace(year=now.year - 1))):
        report = {"title_id": TITLE, "position_s": position, "recorded_at": at.isoformat()}
        assert viewer.post("/api/playback/progress", report).status == 200
    assert viewer.watch(TITLE)["resume_position_s"] == 6.0


def test_the_page_is_served_with_its_policy(thief):
    page = thief.get("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("role", ["raw", "media"])
def test_what_cannot_be_made_again_is_replicated(platform, published, version, role):
    source = platform.output(*{"raw": ("ingestion", "RawBucket"), "media": ("encoding", "MediaBucket")}[role])
    replica = source.replace(f"-{role}-", f"-{role}-replica-").replace("us-east-1", "us-west-2")
    if role == "raw":
        prefix = DeliveryLocation(studio="blender", delivery_id=_delivery_of(platform, version)).prefix
    else:
        prefix = PublishedVersion(title_id=TITLE, version_id=version).prefix

    def objects(bucket):
        listed = platform.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return {(entry["Key"], entry["ETag"], entry["Size"]) for entry in listed.get("Contents", [])}

    assert len(objects(source)) >= 3
    eventually(lambda: objects(replica) == objects(source), waiting_for=f"{prefix} in {replica}")


def _delivery_of(platform, version):
    return platform.bus.event("SourceAccepted", version_id=version)["delivery_id"]


def test_nothing_of_it_went_wrong(platform, published, version):
    assert platform.bus.events("PipelineFailed", version_id=version) == []
    assert platform.letters.events("DeliveryRejected", version_id=version) == []
    bucket, key = platform.output("encoding", "WorkBucket"), Workspace(version).inspection
    report = platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert [file.error for file in InspectionReport.model_validate_json(report).files] == [None, None]


def test_every_event_found_its_function(platform, published):
    queues = [url for url in platform.client("sqs").list_queues()["QueueUrls"] if "-DeadLetters" in url]
    assert len(queues) >= 5
    name = "ApproximateNumberOfMessages"
    depths = {
        url.rsplit("/", 1)[1]: platform.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        for url in queues
    }
    assert {queue: int(answer["Attributes"][name]) for queue, answer in depths.items()} == dict.fromkeys(depths, 0)
