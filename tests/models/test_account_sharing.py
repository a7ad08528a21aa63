import re

import pytest

from cli.main import app
from lambdas.playback.enforcement import Stage
from models.account_sharing import KINDS, false_positive_rate, picture, simulate


@pytest.fixture(scope="module")
def rows():
    return {row.kind.name: row for row in simulate(accounts=2, seed=1)}


def test_the_same_seed_gives_the_same_population():
    kinds = [kind for kind in KINDS if kind.name in {"VPN", "sold"}]
    one, other = (simulate(accounts=2, seed=7, kinds=kinds) for _ in range(2))
    assert one == other


def test_a_later_stage_is_reached_by_no_more_than_an_earlier_one(rows):
    for row in rows.values():
        shares = [row.share(stage) for stage in Stage]
        assert shares[0] == 1
        assert shares == sorted(shares, reverse=True)


def test_families_travellers_and_students_are_left_alone(rows):
    for name in ("family", "traveller", "student", "two students"):
        assert rows[name].share(Stage.NOTICE) == 0, name


def test_nobody_who_does_not_share_is_blocked(rows):
    assert false_positive_rate(list(rows.values()), Stage.BLOCK) == 0


def test_who_shares_with_many_is_found(rows):
    for name in ("sharer, 3", "sold"):
        assert rows[name].share(Stage.NOTICE) == 1, name


def test_one_stage_after_another_is_drawn_until_all_who_got_anywhere_are_there(rows):
    assert ">two students</text>" in picture(list(rows.values()))
    # Who shares with three is blocked: the bar has no notice and no challenge of its own.
    drawn = picture([rows["sharer, 3"]])
    heights = re.findall(r'height="([0-9.]+)" fill="#', drawn)
    assert heights[:2] == ["0.0", "0.0"]
    assert float(heights[2]) > 0
    assert ">100</text>" in drawn


def test_the_command_prints_the_figure_and_draws_it(capsys, tmp_path):
    target = tmp_path / "picture.svg"
    with pytest.raises(SystemExit, match="0"):
        app(["model", "account-sharing", "--accounts", "1", "--picture", str(target)])
    printed = capsys.readouterr().err
    assert all(f">{kind.name}</text>" in target.read_text(encoding="utf-8") for kind in KINDS)
    assert "false positives" in printed
    assert all(kind.name.split()[0] in printed for kind in KINDS)
