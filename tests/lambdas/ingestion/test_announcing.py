from lambdas.common.media import ObjectRef
from lambdas.ingestion import announcing
from lambdas.ingestion.models import DeliveryManifest
from lambdas.ingestion.states import AcceptedDelivery
from tests.lambdas import samples


def test_two_files_that_are_versions_of_one_key_are_announced_with_a_digest_each(way):
    """A file that is known already is the object that was delivered first, whatever that was called."""
    delivery = AcceptedDelivery.model_validate(way.judge())
    film = ObjectRef(bucket="raw", key="blender/one/file", version_id="v1")
    words = film.model_copy(update={"version_id": "v2"})
    feature, words_of = samples.manifest()["files"]
    source = announcing.accepted(
        delivery,
        DeliveryManifest.model_validate(samples.manifest(files=[feature, words_of | {"kind": "sdh"}])),
        kept={samples.FEATURE: film, samples.SUBTITLES: words},
        work_bucket="work",
    )
    assert {found.ref: found.sha256 for found in source.fixity} == {
        film: samples.FEATURE_SHA,
        words: samples.SUBTITLES_SHA,
    }
    assert [(text.source, text.kind) for text in source.subtitles] == [(words, "sdh")]
