import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
MARKER = re.compile(r"<!-- figure (?P<model>\S+)\.(?P<key>\S+) (?P<form>\S+) -->(?P<told>[^<]*)<!-- /figure -->")


def test_the_page_quotes_what_the_models_say():
    pytest.importorskip("numpy", reason="needs requirements-sandbox.txt: numpy")
    from models.registry import MODELS  # noqa: PLC0415 - it needs numpy

    quotes = list(MARKER.finditer(PAGE.read_text(encoding="utf-8")))
    quoted = {quote["model"] for quote in quotes}
    run = {name: MODELS[name]() for name in quoted}
    assert quoted >= {"bandwidth", "storage", "startup", "av1-migration", "country-launch", "mars"}
    told = {f"{quote['model']}.{quote['key']}": quote["told"] for quote in quotes}
    said = {
        f"{quote['model']}.{quote['key']}": format(run[quote["model"]][quote["key"]].value, quote["form"])
        for quote in quotes
    }
    assert told == said


def test_no_line_begins_with_a_marker():
    # Markdown would take it for the beginning of a block, and end the paragraph.
    assert not re.findall(r"^<!--.*", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
