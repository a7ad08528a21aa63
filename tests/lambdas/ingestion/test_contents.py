import json
from types import SimpleNamespace

import pytest

from lambdas.common.aws import client
from lambdas.common.dispositions import Disposition
from lambdas.common.media import ObjectRef
from lambdas.common.objects import UnversionedError
from lambdas.ingestion.contents import ContentStore
from lambdas.ingestion.dispositions import readable, tag
from tests.lambdas import samples

pytestmark = pytest.mark.usefixtures("pipeline")


@pytest.fixture
def sent(bus):
    """The sources announced since the last call."""

    def take():
        return [event["detail"] for event in bus.envelopes() if event["detail-type"] == "SourceAccepted"]

    return take


@pytest.fixture
def judged(way):
    """A delivery that passed, by its folder."""

    def judge(delivery, **where):
        body = samples.manifest(studio=where["studio"]) if where else None
        return way.judge(way.validate(way.read(body, delivery=delivery, **where)))

    return judge


def lies_at(state):
    return {file["name"]: (file["key"], file["version_id"]) for file in state["files"]}


def test_the_same_files_in_another_delivery_are_recorded_and_not_kept(way, judged, sent, tags, deliveries):
    first, second = judged("one"), judged("two")
    way.accept(first)
    way.accept(second)
    original, twin = sent()
    assert twin["media"] == original["media"]
    assert twin["subtitles"] == original["subtitles"]
    assert twin["version_id"] != original["version_id"]
    assert {tags(*where) for where in lies_at(first).values()} == {"accepted"}
    assert {tags(*where) for where in lies_at(second).values()} == {"duplicate"}
    key = {"pk": {"S": "CONTENT#blender"}, "sk": {"S": f"{samples.FEATURE_SHA}#{second['version_id']}"}}
    recorded = client("dynamodb").get_item(TableName=deliveries, Key=key)["Item"]
    assert recorded["delivery_id"]["S"] == "two"


@pytest.mark.parametrize("order", [("one", "two", "one", "two"), ("two", "one", "one", "two")])
def test_repeated_acceptances_leave_one_file_kept(way, judged, sent, tags, order):
    states = {name: judged(name) for name in ("one", "two")}
    for name in order:
        way.accept(states[name])
    assert len({source["media"]["key"] for source in sent()}) == 1
    kept = [tags(*lies_at(state)[samples.FEATURE]) for state in states.values()]
    assert sorted(kept) == ["accepted", "duplicate"]


def test_a_race_has_one_winner(way, judged, sent, tags, monkeypatch):
    """Another delivery is accepted between this one's look and its write: the write is what decides."""
    slow, fast = judged("slow"), judged("fast")
    keep = ContentStore.keep
    overtaken = []

    def late(store, ref, **who):
        if not overtaken:
            overtaken.append(True)
            way.accept(fast)
        return keep(store, ref, **who)

    monkeypatch.setattr(ContentStore, "keep", late)
    way.accept(slow)
    assert {source["media"]["key"] for source in sent()} == {lies_at(fast)[samples.FEATURE][0]}
    assert tags(*lies_at(slow)[samples.FEATURE]) == "duplicate"


def test_a_redelivery_into_the_same_folder_keeps_the_first_version(way, judged, sent):
    first, again = judged("one"), judged("one")
    way.accept(first)
    way.accept(again)
    assert {source["media"]["version_id"] for source in sent()} == {lies_at(first)[samples.FEATURE][1]}


def test_another_studios_identical_file_is_its_own(way, judged, sent):
    one, two = judged("one"), judged("two", studio="northlight")
    way.accept(one)
    way.accept(two | {"title_id": "another"})
    ours, theirs = sent()
    assert ours["media"] != theirs["media"]


def test_a_file_whose_first_copy_is_gone_takes_its_place(way, judged, sent, tags):
    first, second, third = judged("one"), judged("two"), judged("three")
    way.accept(first)
    key, version = lies_at(first)[samples.FEATURE]
    client("s3").delete_object(Bucket="raw", Key=key, VersionId=version)
    way.accept(second)
    way.accept(third)
    _, taken_over, twin = sent()
    assert taken_over["media"]["key"] == lies_at(second)[samples.FEATURE][0] == twin["media"]["key"]
    assert tags(*lies_at(second)[samples.FEATURE]) == "accepted"


def test_an_archived_copy_is_no_copy_that_can_be_encoded(way, judged, sent):
    first, second = judged("one"), judged("two")
    way.accept(first)
    key, _ = lies_at(first)[samples.FEATURE]
    archived = client("s3").copy_object(
        Bucket="raw", Key=key, CopySource={"Bucket": "raw", "Key": key}, StorageClass="DEEP_ARCHIVE"
    )["VersionId"]
    store = ContentStore("deliveries")
    kept = store.holder(studio=samples.STUDIO, sha256=samples.FEATURE_SHA)
    store.keep(
        ObjectRef(bucket="raw", key=key, version_id=archived),
        studio=samples.STUDIO,
        sha256=samples.FEATURE_SHA,
        delivery_id="one",
        instead_of=kept,
    )
    way.accept(second)
    assert sent()[-1]["media"]["key"] == lies_at(second)[samples.FEATURE][0]


