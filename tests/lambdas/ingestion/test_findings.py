import inspect
import re
from pathlib import Path

import pytest

from lambdas.ingestion import color_rules, manifest, media_rules, picture_rules, sound_rules, validation
from lambdas.ingestion.findings import finding

DOCUMENTED = set(
    re.findall(
        r"^\| `([A-Z0-9_]+)` \|", Path(__file__, "../../../../docs/ingestion.md").resolve().read_text(), re.MULTILINE
    )
)


@pytest.mark.parametrize("module", [color_rules, manifest, media_rules, picture_rules, sound_rules, validation])
def test_every_finding_is_in_the_documentation(module):
    codes = set(re.findall(r'finding\(\s*"([A-Z0-9_]+)"', inspect.getsource(module)))
    assert codes
    assert codes <= DOCUMENTED


@pytest.mark.parametrize("module", [color_rules, media_rules, picture_rules, sound_rules])
def test_every_rule_of_a_module_is_in_force(module):
    written = {
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert set(module.RULES) == written


def test_texts_are_cut_to_what_a_reader_has_patience_for():
    found = finding("CODE", subject="s" * 1000, message="m" * 1000, remedy="r" * 1000)
    assert {len(found.subject), len(found.message), len(found.remedy)} == {300}
    assert found.message.endswith("…")
