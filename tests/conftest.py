"""No test speaks to a real account: whoever forgets to fake a service is refused, not billed."""

import os

import pytest
from hypothesis import settings

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_TRACE_DISABLED="1",
)
os.environ.pop("AWS_PROFILE", None)

# A machine that is busy with something else is not an error of the code.
settings.register_profile("marquee", deadline=None, max_examples=60)
settings.load_profile("marquee")

# Folders whose tests share something dear: an embedded cloud, a synthesis, rendered clips. One worker has it.
_TOGETHER = ("platform", "stacks", "sandbox", "player", "edge", "encoder", "hostile")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """With `--dist loadgroup`: what shares a dear fixture runs on one worker, and the longest way first."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        folder, _, _ = item.nodeid.removeprefix("tests/").partition("/")
        item.add_marker(pytest.mark.xdist_group(folder if folder in _TOGETHER else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: not item.nodeid.startswith("tests/platform/"))
