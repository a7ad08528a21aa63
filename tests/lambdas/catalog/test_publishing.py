import pytest

from lambdas.catalog.models import Title, Version, VersionState
from lambdas.catalog.publishing import Step, announcement, known, next_step
from lambdas.common.errors import ConflictError, TransientError
from tests.lambdas import samples

PACKAGED = samples.version_packaged()


def version(state=VersionState.ENCODING):
    return Version(
        version_id=samples.VERSION,
        state=state,
        studio=samples.STUDIO,
        delivery_id=samples.DELIVERY,
        title=samples.TITLE_METADATA,
    )


def title(current="vother", studio=samples.STUDIO):
    return Title(studio=studio, current_version=current, revision=3)


@pytest.mark.parametrize(
    ("state", "before", "step"),
    [
        (VersionState.ENCODING, None, Step.PUBLISH),
        (VersionState.ENCODING, title(), Step.PUBLISH),
        (VersionState.PUBLISHED, title(current=samples.VERSION), Step.ANNOUNCE),
        (VersionState.PUBLISHED, title(), Step.NOTHING),
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


def test_the_announcement_says_what_the_studio_said_and_what_was_packaged():
    event = announcement(PACKAGED, version=version(VersionState.PUBLISHED), revision=2)
    assert event.revision == 2
    assert (event.title, event.delivery_id) == (samples.TITLE_METADATA, samples.DELIVERY)
    assert (event.renditions, event.key_ids) == (PACKAGED.renditions, PACKAGED.key_ids)
