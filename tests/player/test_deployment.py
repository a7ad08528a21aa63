import re

import pytest

from stacks.constructs.player_site import only
from tests.player.house import DEPLOYMENT, PLAYER

VENDOR = DEPLOYMENT["vendor"]
SHIPPED = {*DEPLOYMENT["page"], *(f"{VENDOR['to']}/{name}" for name in VENDOR["files"])}
PAGES = ("index.html", "studio.html")


def _referred(name: str) -> set[str]:
    """Return what a file of the page refers to, by names from the page's root."""
    text, folder = (PLAYER / name).read_text(encoding="utf-8"), (PLAYER / name).parent
    if name.endswith(".html"):
        return {found for found in re.findall(r'(?:src|href)="/([^"?]+)"', text) if found}
    beside = re.findall(r'"(\.{1,2}/[^"]+)"', text)
    rooted = re.findall(r'"/(vendor/[^"]+)"', text)
    return {str((folder / found).resolve().relative_to(PLAYER)) for found in beside} | set(rooted)


def test_the_list_of_files_is_the_folder():
    there = {str(path.relative_to(PLAYER)) for path in PLAYER.rglob("*") if path.is_file()}
    assert there - {"deployment.json", "README.md"} == set(DEPLOYMENT["page"])


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_refers_to_is_shipped(page):
    reached, ahead = set(), {page}
    while ahead:
        name = ahead.pop()
        reached.add(name)
        if name in DEPLOYMENT["page"]:
            ahead |= _referred(name) - reached
    assert reached - SHIPPED == set()


def test_nothing_is_shipped_that_no_page_refers_to():
    referred = set().union(*(_referred(name) for name in DEPLOYMENT["page"] if name.endswith((".html", ".js"))))
    assert SHIPPED - referred == set(PAGES)


def test_the_policy_allows_no_inline_code():
    policy = DEPLOYMENT["content_security_policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'self'")


def test_files_in_folders_are_shipped_and_nothing_beside_them(tmp_path):
    from aws_cdk import App, IgnoreMode, Stack  # noqa: PLC0415 - only here
    from aws_cdk import aws_s3_assets as assets  # noqa: PLC0415

    for name in ("page.html", "secret.md", "a/b/deep.js", "a/b/beside.js", "a/notes.md", "c/other.js"):
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(name)
    stack = Stack(App(outdir=str(tmp_path / "out")), "S")
    asset = assets.Asset(
        stack,
        "A",
        path=str(tmp_path / "site"),
        exclude=only(["page.html", "a/b/deep.js"]),
        ignore_mode=IgnoreMode.GIT,
    )
    staged = tmp_path / "out" / asset.asset_path
    assert {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()} == {
        "page.html",
        "a/b/deep.js",
    }
