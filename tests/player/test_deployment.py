import re

from tests.player.house import DEPLOYMENT, PLAYER

SHIPPED = {*DEPLOYMENT["page"], *(f"{DEPLOYMENT['vendor']['to']}/{name}" for name in DEPLOYMENT["vendor"]["files"])}


def test_the_list_of_files_is_the_folder():
    assert {path.name for path in PLAYER.iterdir()} - {"deployment.json", "README.md"} == set(DEPLOYMENT["page"])


def test_what_the_page_refers_to_is_shipped():
    page = (PLAYER / "index.html").read_text(encoding="utf-8")
    referred = {name for name in re.findall(r'(?:src|href)="/([^"?]+)"', page) if name}
    for script in PLAYER.glob("*.js"):
        referred |= set(re.findall(r'"(?:\./|/(?=vendor/))([^"]+)"', script.read_text(encoding="utf-8")))
    assert referred - SHIPPED == set()
    assert SHIPPED - referred == {"index.html"}


def test_the_policy_allows_no_inline_code():
    policy = DEPLOYMENT["content_security_policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'self'")
