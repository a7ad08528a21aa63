"""The `marquee` command beside a platform that runs: what it says of it, and a delivery sent with it."""

import json

import pytest

from tests.platform.viewer import TITLE

pytestmark = pytest.mark.embedded


def test_the_published_titles_are_listed(marquee, published):
    result = marquee("titles")
    assert result.exit_code == 0, result.output
    assert TITLE in result.output
    assert published.outcome.version_id in result.output


def test_the_status_shows_executions_and_what_is_declared_only(marquee, published):
    result = marquee("status")
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if published.outcome.version_id in line]
    assert [row.count("SUCCEEDED") for row in rows] == [1, 1]
    assert "declared only: AWS::Budgets::Budget" in result.output


def test_a_rejection_is_told_with_its_reason(marquee, tmp_path):
    from tests.platform.studio import FEATURE, manifest_of  # noqa: PLC0415

    folder = tmp_path / "sent-by-hand"
    folder.mkdir()
    (folder / FEATURE).write_bytes(b"not a film")
    (folder / "manifest.json").write_text(json.dumps(manifest_of("sent-by-hand", {FEATURE: b"not a film"})))
    result = marquee("upload", folder)
    assert result.exit_code == 1
    assert "blender/sent-by-hand/: 2 parts" in result.output
    assert f"NOT_MEDIA ({FEATURE})" in result.output
