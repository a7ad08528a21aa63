"""No test speaks to a real account: whoever forgets to fake a service is refused, not billed."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lambdas import permissions

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)
os.environ.pop("AWS_PROFILE", None)

# A machine that is busy with something else is not an error of the code. The same code is given the same examples, so
# that a run says something about the change; `pytest --hypothesis-profile explore` looks for others.
settings.register_profile("explore", deadline=None, max_examples=60)
settings.register_profile("marquee", settings.get_profile("explore"), derandomize=True)
settings.load_profile("marquee")


def pytest_configure(config):
    """A run of all tests of the handlers fails if one of them may do what it never does."""

    def calls():
        # Imported when it is needed: it loads botocore, which a controller of xdist has no other use for.
        from tests.lambdas import calls  # noqa: PLC0415

        return calls

    folder = Path(__file__).parent / "lambdas"
    plugin = permissions.EveryPermission(folder, granted=lambda: calls().grants(), asked=lambda: calls().RECORDER.asked)
    config.pluginmanager.register(plugin, "every-permission")


# Folders whose tests share something dear: an embedded cloud, a synthesis, rendered clips. One worker has it.
# The longest is first: what is short comes last, and whoever has nothing left to do takes it.
_TOGETHER = ("platform", "encoder", "player", "stacks", "sandbox", "hostile", "edge")


def _group(node_id):
    """The folder of a test that shares a dear fixture with it; the file of any other."""
    _, folder, *_ = node_id.split("/")
    return folder if folder in _TOGETHER else node_id.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each group of tests to one worker."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - without xdist, nobody asks

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return _group(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(config, items):
    """Where several workers share the tests, let the longest way begin first."""
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        places = {folder: place for place, folder in enumerate(_TOGETHER)}
        items.sort(key=lambda item: places.get(_group(item.nodeid), len(places)))
