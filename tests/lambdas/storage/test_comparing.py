import random
from datetime import timedelta

import pytest

from lambdas.storage.comparing import MOST_NAMED, Kind, compare, confirmed
from tests.lambdas.storage.lists import LONG_AGO, NOW, row

BEFORE = NOW - timedelta(days=1)


def found(source, replica, *, before=BEFORE):
    comparison = compare(sorted(source), sorted(replica), before=before)
    return {(found.kind.value, found.key, found.version_id) for found in comparison.differences}


def test_what_is_alike_is_no_difference():
    rows = [row(f"title/{n}") for n in range(50)]
    comparison = compare(sorted(rows), sorted(rows), before=BEFORE)
    assert (comparison.compared, comparison.counts, comparison.faults) == (50, {}, 0)


@pytest.mark.parametrize("seed", range(5))
def test_planted_faults_are_found_wherever_they_are_and_nothing_else(seed):
    draw = random.Random(seed)  # noqa: S311
    keys = [f"{draw.choice('abc')}/{n:04}{draw.choice(['', ' ', 'é'])}" for n in range(300)]
    source = [row(key, f"v{n}") for key in keys for n in range(draw.randint(1, 3))]
    replica = list(source)
    planted = set()
    victims = draw.sample(source, 12)
    for victim in victims[:4]:
        replica.remove(victim)
        stays = any(other.key == victim.key for other in replica)
        planted.add(("stale" if stays else "missing", victim.key, victim.version_id))
    for victim in victims[4:8]:
        replica[replica.index(victim)] = victim._replace(size_bytes=victim.size_bytes + 1)
        planted.add(("different", victim.key, victim.version_id))
    for n in range(4):
        replica.append(row(f"{draw.choice('abcz')}/extra-{n}", "v0"))
        planted.add(("extra", replica[-1].key, "v0"))
    assert found(source, replica) == {
        (kind if kind != "stale" or any(other.key == key for other in replica) else "missing", key, version)
        for kind, key, version in planted
    }


def test_an_object_whose_newest_version_has_not_come_is_stale():
    assert found([row("a", "v1", latest=False), row("a", "v2")], [row("a", "v1")]) == {("stale", "a", "v2")}


def test_what_s3_could_not_copy_is_told_apart():
    assert found([row("a", replication_status="FAILED")], []) == {("failed", "a", "v1")}


def test_entity_tags_are_compared_only_where_no_key_is_in_them():
    theirs = row("a")._replace(etag="another")
    assert found([row("a")], [theirs]) == {("different", "a", "v1")}
    assert found([row("a", encryption="SSE-KMS")], [theirs._replace(encryption="SSE-KMS")]) == set()


def test_another_checksum_algorithm_is_a_difference():
    theirs = row("a")._replace(checksum_algorithm="")
    assert found([row("a", encryption="SSE-KMS")], [theirs]) == {("different", "a", "v1")}


def test_what_is_younger_than_the_lag_is_counted_and_not_compared():
    young = row("a", modified_at=BEFORE)
    comparison = compare([young], [], before=BEFORE)
    assert (comparison.compared, comparison.too_young, comparison.faults) == (0, 1, 0)
    old = young._replace(modified_at=BEFORE - timedelta(seconds=1))
    assert compare([old], [], before=BEFORE).faults == 1


def test_deletions_and_expiries_of_the_source_are_no_faults():
    deleted = row("a", "marker", delete_marker=True)
    comparison = compare([deleted], [row("a", "v1")], before=BEFORE)
    assert comparison.counts == {Kind.EXTRA: 1}
    assert comparison.faults == 0


def test_a_replica_that_gathers_owes_only_what_never_came():
    came = [row(f"{n:05}") for n in range(MOST_NAMED + 7)]
    source = sorted([*came, row("pending", replication_status="PENDING"), row("lost", replication_status="FAILED")])
    comparison = compare(source, [row("another's")], before=BEFORE, gathers=True)
    assert comparison.counts == {Kind.EXPIRED: len(came), Kind.MISSING: 1, Kind.FAILED: 1}
    assert comparison.faults == 2


def test_a_report_names_the_first_and_counts_them_all():
    source = [row(f"{n:05}") for n in range(MOST_NAMED + 7)]
    comparison = compare(source, [], before=BEFORE)
    assert comparison.counts == {Kind.MISSING: MOST_NAMED + 7}
    assert [found.key for found in comparison.differences] == [f"{n:05}" for n in range(MOST_NAMED)]


def test_harmless_differences_crowd_no_fault_out_of_the_report():
    extra = [row(f"a{n:05}") for n in range(MOST_NAMED + 1)]
    comparison = compare([row("z")], extra, before=BEFORE)
    assert [found.key for found in comparison.differences if found.kind is Kind.MISSING] == ["z"]


def test_what_is_excused_is_no_fault_and_stays_in_the_report():
    comparison = compare(sorted([row("a"), row("b")]), [], before=BEFORE)
    after = confirmed(comparison, excuse=lambda difference: "gone" if difference.key == "a" else "")
    assert (after.counts, after.faults) == ({Kind.EXPIRED: 1, Kind.MISSING: 1}, 1)
    first = after.differences[0]
    assert (first.kind, first.key, first.detail) == (Kind.EXPIRED, "a", "gone")


def test_only_what_the_replica_lacks_can_be_excused():
    source = [row("a", replication_status="FAILED"), row("b")]
    comparison = compare(source, [row("b")._replace(size_bytes=1)], before=BEFORE)
    assert confirmed(comparison, excuse=lambda _: "gone") == comparison


def test_lookups_are_bounded_and_the_rest_stays_a_fault():
    asked = []
    comparison = compare([row(f"{n:05}") for n in range(MOST_NAMED + 7)], [], before=BEFORE)
    after = confirmed(comparison, excuse=lambda difference: asked.append(difference) or "gone")
    assert (len(asked), after.faults) == (MOST_NAMED, 7)


def test_rows_are_taken_as_they_come():
    """A bucket of any size: only one key's versions are held at a time."""
    taken = {"source": 0, "replica": 0}

    def side(name):
        for n in range(100_000):
            taken[name] += 1
            assert abs(taken["source"] - taken["replica"]) <= 3
            yield row(f"{n:06}", modified_at=LONG_AGO)

    assert compare(side("source"), side("replica"), before=BEFORE).compared == 100_000
