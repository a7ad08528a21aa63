import json

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError, NotFoundError, PermanentError
from lambdas.common.events import SourceAccepted
from lambdas.common.keys import Analysis
from lambdas.ingestion import handlers
from lambdas.ingestion.manifest import MAX_BYTES
from lambdas.ingestion.replicated import FilesOnTheirWayError
from tests.lambdas import samples
from tests.lambdas.cloud import executions, put
from tests.lambdas.ingestion.conftest import COMPLEXITY, TIME, report

KEY = f"{samples.STUDIO}/{samples.DELIVERY}/manifest.json"


class TestStart:
    def test_the_same_event_twice_is_one_execution(self, way, pipeline, context):
        event = way.upload()
        answers = [handlers.start(event, context) for _ in range(2)]
        [execution] = executions(pipeline)
        assert answers == [{"version_id": execution["name"]}] * 2
        assert execution["input"] == {
            "raw_bucket": "raw",
            "manifest_key": KEY,
            "object_version": event["detail"]["object"]["version-id"],
            "version_id": execution["name"],
            "delivered_at": TIME,
        }

    def test_a_new_version_of_the_manifest_is_a_new_execution(self, way, pipeline, context):
        for _ in range(2):
            handlers.start(way.upload(), context)
        assert len(executions(pipeline)) == 2

    def test_a_manifest_in_the_wrong_place_starts_nothing(self, way, pipeline, context):
        event = way.upload()
        event["detail"]["object"]["key"] = "manifest.json"
        with pytest.raises(PermanentError, match="one folder of the studio's folder"):
            handlers.start(event, context)
        assert executions(pipeline) == []


class TestReading:
    def test_a_manifest_is_announced_and_its_inspection_ordered(self, way, bus, context):
        arrived = way.arrive()
        state = handlers.read_manifest(arrived, context)
        assert state["verdict"] == "readable"
        assert (state["studio"], state["delivery_id"]) == (samples.STUDIO, samples.DELIVERY)
        assert state["inspect"]["command"] == [
            "inspect",
            "--manifest",
            f"s3://raw/{KEY}",
            "--manifest-version",
            arrived["object_version"],
            "--report",
            f"s3://work/work/{arrived['version_id']}/inspection.json",
        ]
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryReceived"
        told = envelope["detail"]
        assert (told["title_id"], told["title_name"]) == (samples.TITLE, "Big Buck Bunny")
        assert (told["delivered_at"], told["size_bytes"]) == (TIME, 1100)

    def test_an_original_is_more_urgent_than_a_licensed_title(self, way):
        licensed = way.read(samples.manifest(priority="licensed"))["inspect"]["priority"]
        original = way.read(samples.manifest(priority="original"))["inspect"]["priority"]
        assert 0 <= licensed < original <= 9999

    def test_the_version_that_arrived_is_read_and_not_a_later_one(self, way, context):
        arrived = way.arrive()
        put(bucket="raw", key=KEY, body="{")
        assert handlers.read_manifest(arrived, context)["verdict"] == "readable"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"{", "MANIFEST_INVALID"),
            (samples.manifest(files=[]), "MANIFEST_INVALID"),
            (samples.manifest(studio="pixar"), "STUDIO_MISMATCH"),
            (b" " * MAX_BYTES + json.dumps(samples.manifest()).encode(), "MANIFEST_TOO_LARGE"),
        ],
    )
    def test_an_unreadable_manifest_is_a_rejection_and_no_crash(self, way, bus, tags, body, code):
        state = way.read(body)
        assert state["verdict"] == "rejected"
        assert [found["code"] for found in state["findings"]] == [code]
        assert bus.envelopes() == []
        way.reject(state)
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryRejected"
        assert envelope["detail"]["findings"][0]["remedy"]
        assert tags(KEY, state["object_version"]) == "rejected"

    def test_a_manifest_from_the_other_region_waits_for_its_files(self, way, bus):
        def replicated(parsed, **_):
            parsed["ReplicationStatus"] = "REPLICA"

        events = client("s3").meta.events
        events.register("after-call.s3.HeadObject", replicated)
        try:
            with pytest.raises(FilesOnTheirWayError):
                way.read()
        finally:
            events.unregister("after-call.s3.HeadObject", replicated)
        assert bus.envelopes() == []

    @pytest.mark.usefixtures("pipeline")
    def test_a_manifest_that_is_gone_is_named(self, context):
        gone = {
            "raw_bucket": "raw",
            "manifest_key": KEY,
            "object_version": "o1",
            "version_id": "v1",
            "delivered_at": TIME,
        }
        with pytest.raises(NotFoundError, match=KEY):
            handlers.read_manifest(gone, context)

    def test_another_bucket_is_refused(self, way, context):
        with pytest.raises(PermanentError, match="not in work"):
            handlers.read_manifest(way.arrive() | {"raw_bucket": "work"}, context)


