"""Playback's part in publishing a title: its keys, and that it can be played."""

from __future__ import annotations

from functools import partial

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.bus import received
from lambdas.common.events import TitlePublished, TitleRolledBack
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.playback import content_key_store, keys, store
from lambdas.playback.environment import KeyServiceEnvironment, PlayableEnvironment
from lambdas.playback.models import KeyRequest, Playable
from lambdas.playback.series import episode_key, series_key


@entry_point
def issue_keys(event: Payload, _context: LambdaContext) -> Payload:
    """Return the title's content keys, wrapped; a task of the encoding state machine.

    Parameters
    ----------
    event
        ``{"title_id": …}``; with ``opened_for``, a version, the title gets new keys for it.

    Returns
    -------
    dict
        ``{"keys": […]}``, one `ContentKey` a tier, of the latest period or that of the version.
    """
    environment = KeyServiceEnvironment.load()
    request = parse(KeyRequest, event)
    title_id = request.title_id
    table = content_key_store.ContentKeyTable(environment.content_keys_table)
    issued = keys.issue(
        title_id=title_id,
        existing=table.of_title(title_id),
        opened_for=request.opened_for,
        new_wrapped_key=partial(content_key_store.new_wrapped_key, wrapping_key_id=environment.wrapping_key_id),
        keep=partial(table.keep, title_id=title_id),
    )
    logger.info("keys issued", extra={"title_id": title_id, "key_ids": [key.key_id for key in issued]})
    return {"keys": [key.model_dump(mode="json") for key in issued]}


@entry_point
def on_title_published(event: Payload, _context: LambdaContext) -> None:
    """Note what can be played from now on; the bus delivers it, perhaps twice, perhaps late.

    A rollback is a publication of an earlier version: here it makes no difference.
    """
    environment = PlayableEnvironment.load()
    rolled_back = event.get("detail-type") == TitleRolledBack.detail_type()
    published = received(TitleRolledBack if rolled_back else TitlePublished, event)
    playable = Playable(
        title_id=published.title.title_id,
        name=published.title.name,
        version_id=published.version_id,
        duration_s=published.duration_s,
        manifests=published.manifests,
        thumbnails=published.thumbnails,
        renditions=published.renditions,
        key_ids=published.key_ids,
        rights=published.rights,
        min_age=published.title.min_age,
        series=series_key(published.title.series, studio=published.studio),
        episode=episode_key(published.title.series, title_id=published.title.title_id),
        revision=published.revision,
    )
    kept = store.PlayableTable(environment.playable_table).put_if_newer(playable)
    extra = {"title_id": playable.title_id, "version_id": playable.version_id}
    logger.info("title playable" if kept else "an older publication was passed over", extra=extra)
