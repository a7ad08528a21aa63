"""What a studio is told of a delivery, and what it can ask: through the edge, and at its own webhook."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tests.platform.viewer import Viewer, studio_sign_in
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

DELIVERIES = "/api/ingest/deliveries"
NAME = "black-and-told"


@pytest.fixture(scope="module")
def hook(platform):
    """The studio's webhook, on this machine; `got` is what came."""
    hook = SimpleNamespace(got=[], statuses=[])

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """The tests look at what came."""

        def do_POST(self):
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.got.append(said)
            self.send_response(hook.statuses.pop() if hook.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    parameter = "/marquee/sandbox/studios/blender/webhook"
    ssm = platform.client("ssm")
    ssm.put_parameter(
        Name=parameter, Value=f"http://127.0.0.1:{server.server_port}/x", Type="SecureString", Overwrite=True
    )
    yield hook
    ssm.delete_parameter(Name=parameter)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def studio(platform):
    """Signs in as a user of a studio, with a new password that the command finds as well."""
    from sandbox.studio_user import new_studio_user  # noqa: PLC0415

    edge, folder = platform.up.edge, platform.work_dir / "studios"

    def studio(name):
        user = new_studio_user(platform.up.platform, studio=name, site=edge.url, folder=folder)
        token = studio_sign_in(port=edge.port, client_id=user.client_id, username=user.username, password=user.password)
        return Viewer(port=edge.port, token=token)

    return studio


@pytest.fixture(scope="module")
def blender(studio):
    return studio("blender")


@pytest.fixture(scope="module")
def version(platform, clips, hook, tmp_path_factory):
    """A delivery with five seconds of black, which waits for a person."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    files = {FEATURE: clips.black_for_five_seconds}
    manifest = manifest_of(NAME, files)
    delivery = send(platform.up, name=NAME, files=files, manifest=manifest, folder=tmp_path_factory.mktemp(NAME))
    found = platform.version_of(delivery)
    platform.bus.event("ReviewRequested", version_id=found)
    return found


def stage_of(blender, *, wanted):
    def look():
        answer = blender.ask("GET", f"{DELIVERIES}/{NAME}")
        found = answer.json["versions"][0] if answer.status == 200 else {}
        return found if found.get("stage") == wanted else None

    return eventually(look, waiting_for=f"the stage {wanted}")


def test_a_studio_sees_what_was_found_and_where(blender, version):
    seen = stage_of(blender, wanted="in_review")
    assert seen["version_id"] == version
    assert seen["title_name"] == f"The title {NAME}"
    [black] = [check for check in seen["checks"] if check["check"] == "black"]
    assert (black["verdict"], black["at"][0]["timecode"]) == ("review", "00:00:01:00")
    events = [entry["event"] for entry in seen["history"]]
    assert {"DeliveryReceived", "QualityJudged", "ReviewRequested"} <= set(events)
    still = black["at"][0]["still"]
    picture = blender.ask("GET", f"{DELIVERIES}/{NAME}/versions/{version}/stills/{still}")
    assert (picture.status, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.body.startswith(b"\xff\xd8\xff")
    assert picture.body.rstrip(b"\0").endswith(b"\xff\xd9")


def test_the_newest_delivery_of_a_stage_is_listed(blender, version):
    stage_of(blender, wanted="in_review")
    listed = blender.ask("GET", f"{DELIVERIES}?stage=in_review&limit=100").json["deliveries"]
    assert version in {delivery["version_id"] for delivery in listed}
    assert {delivery["stage"] for delivery in listed} == {"in_review"}


def test_another_studio_sees_none_of_it(studio, blender, version):
    seen = stage_of(blender, wanted="in_review")
    [black] = [check for check in seen["checks"] if check["check"] == "black"]
    quayside = studio("quayside")
    assert quayside.ask("GET", DELIVERIES).json == {"deliveries": [], "cursor": None}
    for path in (f"/{NAME}", f"/{NAME}/versions/{version}/stills/{black['at'][0]['still']}"):
        assert quayside.ask("GET", f"{DELIVERIES}{path}").status == 404


def test_who_has_not_signed_in_as_a_studio_is_shown_out(thief, viewer, version):
    for stranger in (thief, viewer):
        for path in ("", f"/{NAME}"):
            assert stranger.ask("GET", f"{DELIVERIES}{path}").status == 401


def test_a_review_and_a_rejection_reach_the_webhook(platform, hook, blender, version):
    from sandbox.operating import caller, operate  # noqa: PLC0415

    def told(what):
        found = [message for message in hook.got if f"Delivery {NAME} {what}" in message["text"]]
        return found[0] if found else None

    asked = eventually(lambda: told("waits for a review"), waiting_for="the review's letter")
    assert "00:00:01:00" in json.dumps(asked["blocks"])
    hook.statuses.append(503)
    deployed = platform.up.platform
    said = {"version_id": version, "approved": False, "by": caller(deployed), "note": "No fade is as long as that."}
    operate(deployed, said, context="ingestion", output="DecideReviewFunction")
    rejected = eventually(lambda: told("was rejected"), waiting_for="the rejection's letter")
    assert "No fade is as long as that." in json.dumps(rejected["blocks"])
    seen = stage_of(blender, wanted="rejected")
    assert [finding["code"] for finding in seen["findings"]] == ["REVIEW_REJECTED", "QC_BLACK"]
    again = eventually(
        lambda: [message for message in hook.got if message == rejected][1:],
        waiting_for="the second attempt, 15 s after the first was turned away",
    )
    assert again[0] == rejected


def test_a_misplaced_manifest_reaches_the_studio(platform, blender):
    bucket = platform.output("ingestion", "RawBucket")
    platform.client("s3").put_object(Bucket=bucket, Key="blender/lost/reels/manifest.json", Body=b"{}")
    letter = platform.letters.event("DeliveryRejected", delivery_id="lost")
    [finding] = letter["findings"]
    assert (finding["code"], finding["subject"]) == ("MANIFEST_MISPLACED", "lost/reels/manifest.json")

    def listed():
        answer = blender.ask("GET", f"{DELIVERIES}/lost")
        return answer.json["versions"] if answer.status == 200 else None

    [version] = eventually(listed, waiting_for="the misplaced delivery")
    assert (version["stage"], version["findings"]) == ("rejected", [finding])


def test_letters_name_their_studio_so_that_others_do_not_get_them(platform, version):
    letters = platform.letters.matching(lambda letter: letter["detail"].get("version_id") == version)
    assert {letter["detail"]["studio"] for letter in letters} == {"blender"}