class TestRules:
    def test_a_valid_delivery_has_its_feature_analysed_in_the_version_that_was_inspected(self, way):
        state = way.validate()
        assert (state["verdict"], state["findings"]) == ("valid", [])
        feature = next(file for file in state["files"] if file["name"] == samples.FEATURE)
        assert state["analyse"]["command"] == [
            "analyse",
            "--source",
            f"s3://raw/{samples.STUDIO}/{samples.DELIVERY}/{samples.FEATURE}",
            "--source-version",
            feature["version_id"],
            "--version-id",
            state["version_id"],
            "--work-bucket",
            "work",
        ]
        assert state["analyse"]["priority"] == state["inspect"]["priority"]

    @pytest.mark.parametrize(
        ("measured", "code"),
        [
            ({"sha256": "0" * 64}, "CHECKSUM_MISMATCH"),
            ({"present": False, "facts": None}, "FILE_MISSING"),
            ({"size_bytes": 0, "facts": None, "error": "the file is empty"}, "FILE_EMPTY"),
            ({"facts": None, "error": "Invalid data"}, "NOT_MEDIA"),
        ],
    )
    def test_a_bad_delivery_is_rejected_and_the_studio_told(self, way, bus, measured, code):
        state = way.validate(feature=measured)
        assert (state["verdict"], state["analyse"]) == ("rejected", None)
        bus.envelopes()
        answer = way.reject(state)
        assert code in [found["code"] for found in answer["findings"]]
        [envelope] = bus.envelopes()
        assert envelope["detail-type"] == "DeliveryRejected"
        assert envelope["detail"]["findings"] == answer["findings"]

    def test_what_a_rejected_delivery_brought_expires(self, way, tags):
        state = way.validate(feature={"sha256": "0" * 64})
        way.reject(state)
        assert {tags(file["key"], file["version_id"]) for file in state["files"]} == {"rejected"}
        assert tags(KEY, state["object_version"]) == "rejected"

    def test_a_rejection_survives_files_that_their_sender_has_deleted(self, way, bus):
        state = way.validate(feature={"sha256": "0" * 64})
        for file in state["files"]:
            client("s3").delete_object(Bucket="raw", Key=file["key"], VersionId=file["version_id"])
        bus.envelopes()
        way.reject(state)
        assert [envelope["detail-type"] for envelope in bus.envelopes()] == ["DeliveryRejected"]

    def test_nothing_is_rejected_without_a_reason(self, way, bus, context):
        state = way.validate()
        bus.envelopes()
        with pytest.raises(InvalidInputError, match="for a reason"):
            handlers.reject(state, context)
        assert bus.envelopes() == []

    def test_an_inspection_without_a_report_is_named(self, way, context):
        with pytest.raises(NotFoundError, match=r"inspection\.json"):
            handlers.validate(way.read(), context)

    def test_a_report_that_is_cut_off_is_refused(self, way, context):
        state = way.read()
        report(state, '{"schema_version": 1, "files": [')
        with pytest.raises(InvalidInputError):
            handlers.validate(state, context)


class TestQuality:
    def test_a_good_film_passes_and_its_checks_are_kept_and_announced(self, way, bus):
        state = way.validate()
        bus.envelopes()
        judged = way.judge(state)
        assert (judged["verdict"], judged["findings"]) == ("pass", [])
        [envelope] = bus.envelopes()
        assert (envelope["detail-type"], envelope["detail"]["verdict"]) == ("QualityJudged", "pass")
        body = client("s3").get_object(Bucket="work", Key=Analysis(state["version_id"]).quality)["Body"].read()
        assert json.loads(body)["checks"] == envelope["detail"]["checks"]
        assert json.loads(body)["complexity"] == envelope["detail"]["complexity"] == COMPLEXITY
        assert "checks" not in judged, "they would fill the state of the state machine"

    def test_what_failed_becomes_findings_with_time_codes(self, way):
        judged = way.judge(black_s=90.0)
        assert judged["verdict"] == "fail"
        [found] = judged["findings"]
        assert (found["code"], found["subject"]) == ("QC_BLACK", samples.FEATURE)
        assert "00:00:02:00" in found["message"]
        assert "60 s" in found["remedy"], "what is allowed"

    def test_what_asks_for_a_person_is_no_finding_yet(self, way):
        judged = way.judge(black_s=6.0)
        assert (judged["verdict"], judged["findings"]) == ("review", [])

    def test_an_analysis_without_a_report_is_named(self, way, context):
        with pytest.raises(NotFoundError, match=r"report\.json"):
            handlers.judge(way.validate(), context)

    @pytest.mark.parametrize("found", [{"black_s": 90.0}, {"black_s": 6.0}])
    def test_what_did_not_pass_cannot_be_accepted(self, way, bus, context, found):
        state = way.judge(**found)
        bus.envelopes()
        with pytest.raises(InvalidInputError, match="nobody has approved"):
            handlers.accept(state, context)
        assert bus.envelopes() == []

    def test_a_person_may_approve_of_a_review_and_not_of_a_failure(self, way, context):
        approval = {"approved": True, "by": "arn:aws:iam::1:user/ada", "note": ""}
        assert handlers.accept(way.judge(black_s=6.0) | {"review": approval}, context)["verdict"] == "accepted"
        with pytest.raises(InvalidInputError):
            handlers.accept(way.judge(black_s=90.0) | {"review": approval}, context)


