from datetime import timedelta

import pytest

from lambdas.catalog.changes import NotPackagedError, NotVerifiedError, announcement, publishable
from lambdas.catalog.models import Action, AuditRecord, Delivered, Title, Version, VersionState
from lambdas.catalog.publishing import Step, known, next_step
from lambdas.common.errors import ConflictError, TransientError
from lambdas.common.events import TitlePublished, TitleRolledBack
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import NOW

PACKAGED = samples.version_packaged()
SOURCE = samples.source_accepted()
BEFORE, AFTER = (SOURCE.delivered_at + timedelta(seconds=seconds) for seconds in (-1, 1))


def version(state=VersionState.ENCODING, **changes):
    values = {name: getattr(SOURCE, name) for name in type(SOURCE).model_fields if name in Version.model_fields}
    return Version(**values | {"state": state, "accepted_at": NOW} | changes)


def title(current="vother", studio=samples.STUDIO, newest=BEFORE):
    return Title(studio=studio, current_version=current, revision=3, newest=Delivered(newest, "vother"))


@pytest.mark.parametrize(
    ("state", "before", "step"),
    [
        (VersionState.ENCODING, None, Step.PUBLISH),
        (VersionState.ENCODING, title(newest=BEFORE), Step.PUBLISH),
        (VersionState.ENCODING, title(newest=AFTER), Step.KEEP),
        (VersionState.PACKAGED, title(newest=AFTER), Step.NOTHING),
        (VersionState.PUBLISHED, title(current=samples.VERSION), Step.ANNOUNCE),
        (VersionState.REPLACED, title(newest=AFTER), Step.NOTHING),
        (VersionState.WITHDRAWN, title(newest=SOURCE.delivered_at), Step.NOTHING),
    ],
)
def test_the_next_step_follows_from_what_is_there(state, before, step):
    assert next_step(PACKAGED, version=version(state), title=before) is step


def test_a_studio_cannot_take_over_anothers_title():
    with pytest.raises(ConflictError, match="belongs to 'pixar'"):
        next_step(PACKAGED, version=version(), title=title(studio="pixar"))


def test_a_version_that_is_not_known_yet_is_worth_another_try():
    with pytest.raises(TransientError, match=samples.VERSION):
        known(None, packaged=PACKAGED)


def test_only_what_was_packaged_and_verified_may_be_shown():
    assert publishable(PACKAGED, version=version()) == PACKAGED
    with pytest.raises(NotPackagedError, match="wait for its encode"):
        publishable(None, version=version())
    with pytest.raises(NotVerifiedError, match="delivered again"):
        publishable(PACKAGED.model_copy(update={"verification": None}), version=version())


def record(action, **changes):
    values = {"revision": 4, "version_id": samples.VERSION, "previous_version": "vother", "at": NOW, "by": "someone"}
    return AuditRecord(**values | {"action": action, "reason": "blurred"} | changes)


def test_the_announcement_says_what_the_studio_said_and_what_was_packaged():
    event = announcement(record(Action.PUBLISH), version=version(packaged=PACKAGED))
    assert type(event) is TitlePublished
    assert event.revision == 4
    assert (event.title, event.delivery_id) == (samples.TITLE_METADATA, samples.DELIVERY)
    assert (event.renditions, event.key_ids) == (PACKAGED.renditions, PACKAGED.key_ids)
    assert (event.thumbnails, event.rights) == (PACKAGED.thumbnails, SOURCE.rights)


def test_the_announcement_of_a_rollback_says_who_replaced_what_and_why():
    event = announcement(record(Action.ROLLBACK), version=version(packaged=PACKAGED))
    assert type(event) is TitleRolledBack
    assert (event.version_id, event.replaced, event.by, event.reason) == (
        samples.VERSION,
        "vother",
        "someone",
        "blurred",
    )
