import hashlib
import json
from datetime import timedelta

import pytest

from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher
from lambdas.common.errors import NotFoundError
from lambdas.common.events import Fixity, ReencodeRequested, RepackageRequested
from lambdas.common.media import ObjectRef, Priority, SubtitleSource
from lambdas.storage import handlers
from lambdas.storage.environment import CheckEnvironment, FindEnvironment, RecordEnvironment, ReportEnvironment
from lambdas.storage.models import ReplicaPair
from lambdas.storage.restoring import FixityError, TierUnavailableError
from lambdas.storage.sources import SourceStore
from tests.lambdas import samples
from tests.lambdas.storage.lists import NOW, row, write_inventory

TABLE, REPORTS = "sources", "reports"
FILM, WORDS = b"feature", b"subtitles"


@pytest.fixture
def table(aws):
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    return SourceStore(TABLE)


@pytest.fixture
def deliver(buckets):
    """Put the film's files into the raw bucket, and return the event of their acceptance."""

    def put(*, storage_class="STANDARD", fixity=True, version=samples.VERSION):
        s3 = client("s3")

        def keep(name, body, kind):
            key = f"{samples.STUDIO}/{samples.DELIVERY}/{name}"
            answer = s3.put_object(
                Bucket=buckets.raw, Key=key, Body=body, StorageClass=kind, ChecksumAlgorithm="SHA256"
            )
            return ObjectRef(bucket=buckets.raw, key=key, version_id=answer["VersionId"])

        media = keep(samples.FEATURE, FILM, storage_class)
        words = keep(samples.SUBTITLES, WORDS, "STANDARD")
        digests = tuple(
            Fixity(ref=ref, sha256=hashlib.sha256(body).hexdigest()) for ref, body in ((media, FILM), (words, WORDS))
        )
        return samples.source_accepted(
            version_id=version,
            media=media,
            subtitles=(SubtitleSource(source=words, language="en"),),
            fixity=digests if fixity else (),
        )

    return put


@pytest.fixture
def record(table, bus, deployed, context):
    deployed(RecordEnvironment(sources_table=TABLE))

    def happens(event):
        EventPublisher(bus.name).publish(event)
        [envelope] = bus.envelopes()
        handlers.on_source_accepted(envelope, context)

    return happens


@pytest.fixture
def reports(aws):
    client("s3").create_bucket(Bucket=REPORTS)
    return REPORTS


@pytest.fixture
def ask(table, reports, deployed, context):
    """Find the source of what an operator asks for."""
    deployed(FindEnvironment(sources_table=TABLE, reports_bucket=REPORTS))

    def find(**changes):
        request = {"restore_id": "r1", "title_id": samples.TITLE, "by": "operator"} | changes
        return handlers.find_source(request, context)

    return find