class TestAcceptance:
    def test_a_good_delivery_becomes_a_source(self, way, bus):
        state = way.judge() | {"added_by": "the state machine"}
        bus.envelopes()
        answer = way.accept(state)
        assert (answer["version_id"], answer["title_id"]) == (state["version_id"], samples.TITLE)
        [envelope] = bus.envelopes()
        versions = {file["name"]: file["version_id"] for file in state["files"]}
        expected = samples.source_accepted(version_id=state["version_id"]).model_dump(mode="json")
        analysis = Analysis(state["version_id"])
        expected["analysis"]["key"], expected["thumbnails"]["key"] = analysis.report, analysis.thumbnails
        expected["media"]["version_id"] = versions[samples.FEATURE]
        expected["subtitles"][0]["source"]["version_id"] = versions[samples.SUBTITLES]
        expected["fixity"] = [
            {"ref": expected["media"], "sha256": samples.FEATURE_SHA},
            {"ref": expected["subtitles"][0]["source"], "sha256": samples.SUBTITLES_SHA},
        ]
        assert SourceAccepted.model_validate(envelope["detail"]) == SourceAccepted.model_validate(expected)

    def test_accepting_twice_says_the_same_twice(self, way, bus):
        state = way.judge()
        bus.envelopes()
        assert way.accept(state) == way.accept(state)
        first, second = bus.envelopes()
        assert first["detail"] == second["detail"]

    def test_the_sources_own_manifest_is_read_and_not_a_later_one(self, way, bus):
        state = way.judge()
        put(bucket="raw", key=KEY, body="{")
        bus.envelopes()
        way.accept(state)
        assert bus.envelopes()[0]["detail"]["title"]["name"] == "Big Buck Bunny"

    @pytest.mark.parametrize(
        ("codec", "container", "labelled"),
        [("prores", "mov,mp4,m4a", False), ("h264", "mov,mp4,m4a", True), ("h264", "mxf", False)],
    )
    def test_rekognition_gets_what_it_can_read(self, way, codec, container, labelled):
        facts = samples.FACTS.model_dump(mode="json")
        facts = facts | {"container": container, "video": facts["video"] | {"codec": codec}}
        state = way.judge() | {"facts": facts}
        assert way.accept(state)["labelled"] is labelled


def test_the_largest_delivery_fits_the_state_of_a_state_machine(way, context):
    wide = "\U0001f407"
    title = {"title_id": "t" * 63, "name": wide * 200, "synopsis": wide * 2000, "credit": wide * 500}
    names = [f"{n:03}{'x' * 121}.vtt" for n in range(100)]
    files = [
        {"name": name, "role": "subtitles", "size_bytes": 1, "sha256": "0" * 64, "language": f"en-x{n:03}"}
        for n, name in enumerate(names[1:])
    ]
    feature = {"name": "f" * 124 + ".mov", "role": "feature", "size_bytes": 1, "sha256": "0" * 64}
    state = way.read(samples.manifest(title=title, files=[feature, *files]))
    present = {"present": True, "size_bytes": 2, "sha256": "1" * 64, "version_id": "v" * 32, "error": "e" * 9999}
    report(state, json.dumps({"files": [present | {"name": name} for name in (feature["name"], *names[1:])]}))
    state = handlers.validate(state, context)
    assert state["verdict"] == "rejected"
    assert len(json.dumps(state)) < 256 * 1024


def test_the_bytes_stay_in_raw_whatever_happens(way):
    way.reject(way.read(b"{"))
    assert client("s3").get_object(Bucket="raw", Key=KEY)["Body"].read() == b"{"
