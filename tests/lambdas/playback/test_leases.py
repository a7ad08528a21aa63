"""Leases by themselves: what is claimed, and what a write of it lets through; the race is in `test_concurrency.py`."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambdas.common.errors import ExpiredError, TransientError
from lambdas.playback import leases
from lambdas.playback.leases import ATTEMPTS, Claim, Lease, Outcome, StreamLimitError
from lambdas.playback.models import Session

NOW = 1_000


def a_lease(*, device_id=None, since=NOW, held_until=NOW + 75, device=None, title_id="t"):
    return Lease(
        device_id=device_id, device=device, title_id=title_id, since=since, held_until=held_until, ends_at=NOW + 3600
    )


def claim(held, *, session_id="new", limit=2, now=NOW, device_id=None):
    return leases.claim(session_id=session_id, lease=a_lease(device_id=device_id), held=held, limit=limit, now=now)


def test_the_first_device_needs_no_item():
    assert claim(None).new
    assert not claim({}).new


def test_who_is_refused_is_told_what_plays_the_longest_running_first():
    held = {
        "a": a_lease(device="Kitchen", since=NOW - 10, title_id="b-film"),
        "b": a_lease(device="Living room", since=NOW - 20, title_id="a-film"),
        "c": a_lease(device="Lost", since=NOW - 900, held_until=NOW - 1),
    }

    with pytest.raises(StreamLimitError, match="allows 2") as refused:
        claim(held)

    members = refused.value.members
    assert (members["reason"], members["limit"]) == ("stream-limit", 2)
    assert members["playing"] == [
        {"device": "Living room", "title_id": "a-film", "since": NOW - 20, "held_until": NOW + 75},
        {"device": "Kitchen", "title_id": "b-film", "since": NOW - 10, "held_until": NOW + 75},
    ]


def test_a_lease_is_over_at_its_very_second():
    held = {"a": a_lease(held_until=NOW + 1)}

    with pytest.raises(StreamLimitError):
        claim(held, limit=1)
    assert claim(held, limit=1, now=NOW + 1).lapsed == ("a",)


def test_a_device_takes_its_own_place_again_and_no_other():
    held = {"a": a_lease(device_id="tv"), "b": a_lease(device_id="phone")}

    assert claim(held, device_id="tv").replaced == ("a",)
    with pytest.raises(StreamLimitError):
        claim(held, device_id="laptop")
    # Devices that do not say which they are are not one device.
    with pytest.raises(StreamLimitError):
        claim({"a": a_lease(), "b": a_lease()}, device_id=None)


def test_nobody_is_refused_who_has_not_seen_that_every_place_is_taken():
    pauses = []

    with pytest.raises(TransientError):
        leases.take(
            held={},
            claim=claim,
            write=lambda _: Outcome.OVERTAKEN,
            read=lambda: {"other": a_lease()},
            pause=pauses.append,
        )

    assert pauses == list(range(1, ATTEMPTS))


def test_who_is_overtaken_reads_again_and_is_refused_by_what_is_there_then():
    reads = iter([{"a": a_lease()}, {"a": a_lease(), "b": a_lease()}])

    with pytest.raises(StreamLimitError):
        leases.take(
            held=None,
            claim=claim,
            write=lambda _: Outcome.OVERTAKEN,
            read=lambda: next(reads),
            pause=lambda _: None,
        )


def test_a_session_lives_as_long_as_its_lease_is_there_over_or_not(playable):
    session = Session(
        session_id="s", viewer_id="v", title_id="t", version_id="v1", manifests=playable.manifests,
        leased=True, created_at=1, expires_at=9_999,
    )  # fmt: skip

    leases.check(session, held={"s": a_lease(held_until=1)})
    for held in (None, {}, {"other": a_lease()}):
        with pytest.raises(ExpiredError):
            leases.check(session, held=held)
        leases.check(session.model_copy(update={"leased": False}), held=held)


class Table:
    """What the item's condition lets through, by the rules of `store._claim`, in plain words."""

    def __init__(self):
        self.leases = None

    def write(self, claim: Claim) -> Outcome:
        if claim.new or self.leases is None:
            free = claim.new and self.leases is None
        else:
            known = self.leases
            free = (
                len(known) < claim.below
                and all(name in known and not known[name].live(claim.lease.since) for name in claim.lapsed)
                and all(name in known and known[name].device_id == claim.lease.device_id for name in claim.replaced)
            )
        if not free:
            return Outcome.OVERTAKEN
        kept = {name: lease for name, lease in (self.leases or {}).items() if name not in claim.lapsed + claim.replaced}
        self.leases = kept | {claim.session_id: claim.lease}
        return Outcome.OPENED


class Devices(RuleBasedStateMachine):
    """Devices that open, renew and end sessions, each seeing the leases as they were at some earlier moment."""

    limit = 2

    def __init__(self):
        super().__init__()
        self.table = Table()
        self.now = NOW
        self.seen = [None]
        self.opened = 0

    @rule(device_id=st.sampled_from([None, "tv", "phone"]), age=st.integers(0, 3))
    def open(self, device_id, age):
        """Claim by what was read up to three changes ago."""
        held = self.seen[max(0, len(self.seen) - 1 - age)]
        self.opened += 1
        name = f"s{self.opened}"
        lease = a_lease(device_id=device_id, since=self.now, held_until=self.now + 75)
        live = [one for one in (self.table.leases or {}).values() if one.live(self.now)]
        try:
            claimed = leases.claim(session_id=name, lease=lease, held=held, limit=self.limit, now=self.now)
        except StreamLimitError:
            if held == self.table.leases:
                assert len([one for one in live if one.device_id is None or one.device_id != device_id]) >= self.limit
            return
        current = held == self.table.leases
        outcome = self.table.write(claimed)
        assert outcome is Outcome.OPENED or not current, "refused although nothing had changed"
        self._changed()

    @precondition(lambda self: self.table.leases)
    @rule(data=st.data())
    def renew(self, data):
        name = data.draw(st.sampled_from(sorted(self.table.leases)))
        renewed = self.table.leases[name].model_copy(update={"held_until": self.now + 75})
        self.table.leases = self.table.leases | {name: renewed}
        self._changed()

    @precondition(lambda self: self.table.leases)
    @rule(data=st.data())
    def end(self, data):
        name = data.draw(st.sampled_from(sorted(self.table.leases)))
        self.table.leases = {other: lease for other, lease in self.table.leases.items() if other != name}
        self._changed()

    @rule(seconds=st.sampled_from([1, 40, 75, 200]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def never_more_than_the_limit(self):
        assert len(self.table.leases or {}) <= self.limit

    def _changed(self):
        self.seen.append(self.table.leases)


TestDevices = Devices.TestCase
TestDevices.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
