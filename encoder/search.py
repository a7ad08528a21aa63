"""Task ``search``: find the ladder of a title, by trying sizes and qualities on excerpts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from encoder.claims import Claims
from encoder.codecs import EIGHT_BITS, TEN_BITS, pixel_format
from encoder.errors import NotInPlanError
from encoder.ladder.curves import Size
from encoder.ladder.excerpts import Reel, cut
from encoder.ladder.hdr10 import Rung, mirrored
from encoder.ladder.hull import upper_hull
from encoder.ladder.savings import savings_of
from encoder.ladder.search import grid_of
from encoder.ladder.search import search as find
from encoder.ladder.trials import Trials
from encoder.log import say
from encoder.plan import Work
from encoder.storage import ObjectStore
from encoder.window import Window
from lambdas.common.ladder import Codec, CodecLadder, DynamicRange, FixedRung, LadderReport, Probe, SearchedRung
from lambdas.common.media import EncodingMode
from lambdas.encoding.models import EncodingPlan, SearchRules, VideoRecipe

_NEAR = 0.02
_CORRECTIONS = 2


def search(*, plan: str, store: ObjectStore, claims: Claims) -> None:
    """Search the ladder of a plan and write a `LadderReport`, once.

    Raises
    ------
    NotInPlanError
        If the plan says nothing to search by, or on.
    FrameCountError
        If the source does not give exactly the excerpts' frames.
    ToolFailedError
        If ffmpeg cannot read the source.
    """
    work = Work.read(plan, store=store)
    rules = work.plan.search
    if rules is None or not work.plan.excerpts or not work.plan.fixed:
        raise NotInPlanError("the plan has no `search`, no `excerpts` or no `fixed` ladder: there is nothing to search")

    def make(folder: Path) -> Path:
        deep = work.plan.picture.hdr or any(pixel_format(recipe) != EIGHT_BITS for recipe in work.plan.fixed)
        deepest = TEN_BITS if deep else EIGHT_BITS
        with Window(store, work.plan.source) as source:
            reel = cut(source.url, work.plan.excerpts, work=work, pixel_format=deepest, folder=folder)
        report = report_on(reel, work=work, rules=rules, folder=folder)
        result = folder / "ladder.json"
        result.write_text(report.model_dump_json(indent=2), encoding="utf-8")
        return result

    work.once(work.jobs.search, target=work.ladder_file, claims=claims, make=make)


def report_on(reel: Reel, *, work: Work, rules: SearchRules, folder: Path) -> LadderReport:
    """Search the ladder of each codec of a plan's fixed ladder on a reel of excerpts, and compare it with that."""
    codecs = tuple(dict.fromkeys(recipe.codec for recipe in _fixed(work.plan)))
    searching, fixed, hdr10 = (Trials(reel, work=work, folder=folder) for _ in range(3))
    ladders = []
    for codec in codecs:
        held = held_to(rules, codec=codec, plan=work.plan)
        ladder = _ladder(codec, work=work, rules=held, searching=searching, fixed=fixed)
        found = _hdr10(ladder, work=work, rules=rules, trials=hdr10)
        ladders.append(ladder.model_copy(update={"hdr10": found}))
    report = LadderReport(
        vmaf_target=work.plan.vmaf_target,
        margin=rules.margin,
        excerpts=len(reel.excerpts),
        excerpt_frames=reel.frames,
        search_frames=searching.frames,
        fixed_frames=fixed.frames,
        hdr10_frames=hdr10.frames,
        grid_frames=reel.frames * sum(len(_sizes(work, codec)) * len(grid_of(codec)) for codec in codecs),
        ladders=tuple(ladders),
    )
    say("searched", search_frames=report.search_frames, grid_frames=report.grid_frames)
    return report


def held_to(rules: SearchRules, *, codec: Codec, plan: EncodingPlan) -> SearchRules:
    """Return what the search in one codec is held to.

    In degraded mode it finds no more rungs than the fixed ladder has left: a codec that is there for its key alone has
    one size, and would get a whole ladder of it.
    """
    if plan.mode is EncodingMode.NORMAL:
        return rules
    left = len(_fixed(plan, codec))
    return rules.model_copy(update={"most_rungs": min(rules.most_rungs, left)})