@pytest.fixture
def report(reports, bus, deployed, context):
    """Let the jobs have read `bodies`, and report."""
    deployed(ReportEnvironment(reports_bucket=REPORTS, event_bus=bus.name))

    def write(state, *bodies):
        for job, found, body in zip(state["jobs"], state["objects"], bodies, strict=True):
            key = job["command"][-1].removeprefix(f"s3://{REPORTS}/")
            read = {
                "ref": found["source"]["ref"],
                "size_bytes": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
            client("s3").put_object(Bucket=REPORTS, Key=key, Body=json.dumps(read).encode())
        return handlers.report_restore(state, context)

    return write


class TestSources:
    def test_a_source_is_kept_with_what_s3_says_of_it(self, deliver, record, table):
        event = deliver()
        record(event)
        [kept] = table.of_title(samples.TITLE)
        media, words = kept.objects
        assert media.ref == event.media
        assert (media.size_bytes, words.size_bytes) == (len(FILM), len(WORDS))
        assert media.sha256 == hashlib.sha256(FILM).hexdigest()
        assert media.checksum.algorithm == "SHA256"

    def test_two_versions_of_one_key_keep_a_digest_each(self, buckets, record, table):
        """A corrected file may be accepted beside the one that it replaced, which another delivery had sent first."""
        key = f"{samples.STUDIO}/{samples.DELIVERY}/{samples.FEATURE}"
        refs = [
            ObjectRef(
                bucket=buckets.raw,
                key=key,
                version_id=client("s3").put_object(Bucket=buckets.raw, Key=key, Body=body)["VersionId"],
            )
            for body in (FILM, WORDS)
        ]
        digests = [hashlib.sha256(body).hexdigest() for body in (FILM, WORDS)]
        film, words = refs
        record(
            samples.source_accepted(
                media=film,
                subtitles=(SubtitleSource(source=words, language="en"),),
                fixity=tuple(Fixity(ref=ref, sha256=sha256) for ref, sha256 in zip(refs, digests, strict=True)),
            )
        )
        [kept] = table.of_title(samples.TITLE)
        assert [found.sha256 for found in kept.objects] == digests

    def test_a_source_without_a_version_is_kept_as_the_one_that_is_there(self, deliver, record, table):
        event = deliver()
        record(event.model_copy(update={"media": event.media.model_copy(update={"version_id": None})}))
        [kept] = table.of_title(samples.TITLE)
        assert kept.objects[0].ref == event.media

    def test_the_event_may_come_twice(self, deliver, record, table):
        event = deliver()
        record(event)
        first = table.of_title(samples.TITLE)
        record(event)
        assert table.of_title(samples.TITLE) == first

    @pytest.mark.parametrize(
        ("model", "asked"),
        [(ReencodeRequested, {"campaign": "spring", "off_peak": True}), (RepackageRequested, {"new_keys": True})],
    )
    def test_a_version_that_is_made_of_another_is_of_the_same_objects(self, deliver, record, table, model, asked):
        event = deliver()
        record(event)
        anew = event.model_copy(update={"version_id": "c0123456789abcdef", "priority": Priority.CAMPAIGN})
        record(model(replaces=event.version_id, by="arn:ops", accepted=anew, **asked))
        first, second = table.of_title(samples.TITLE)
        assert {first.version_id, second.version_id} == {event.version_id, anew.version_id}
        assert first.objects == second.objects

    def test_a_source_that_is_gone_is_not_kept(self, deliver, record, table):
        event = deliver()
        client("s3").delete_object(Bucket="raw", Key=event.media.key, VersionId=event.media.version_id)
        with pytest.raises(NotFoundError):
            record(event)
        assert table.of_title(samples.TITLE) == ()


class TestRestoring:
    def test_what_is_not_archived_is_there_at_once(self, deliver, record, ask):
        record(deliver())
        state = ask()
        assert state["pending"] == 0
        assert len(state["jobs"]) == 2

    def test_an_archived_object_is_asked_for_and_awaited(self, deliver, record, ask, context):
        event = deliver(storage_class="GLACIER")
        record(event)
        state = ask(tier="Bulk", days=3)
        assert [found["readable"] for found in state["objects"]] == [False, True]
        assert state["pending"] == 1
        asked = handlers.request_copies(state, context)
        assert asked == state
        later = handlers.look_for_copies(asked, context)
        assert (later["pending"], later["looks"]) == (0, 1)
        assert later["objects"][0]["until"]
        assert later["jobs"] == state["jobs"]

    def test_asking_twice_is_harmless(self, deliver, record, ask, context):
        record(deliver(storage_class="DEEP_ARCHIVE"))
        state = ask()
        for _ in range(2):
            handlers.request_copies(state, context)

    def test_nothing_is_asked_at_a_tier_that_is_not_there(self, deliver, record, ask):
        event = deliver(storage_class="DEEP_ARCHIVE")
        record(event)
        with pytest.raises(TierUnavailableError):
            ask(tier="Expedited")
        assert "Restore" not in client("s3").head_object(Bucket="raw", Key=event.media.key)

    def test_a_title_that_was_never_accepted_is_refused(self, ask):
        with pytest.raises(NotFoundError, match="are none"):
            ask()

    def test_a_source_that_is_gone_is_looked_for_elsewhere(self, deliver, record, ask):
        event = deliver()
        record(event)
        client("s3").delete_object(Bucket="raw", Key=event.media.key, VersionId=event.media.version_id)
        with pytest.raises(NotFoundError, match="replica region"):
            ask()

    def test_a_sound_source_is_reported_and_announced(self, deliver, record, ask, report, bus):
        record(deliver())
        answer = report(ask(), FILM, WORDS)
        assert [found["proof"] for found in answer["objects"]] == ["sha256", "sha256"]
        kept = client("s3").get_object(Bucket=REPORTS, Key="restores/r1/report.json")["Body"].read()
        assert json.loads(kept) == answer
        [told] = bus.envelopes()
        assert told["detail-type"] == "SourceRestored"
        assert told["detail"]["size_bytes"] == len(FILM) + len(WORDS)

    def test_a_damaged_source_is_reported_and_not_announced(self, deliver, record, ask, report, bus):
        record(deliver())
        with pytest.raises(FixityError, match=samples.FEATURE):
            report(ask(), b"futures", WORDS)
        kept = client("s3").get_object(Bucket=REPORTS, Key="restores/r1/report.json")["Body"].read()
        assert [found["proof"] for found in json.loads(kept)["objects"]] == ["damaged", "sha256"]
        assert bus.envelopes() == []


class TestChecks:
    @pytest.fixture
    def pair(self, aws):  # noqa: ARG002 - the account that the buckets are in
        s3 = client("s3")
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
        for name in ("raw", "reports"):
            s3.create_bucket(Bucket=name)
        for name in ("raw-replica", "reports-replica"):
            s3.create_bucket(Bucket=name, **elsewhere)
        return ReplicaPair(
            bucket="raw",
            region="us-east-1",
            reports="reports",
            replica="raw-replica",
            replica_region="us-west-2",
            replica_reports="reports-replica",
        )

    @pytest.fixture
    def pairs(self, pair):
        return [pair]

    @pytest.fixture
    def check(self, pairs, deployed, context, monkeypatch, capsys):
        """Call a check; answer what it answers, and the faults that it counts for the alarm."""
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "storage-recovery")
        monkeypatch.setattr(handlers, "now", lambda: NOW + timedelta(hours=1))

        def run(handler, event=None):
            text = json.dumps([found.model_dump() for found in pairs])
            deployed(CheckEnvironment(reports_bucket="reports", pairs=text, lag_minutes=60, sample=5))
            capsys.readouterr()
            answer = handler(event or {"source": "aws.events"}, context)
            metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ReplicaFaults" in line]
            [metric] = [found for found in metrics if "_aws" in found]
            assert metric["service"] == "storage-recovery"
            assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Marquee/Storage"
            return answer, metric["ReplicaFaults"][0]

        return run

    def lists(self, source, replica, *, at=NOW):
        write_inventory(bucket="raw", reports="reports", files=[source], at=at)
        write_inventory(bucket="raw-replica", reports="reports-replica", files=[replica], at=at)

    def keep(self, bucket, key, body):
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")

    def report(self, name):
        key = f"checks/{name}/2026-11-22/raw/us-west-2.json"
        return json.loads(client("s3").get_object(Bucket="reports", Key=key)["Body"].read())

    @pytest.mark.parametrize("handler", [handlers.compare_inventories, handlers.verify_replicas])
    @pytest.mark.parametrize("written", [(), ("raw",), ("raw-replica",)])
    def test_an_inventory_that_is_not_there_is_a_fault(self, check, handler, written):
        for bucket in written:
            write_inventory(bucket=bucket, reports=bucket.replace("raw", "reports"), files=[[row("a")]])
        answer, faults = check(handler)
        [found] = answer["pairs"]
        assert (found["checked"], found["faults"], faults) == (False, 1, 1)
        assert "no inventory of raw" in found["why"]

    @pytest.mark.parametrize("handler", [handlers.compare_inventories, handlers.verify_replicas])
    def test_a_pair_that_cannot_be_checked_is_a_fault_and_hides_no_other(self, pair, pairs, check, handler):
        pairs.insert(0, pair.model_copy(update={"bucket": "broken"}))
        self.lists([row("a", "")], [row("a", "")])
        write_inventory(bucket="broken", reports="reports", files=[[]], file_format="ORC")
        for bucket in ("raw", "raw-replica"):
            self.keep(bucket, "a", b"same")
        answer, faults = check(handler)
        broken, sound = answer["pairs"]
        assert (broken["checked"], broken["faults"]) == (False, 1)
        assert "InventoryFormatError" in broken["why"]
        assert (sound["checked"], sound["faults"], faults) == (True, 0, 1)

    def test_a_missing_object_is_a_fault_and_in_the_report(self, check, source):
        self.lists([row("a", source("a")), row("b")], [row("b")])
        answer, faults = check(handlers.compare_inventories)
        assert faults == answer["faults"] == 1
        assert self.report("consistency")["differences"][0]["key"] == "a"

    @pytest.fixture
    def source(self, pair):
        """Keep an object at the source as it was tagged; answer its version."""
        on = {"Status": "Enabled"}
        client("s3").put_bucket_versioning(Bucket=pair.bucket, VersioningConfiguration=on)

        def keep(key, disposition=""):
            tags = f"marquee:disposition={disposition}" if disposition else ""
            return client("s3").put_object(Bucket=pair.bucket, Key=key, Body=b"a", Tagging=tags)["VersionId"]

        return keep

    @pytest.mark.parametrize(
        ("disposition", "expected"),
        [
            ("", {"missing": 1}),
            ("accepted", {"missing": 1}),
            ("rejected", {"expired": 1}),
            ("duplicate", {"expired": 1}),
        ],
    )
    def test_what_expires_may_be_gone_from_the_replica_first(self, check, source, disposition, expected):
        self.lists([row("a", source("a", disposition))], [])
        answer, faults = check(handlers.compare_inventories)
        assert answer["pairs"][0]["counts"] == expected
        assert faults == expected.get("missing", 0)

    def test_what_has_expired_since_the_sources_inventory_is_no_fault(self, check, source):
        old, kept = source("a"), source("a")
        client("s3").delete_object(Bucket="raw", Key="a", VersionId=old)
        self.lists([row("a", old, latest=False), row("a", kept), row("b", "gone")], [row("a", kept)])
        answer, faults = check(handlers.compare_inventories)
        assert (answer["pairs"][0]["counts"], faults) == ({"expired": 2}, 0)
        self.lists([row("a", old, latest=False), row("a", kept)], [row("a", old, latest=False)])
        assert check(handlers.compare_inventories)[1] == 1

    @pytest.mark.parametrize(
        ("status", "expected"),
        [("COMPLETED", {"expired": 1}), ("PENDING", {"missing": 1}), ("FAILED", {"failed": 1})],
    )
    def test_of_what_landed_elsewhere_only_what_never_came_is_a_fault(
        self, pair, pairs, check, source, status, expected
    ):
        """The raw bucket lets duplicates expire, and has what landed nowhere else."""
        pairs[:] = [pair.model_copy(update={"gathers": True})]
        came = row("here", source("here"))
        self.lists([came, row("film", source("film"), replication_status=status)], [came, row("a film of its own")])
        answer, faults = check(handlers.compare_inventories)
        assert answer["pairs"][0]["counts"] == expected
        assert faults == (0 if "expired" in expected else 1)

    def test_the_lag_can_be_asked_for(self, check, source):
        self.lists([row("a", source("a"), modified_at=NOW - timedelta(minutes=30))], [])
        assert check(handlers.compare_inventories)[1] == 0
        assert check(handlers.compare_inventories, {"lag_minutes": 0})[1] == 1

    def test_inventories_that_stopped_are_a_fault(self, check):
        self.lists([row("a")], [row("a")], at=NOW - timedelta(days=4))
        assert check(handlers.compare_inventories)[1] == 1

    def test_a_sample_is_verified_by_what_both_regions_keep(self, check):
        names = [f"k{n}" for n in range(5)]
        for name in names:
            for bucket in ("raw", "raw-replica"):
                self.keep(bucket, name, b"same")
        rows = [row(name, "") for name in names]
        self.lists(rows, rows)
        answer, faults = check(handlers.verify_replicas)
        assert (answer["pairs"][0]["counts"], faults) == ({"same": 5}, 0)
        self.keep("raw-replica", "k1", b"soma")
        client("s3").delete_object(Bucket="raw-replica", Key="k2")
        answer, faults = check(handlers.verify_replicas)
        assert (answer["pairs"][0]["counts"], faults) == ({"same": 3, "different": 1, "missing": 1}, 2)
        outcomes = {found["key"]: found["outcome"] for found in self.report("verification")["verdicts"]}
        assert (outcomes["k1"], outcomes["k2"]) == ("different", "missing")

    def test_a_version_that_the_replica_does_not_have_is_missing(self, check):
        for bucket in ("raw", "raw-replica"):
            status = {"Status": "Enabled"}
            client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
            self.keep(bucket, "k", b"same")
        version = client("s3").head_object(Bucket="raw", Key="k")["VersionId"]
        self.lists([row("k", version)], [row("k", version)])
        assert check(handlers.verify_replicas)[0]["pairs"][0]["counts"] == {"missing": 1}

    def test_a_sample_is_drawn_again_by_its_seed(self, check):
        rows = [row(f"k{n}", "") for n in range(50)]
        self.lists(rows, rows)

        def drawn(event=None):
            check(handlers.verify_replicas, event)
            return {found["key"] for found in self.report("verification")["verdicts"]}

        assert drawn() == drawn({"seed": "2026-11"})
        assert drawn() != drawn({"seed": "another"})
        assert len(drawn()) == 5
