"""What an operator sees of a title's ladder."""

import pytest

from tests.cli.test_catalog import FIRST, SECOND, version
from tests.lambdas import samples

MEASURED = [rendition.model_dump(mode="json") for rendition in samples.version_packaged().renditions]


def with_ladder(version_id=FIRST, **changes):
    found = samples.ladder_report(**changes).model_dump(mode="json")
    return version(version_id, renditions=MEASURED, ladder=found)


@pytest.fixture
def known(main, monkeypatch):
    """What the catalog tells; tests change it."""
    from cli import ladder  # noqa: PLC0415

    told = {"current_version": FIRST, "versions": [with_ladder()]}

    def operate(_, payload, *, context, output):
        assert (context, output, payload) == ("catalog", "VersionsFunction", {"title_id": samples.TITLE})
        return told

    monkeypatch.setattr(ladder.common, "platform", lambda: None)
    monkeypatch.setattr(ladder, "operate", operate)
    return told


def test_a_ladder_is_shown_with_its_rungs_the_fixed_one_and_the_savings_by_their_formulas(known, marquee):
    result = marquee("ladder", samples.TITLE)
    assert result.exit_code == 0, result.output
    for part in (
        f"{samples.TITLE}, version {FIRST}",
        "1080p │ 1920x1080 │ HD │ 24 │ 4120 │ 95.6 │ 4980 │ 95.1",
        "720p-2 │ 1280x720 │ HD │ 28 │ 1270 │ 87.0 │ │ │",
        "480p │ 854x480 │ 1390 │ 84.8 │ 1068 kbit/s │ 23.2 %",
        "At equal VMAF 19.0 % saved: the mean of the savings above, each 100 x (1 - hull kbit/s / fixed kbit/s)",
        "At the target 29.8 % saved: 100 x (1 - 4120 / 5870), 1080p here over 1080p of the fixed ladder",
        "936 frames, 10.5 % of the 8928 of the whole grid, and 288 to compare",
        "6 excerpts of 72 frames together; VMAF 95 + 0.5 aimed at",
    ):
        assert part in result.output, part
    assert "misses" not in result.output


def test_a_title_that_needs_more_than_the_fixed_ladder_is_shown_as_such(known, marquee):
    savings = {"equal_vmaf_pct": None, "equal_vmaf": (), "at_target_pct": -12.34, "fixed_misses_target": True}
    known["versions"] = [with_ladder(ladders=(samples.codec_ladder(savings=savings, codec="av1"),))]
    output = marquee("ladder", samples.TITLE).output
    assert "AV1: rungs of this title" in output
    assert "At equal VMAF not known: no fixed rung's quality lies on the hull" in output
    assert "At the target 12.3 % more bits" in output
    assert "The fixed ladder misses VMAF 95 with this title: more bits are right." in output
    assert "1080p │ 1920x1080 │ 5870 │ 96.4 │ not on the hull" in output


def test_another_version_is_shown_if_it_is_named(known, marquee):
    known["versions"].append(with_ladder(SECOND, search_frames=1200))
    assert "1200 frames" in marquee("ladder", samples.TITLE, "--version", SECOND).output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), f"NoLadderError: version {FIRST} of {samples.TITLE} has no ladder of its own"),
        (("--version", "v-none"), f"UnknownVersionError: {samples.TITLE} has no version v-none: `marquee versions"),
    ],
)
def test_what_cannot_be_shown_is_said_with_its_remedy(known, marquee, given, told):
    known["versions"] = [version(FIRST)]
    result = marquee("ladder", samples.TITLE, *given)
    assert result.exit_code == 1
    assert told in result.output