@pytest.fixture
def taken_over(way, judged, monkeypatch):
    """A source that was archived, in whose place another object came; and what a corrected manifest beside it gets."""
    first, second = judged("one"), judged("two")
    way.accept(first)
    source = lies_at(first)[samples.FEATURE]
    monkeypatch.setattr("lambdas.ingestion.contents.readable", lambda ref: (ref.key, ref.version_id) != source)
    way.accept(second)

    def again(**subtitles):
        return way.validate(way.read(delivery="one"), feature={"version_id": source[1]}, subtitles=subtitles or None)

    return SimpleNamespace(source=source, holder=lies_at(second)[samples.FEATURE], again=again)


class TestASourceWhosePlaceWasTaken:
    """An earlier version was made from it: it has to be kept, whoever holds its content now."""

    def test_it_is_no_duplicate_when_a_corrected_manifest_brings_it(self, way, taken_over, sent, tags):
        way.accept(way.judge(taken_over.again()))
        assert sent()[-1]["media"]["key"] == taken_over.holder[0]
        assert tags(*taken_over.source) == "accepted"

    def test_it_is_not_turned_away_with_a_manifest_that_is_wrong(self, way, taken_over, tags):
        way.reject(taken_over.again(sha256="0" * 64))
        assert tags(*taken_over.source) == "accepted"

    def test_it_is_marked_at_no_moment(self, way, taken_over, monkeypatch):
        """It is older than the days after which what is so marked expires."""
        marked = []
        monkeypatch.setattr("lambdas.ingestion.contents.tag", lambda ref, how: marked.append((ref.key, how)))
        way.reject(taken_over.again(sha256="0" * 64))
        assert taken_over.source[0] not in dict(marked)

    def test_its_successor_is_a_source_as_well(self, taken_over, tags):
        assert tags(*taken_over.holder) == "accepted"


def test_a_file_that_is_accepted_while_it_is_turned_away_stays_accepted(way, tags, monkeypatch):
    wrong = way.validate(subtitles={"sha256": "0" * 64})
    feature = next(file for file in wrong["files"] if file["name"] == samples.FEATURE)
    right = way.judge(way.validate(way.read(), feature={"version_id": feature["version_id"]}))
    turning_away = []

    def mark(ref, disposition):
        if disposition is Disposition.REJECTED and ref.key == feature["key"] and not turning_away:
            turning_away.append(ref)
            way.accept(right)
        tag(ref, disposition)

    monkeypatch.setattr("lambdas.ingestion.contents.tag", mark)
    way.reject(wrong)
    assert turning_away
    assert tags(feature["key"], feature["version_id"]) == "accepted"


def test_files_that_were_accepted_with_a_corrected_manifest_survive_the_rejection_of_the_first(way, tags):
    """Two manifests beside one set of files: the accepted one's word counts, whoever speaks last."""
    wrong = way.validate(subtitles={"sha256": "0" * 64})
    feature = next(file for file in wrong["files"] if file["name"] == samples.FEATURE)
    right = way.judge(way.validate(way.read(), feature={"version_id": feature["version_id"]}))
    way.accept(right)
    way.reject(wrong)
    assert tags(feature["key"], feature["version_id"]) == "accepted"
    subtitles = next(file for file in wrong["files"] if file["name"] == samples.SUBTITLES)
    assert tags(subtitles["key"], subtitles["version_id"]) == "rejected"


def test_a_file_that_was_rejected_and_is_accepted_now_is_kept(way, tags):
    wrong = way.validate(subtitles={"sha256": "0" * 64})
    feature = next(file for file in wrong["files"] if file["name"] == samples.FEATURE)
    way.reject(wrong)
    assert tags(feature["key"], feature["version_id"]) == "rejected"
    way.accept(way.judge(way.validate(way.read(), feature={"version_id": feature["version_id"]})))
    assert tags(feature["key"], feature["version_id"]) == "accepted"


class TestOwners:
    def test_a_title_belongs_to_the_studio_that_was_accepted_first(self, way, judged):
        way.accept(judged("one"))
        state = way.validate(way.read(samples.manifest(studio="northlight"), studio="northlight"))
        assert state["verdict"] == "rejected"
        [found] = state["findings"]
        assert (found["code"], found["subject"]) == ("TITLE_TAKEN", "title.title_id")
        assert samples.STUDIO not in json.dumps(found), "whose it is, is nobody's business"

    def test_its_owner_may_deliver_it_again(self, way, judged):
        way.accept(judged("one"))
        assert way.validate(way.read(delivery="two"))["verdict"] == "valid"

    def test_a_delivery_that_is_rejected_claims_nothing(self, way):
        way.reject(way.judge(black_s=90.0))
        state = way.validate(way.read(samples.manifest(studio="northlight"), studio="northlight"))
        assert state["verdict"] == "valid"

    def test_who_loses_the_race_for_a_title_is_rejected(self, way, judged, bus, tags):
        ours, theirs = judged("one"), judged("one", studio="northlight")
        way.accept(ours)
        bus.envelopes()
        answer = way.accept(theirs)
        assert answer["verdict"] == "rejected"
        assert bus.envelopes() == []
        way.reject(answer)
        [envelope] = bus.envelopes()
        assert [found["code"] for found in envelope["detail"]["findings"]] == ["TITLE_TAKEN"]
        assert {tags(*where) for where in lies_at(theirs).values()} == {"rejected"}


@pytest.mark.parametrize("ask", [readable, lambda ref: tag(ref, Disposition.ACCEPTED)], ids=["looked up", "tagged"])
def test_an_object_without_a_version_is_refused_before_s3_is_asked(ask):
    with pytest.raises(UnversionedError, match=r"s3://raw/film\.mov names no version: switch on versioning"):
        ask(ObjectRef(bucket="raw", key="film.mov"))
