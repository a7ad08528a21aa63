from collections.abc import Mapping

import pytest

from stacks.declared import Declared
from stacks.synthesis import CONFIGURATIONS, synthesise


class _Configurations(Mapping):
    """Every configuration, synthesised with the policy gate on when it is first looked at."""

    def __init__(self, folder):
        self._folder, self._made = folder, {}

    def __getitem__(self, name):
        if name not in self._made:
            self._made[name] = Declared(synthesise(CONFIGURATIONS[name], self._folder / name))
        return self._made[name]

    def __iter__(self):
        return iter(CONFIGURATIONS)

    def __len__(self):
        return len(CONFIGURATIONS)


@pytest.fixture(scope="session")
def configurations(tmp_path_factory):
    return _Configurations(tmp_path_factory.mktemp("configurations"))


@pytest.fixture(scope="session", params=CONFIGURATIONS)
def declared(request, configurations):
    """Each configuration in turn."""
    return configurations[request.param]


@pytest.fixture(scope="session")
def sandbox(configurations):
    return configurations["sandbox"]


@pytest.fixture(scope="session")
def opted_in(configurations):
    """The sandbox with everything on that bills while idle."""
    return configurations["sandbox with every opt-in"]


@pytest.fixture(scope="session")
def production(configurations):
    return configurations["production"]


@pytest.fixture(scope="session", params=["sandbox with every opt-in", "production"])
def complete(request, configurations):
    """The configurations in which nothing is left out."""
    return configurations[request.param]
