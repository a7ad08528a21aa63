"""The functions that change the farm's mode: one that operators call, and one that the clock calls."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.bus import publisher
from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.encoding.environment import KeepModeEnvironment, ModeEnvironment
from lambdas.encoding.farm_mode import FarmMode, ModeRequest, Show, announced, changed, returned
from lambdas.encoding.farm_mode_store import ModeConfiguration, ModeTrail
from lambdas.encoding.queue_depth import depth_of

_TOLD = 20
"""Changes, the newest first."""


@entry_point
def set_farm_mode(event: Payload, _context: LambdaContext) -> Payload:
    """Change the farm's mode, or only tell it; an operator calls this.

    Parameters
    ----------
    event
        A `ModeRequest`: ``do`` is ``show``, ``degrade`` (with ``hours``, ``reason`` and ``by``) or ``normal`` (with
        ``by``).

    Returns
    -------
    dict
        ``mode`` (``normal`` or ``degraded``, as it is in force now), ``set`` (the last change, a `FarmMode`),
        ``changed``, and ``history`` (the latest changes, the newest first).

    Raises
    ------
    InvalidInputError
        If the request does not fit.
    TransientError
        If somebody else changed it just now, or AppConfig did not take it yet: the farm tries the latter again.
    """
    environment = ModeEnvironment.load()
    asked = parse(ModeRequest, event).root
    trail = ModeTrail(environment.modes_table)
    at = now()
    mode = None
    if not isinstance(asked, Show):
        mode = changed(trail.last(), asked, now=at)
    if mode:
        _change(mode, trail=trail, environment=environment)
    history = trail.changes(most=_TOLD)
    last = history[0] if history else FarmMode()
    return {
        "mode": last.in_force(at).value,
        "set": last.model_dump(mode="json"),
        "changed": mode is not None,
        "history": [each.model_dump(mode="json") for each in history],
    }


@entry_point
def keep_farm_mode(_event: Payload, _context: LambdaContext) -> None:
    """End a degraded mode whose time is over, or whose backlog is; hand out a change that AppConfig did not take.

    Raises
    ------
    TransientError
        If something is away: the next run tries again.
    """
    environment = KeepModeEnvironment.load()
    trail = ModeTrail(environment.modes_table)
    last = trail.last()
    if not last.revision:
        return
    limit = environment.drained_below
    waiting = depth_of(environment.queue_arns).waiting if last.degraded else 0
    mode = returned(last, waiting=waiting, drained_below=limit, now=now())
    if mode:
        _change(mode, trail=trail, environment=environment)
        return
    configuration = _configuration(environment)
    if configuration.hand_out(last):
        logger.warning("handed out late", extra={"revision": last.revision})
    else:
        configuration.forget_others(last)


def _change(mode: FarmMode, *, trail: ModeTrail, environment: ModeEnvironment) -> None:
    """Write a change down, hand it out, and tell the bus."""
    trail.append(mode)
    publisher(environment.event_bus).publish(announced(mode))
    logger.info("mode", extra={"revision": mode.revision, "degraded": mode.degraded, "by": mode.by})
    _configuration(environment).hand_out(mode)


def _configuration(environment: ModeEnvironment) -> ModeConfiguration:
    return ModeConfiguration(
        application=environment.mode_application,
        environment=environment.mode_environment,
        profile=environment.mode_profile,
        strategy=environment.mode_strategy,
        normal_version=environment.normal_version,
    )
