"""Whatever order deliveries, encodes, campaigns and rollbacks come in: what is current is good, every change kept."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, integers, permutations, sampled_from

from lambdas.catalog.campaigns import Outcome, asked_for
from lambdas.catalog.changes import NotPackagedError, NotVerifiedError
from lambdas.catalog.models import Action, CampaignRequest, RollbackRequest, VersionState
from lambdas.catalog.publishing import Step, next_step, publication
from lambdas.catalog.rollback import UnknownTitleError, rollback_of
from lambdas.catalog.store import CatalogStore
from lambdas.common.errors import TransientError
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import NOW, TABLE

INDEX = integers(min_value=0, max_value=11)


class Catalog(RuleBasedStateMachine):
    """One title, and everything that can happen to it."""

    titles = count()

    def __init__(self):
        super().__init__()
        self.store = CatalogStore(TABLE)
        self.title_id = f"film-{next(self.titles)}"
        self.encoding, self.ready = [], []
        self.changes = []
        self.stale = None
        self.written = False

    @initialize(hours=permutations(range(3)))
    def three_are_accepted_and_two_of_them_encoded(self, hours):
        for hour in hours:
            self.accept(hour)
        for _ in range(2):
            self.package(0, verified=True, late=False)

    @rule(hours=integers(min_value=0, max_value=5))
    def accept(self, hours):
        version = f"v{len(self.encoding) + len(self.ready):016d}"
        metadata = samples.TITLE_METADATA.model_copy(update={"title_id": self.title_id})
        at = samples.DELIVERED_AT + timedelta(hours=hours)
        source = samples.source_accepted(version_id=version, delivered_at=at, title=metadata)
        assert self.store.add_version(source, at=NOW)
        self.encoding.append(version)

    @rule(campaign=sampled_from(("spring", "autumn")), late=booleans())
    def encode_anew(self, campaign, late):
        """A campaign asks for the title as somebody has read it, perhaps long ago."""
        title = (late and self.stale) or self.title
        request = CampaignRequest(campaign=campaign, titles=[self.title_id], by="ana")
        version = self._version(title.current_version) if title else None
        asked = asked_for(request, title_id=self.title_id, version=version)
        if asked.outcome is Outcome.ASKED and self.store.add_reencode(asked.event, at=NOW):
            self.encoding.append(asked.version_id)
        elif asked.version_id:
            assert asked.version_id in self.encoding + self.ready

    @precondition(lambda self: self.encoding)
    @rule(index=INDEX, verified=sampled_from((True, True, True, False)), late=booleans())
    def package(self, index, verified, late):
        """An encode is over; who publishes it may have read the title long ago."""
        version = self.encoding[index % len(self.encoding)]
        packaged = samples.version_packaged(title_id=self.title_id, version_id=version)
        if not verified:
            packaged = packaged.model_copy(update={"verification": None})
        title, known = self.stale if late else self.title, self._version(version)
        match next_step(packaged, version=known, title=title):
            case Step.PUBLISH if verified:
                done = self._apply(publication(packaged, version=known, title=title))
            case Step.PUBLISH:
                with pytest.raises(NotVerifiedError):
                    publication(packaged, version=known, title=title)
                done = False
            case Step.KEEP:
                self.store.keep(packaged, version=known, at=NOW)
                self.written = done = True
        if done:
            self.encoding.remove(version)
            self.ready.append(version)

    @precondition(lambda self: self.ready)
    @rule(index=INDEX)
    def package_again(self, index):
        """An event comes once more: it is announced at most."""
        version = self.ready[index % len(self.ready)]
        packaged = samples.version_packaged(title_id=self.title_id, version_id=version)
        step = next_step(packaged, version=self._version(version), title=self.title)
        current = self.title and self.title.current_version == version
        assert step is (Step.ANNOUNCE if current else Step.NOTHING)

    @rule()
    def read(self):
        """Somebody reads the title, and will act on it later."""
        self.stale = self.title

    @precondition(lambda self: self.ready)
    @rule(index=INDEX, late=booleans())
    def roll_back(self, index, late):
        version = self._version(self.ready[index % len(self.ready)])
        title = (late and self.stale) or self.title
        try:
            change = self._rollback(version, title=title)
        except (UnknownTitleError, NotVerifiedError):
            assert title is None or not version.verified
            return
        if change:
            self._apply(change)
        else:
            assert title.current_version == version.version_id

    @precondition(lambda self: self.encoding)
    @rule(index=INDEX)
    def roll_back_to_what_is_not_ready(self, index):
        with pytest.raises((UnknownTitleError, NotPackagedError)):
            self._rollback(self._version(self.encoding[index % len(self.encoding)]), title=self.title)

    @property
    def title(self):
        return self.store.title(self.title_id)

    def _version(self, version):
        return self.store.version(title_id=self.title_id, version_id=version)

    def _rollback(self, version, *, title):
        request = RollbackRequest(title_id=self.title_id, to=version.version_id, by="ana")
        return rollback_of(request, title=title, version=version, in_place=lambda _: True)

    def _apply(self, change):
        """Write a change that was decided on what was read; it wins if that is the truth still."""
        fresh = change.before == self.title
        if fresh and change.version.replaces and change.action is Action.PUBLISH:
            assert change.before.current_version == change.version.replaces
        elif fresh and change.action is Action.PUBLISH:
            # Nobody publishes over what was delivered later, nor undoes a rollback with it.
            ever = [self._version(record.version_id).delivered for record in self.changes]
            assert all(change.version.delivered > before for before in ever)
        try:
            self.changes.append(self.store.apply(change, at=NOW))
        except TransientError:
            assert not fresh
            return False
        assert fresh
        self.written = True
        return True

    @invariant()
    def what_is_current_is_verified_and_every_change_recorded_once(self):
        if not self.written:
            return
        self.written = False
        title, trail = self.title, self.store.audit_trail(self.title_id)
        versions = {version.version_id: version for version in self.store.versions(self.title_id)}
        published = [version for version in versions.values() if version.state is VersionState.PUBLISHED]
        assert [version.version_id for version in published] == ([title.current_version] if title else [])
        assert all(version.verified for version in published)
        assert list(trail) == self.changes
        assert [record.revision for record in trail] == list(range(1, len(trail) + 1))
        current = [None, *(record.version_id for record in trail)]
        assert [record.previous_version for record in trail] == current[:-1]
        if title:
            assert (title.current_version, title.revision) == (current[-1], len(trail))
            assert title.newest == max(versions[record.version_id].delivered for record in trail)


@pytest.mark.usefixtures("table")
def test_any_order_of_deliveries_encodes_and_rollbacks():
    run_state_machine_as_test(
        Catalog,
        settings=settings(
            max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