def _fixed(
    plan: EncodingPlan, codec: Codec | None = None, dynamic_range: DynamicRange = DynamicRange.SDR
) -> tuple[VideoRecipe, ...]:
    """Return the rungs of the fixed ladder in a dynamic range, of one codec or of all."""
    return tuple(
        recipe for recipe in plan.fixed if recipe.dynamic_range is dynamic_range and codec in {None, recipe.codec}
    )


def _ladder(codec: Codec, *, work: Work, rules: SearchRules, searching: Trials, fixed: Trials) -> CodecLadder:
    recipes = _sizes(work, codec)
    measure = partial(_measure, recipes=recipes, trials=searching)
    target = work.plan.vmaf_target
    found = find(codec, tuple(recipes), aim=target + rules.margin, rules=rules, measure=measure)
    rungs = _named(found.rungs)
    compared = tuple(_as_fixed(recipe, trials=fixed) for recipe in _fixed(work.plan, codec))
    hull = upper_hull(found.probes)
    for rung in rungs:
        say("chose", codec=codec, **rung.model_dump(mode="json"))
    return CodecLadder(
        codec=codec,
        probes=found.probes,
        hull=hull,
        rungs=rungs,
        fixed=compared,
        savings=savings_of(rungs, hull=hull, fixed=compared, target=target),
    )


def _hdr10(found: CodecLadder, *, work: Work, rules: SearchRules, trials: Trials) -> tuple[SearchedRung, ...]:
    """Return the HDR10 rungs that go with a ladder: of its sizes, those that the fixed ladder has in HDR10."""
    recipes = _sizes(work, found.codec, DynamicRange.HDR10)
    sizes = {(size.width, size.height): size for size in recipes}
    places = ((sizes.get((rung.width, rung.height)), rung.crf) for rung in found.rungs)
    rungs = mirrored(
        [Rung(size, crf) for size, crf in places if size is not None],
        codec=found.codec,
        aim=work.plan.vmaf_target + rules.margin,
        measure=partial(_measure, recipes=recipes, trials=trials),
    )
    return _named(rungs)


def _measure(size: Size, crf: float, *, recipes: Mapping[Size, VideoRecipe], trials: Trials) -> Probe:
    recipe = recipes[size]
    outcome = trials.at_crf(recipe, crf)
    probe = Probe(width=size.width, height=size.height, crf=crf, **outcome._asdict())
    say("tried", codec=recipe.codec, dynamic_range=recipe.dynamic_range, **probe.model_dump())
    return probe


def _sizes(work: Work, codec: Codec, dynamic_range: DynamicRange = DynamicRange.SDR) -> dict[Size, VideoRecipe]:
    """Return the sizes of a codec's fixed rungs, and how each is encoded: as the first rung of that size."""
    first: dict[tuple[int, int], VideoRecipe] = {}
    for recipe in _fixed(work.plan, codec, dynamic_range):
        first.setdefault((recipe.width, recipe.height), recipe)
    return {
        Size(rung=recipe.rung, width=recipe.width, height=recipe.height, tier=recipe.tier): recipe
        for recipe in first.values()
    }


def _named(rungs: Sequence[tuple[Size, Probe]]) -> tuple[SearchedRung, ...]:
    """Return the rungs, each with the name of its size's fixed rung; the second of a size is number 2 of it."""
    named: list[SearchedRung] = []
    seen: Counter[Size] = Counter()
    for size, probe in rungs:
        seen[size] += 1
        name = size.rung if seen[size] == 1 else f"{size.rung}-{seen[size]}"
        probed = probe.model_dump(exclude={"vmaf_p5"})
        named.append(SearchedRung(rung=name, tier=size.tier, **probed))
    return tuple(named)


def _as_fixed(recipe: VideoRecipe, *, trials: Trials) -> FixedRung:
    """Try a fixed rung at the bit rate that it has in a film: in a few seconds rate control misses it by a fifth."""
    asked, outcome = recipe, trials.outcome(recipe)
    for _ in range(_CORRECTIONS):
        missed = outcome.kbps / recipe.bitrate_kbps
        if abs(missed - 1) <= _NEAR:
            break
        wanted = min(round(asked.bitrate_kbps / missed), recipe.maxrate_kbps)
        asked = asked.model_copy(update={"bitrate_kbps": wanted})
        outcome = trials.outcome(asked)
    return FixedRung(rung=recipe.rung, width=recipe.width, height=recipe.height, kbps=outcome.kbps, vmaf=outcome.vmaf)
