"""Whether each permission of each handler is used: what its role allows, some test has it ask for.

`tests/lambdas/calls.py` sees what is asked for, and fails a test in which a role does not allow it. This is the other
direction, and only a run of all these tests can tell: such a run fails if something is left over. Of a part nothing is
said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

Grants = Mapping[str, Collection[str]]
"""By handler, the permissions that its role has: actions, with what they are allowed on where that is known."""
Asked = set[tuple[str, str]]
"""Handlers, each with a permission that it asked for."""

_OUTPUT = "permissions"
_REMEDY = """\
No test sees the handler ask for what its role allows. Take the grant away in stacks/ and run `python -m stacks.report`;
or, if the code needs it, write the test in which it does; or, if it is no request of ours that needs it, say so in
EXCUSED, in tests/lambdas/permissions.py."""


class Excuse(NamedTuple):
    """Why a role needs an action that no request of our code names.

    `beside` is empty, or the excuse is good only for a role that allows one of these as well.
    """

    action: str
    because: str
    beside: frozenset[str] = frozenset()

    def covers(self, action: str, allowed: Collection[str]) -> bool:
        """Whether it is good for `action` in a role that allows what is in `allowed`, on whatever."""
        return action_of(action) == self.action and (
            not self.beside or not self.beside.isdisjoint(map(action_of, allowed))
        )


def _excused(because: str, *actions: str, beside: Collection[str] = ()) -> Iterator[Excuse]:
    yield from (Excuse(action, because, frozenset(beside)) for action in actions)


EXCUSED: tuple[Excuse, ...] = (
    *_excused("Lambda writes the function's log", "logs:CreateLogStream", "logs:PutLogEvents"),
    *_excused("Lambda sends the function's traces", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    *_excused("Lambda sends what failed to the dead letters", "sqs:SendMessage"),
    *_excused(
        "Lambda takes messages from the function's queue",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ),
    *_excused(
        "Lambda reads the stream that calls the function",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    ),
    *_excused("the password with which Valkey is asked is a signature, made here", "elasticache:Connect"),
    *_excused(
        "Lambda joins the network of those that ask Valkey",
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        beside=("elasticache:Connect",),
    ),
    *_excused(
        "S3, of parts and archives too, Secrets Manager and SNS open what is theirs with our key, in the asker's name",
        "kms:Decrypt",
        beside=(
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
            "s3:RestoreObject",
            "secretsmanager:GetSecretValue",
            "sns:Publish",
        ),
    ),
    *_excused(
        "S3 and SNS encrypt what they take with our key, in the sender's name",
        "kms:GenerateDataKey",
        beside=("s3:PutObject", "sns:Publish"),
    ),
    *_excused(
        "who may list is told by S3 that an object is missing, and not that it is forbidden",
        "s3:ListBucket",
        beside=("s3:GetObject", "s3:GetObjectVersion", "s3:PutObjectVersionTagging", "s3:RestoreObject"),
    ),
)


def action_of(permission: str) -> str:
    """Return the action of a permission."""
    return permission.partition(" on ")[0]


def covered(permission: str, others: Collection[str]) -> bool:
    """Whether a permission is among others; for an action alone, on whatever, any of that action will do."""
    return permission in others or permission in map(action_of, others)


def unused(granted: Grants, asked: Asked, excused: Collection[Excuse] = EXCUSED) -> list[tuple[str, str]]:
    """Return the handlers, each with an action that its role allows, that it did not ask for and nothing excuses."""
    return sorted(
        (handler, action)
        for handler, action in _left_over(granted, asked)
        if not any(excuse.covers(action, granted[handler]) for excuse in excused)
    )


def stale(granted: Grants, asked: Asked, excused: Collection[Excuse] = EXCUSED) -> list[Excuse]:
    """Return the excuses that excuse nothing: no role allows it, or who may do it asks for it."""
    left_over = _left_over(granted, asked)
    return [
        excuse
        for excuse in excused
        if not any(excuse.covers(action, granted[handler]) for handler, action in left_over)
    ]


def _left_over(granted: Grants, asked: Asked) -> Asked:
    by_handler: dict[str, set[str]] = {}
    for handler, permission in asked:
        by_handler.setdefault(handler, set()).add(permission)
    return {
        (handler, permission)
        for handler, permissions in granted.items()
        for permission in permissions
        if not covered(permission, by_handler.get(handler, ()))
    }


class EveryPermission:
    """A plugin of pytest: it fails a run of all tests of a folder that has not seen each permission used.

    Parameters
    ----------
    folder
        Where the tests are.
    granted
        Returns what is allowed.
    asked
        Returns what this process has seen.
    """

    def __init__(
        self,
        folder: Path,
        *,
        granted: Callable[[], Grants],
        asked: Callable[[], Asked],
        excused: Collection[Excuse] = EXCUSED,
    ) -> None:
        self._folder, self._granted, self._asked, self._excused = folder, granted, asked, excused
        self._in_part = False
        self._collected: set[str] = set()
        self._passed: set[str] = set()
        self._skipped: set[str] = set()
        self._told: Asked = set()
        self._lines: list[str] = []
        self._judged = self._unjudged = 0

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note that what runs is a part."""
        self._in_part |= any(item.path.is_relative_to(self._folder) for item in items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is to run. With xdist, each worker collects everything, and runs its share."""
        ours = [item for item in session.items if item.path.is_relative_to(self._folder)]
        self._collected = {item.nodeid for item in ours}
        self._in_part |= {item.path for item in ours} != set(self._folder.rglob("test_*.py"))
        self._in_part |= any("::" in argument for argument in session.config.args)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended; xdist repeats the workers' reports to its controller."""
        self._in_part |= report.failed
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)
        elif report.skipped:
            self._skipped.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist has seen; one that died has nothing to say."""
        output = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if output:
            self._in_part |= output["in_part"]
            self._collected |= set(output["collected"])
            self._told |= {(handler, action) for handler, action in output["asked"]}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the controller what this worker has seen; or judge, and let the run fail."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_OUTPUT] = {
                "in_part": self._in_part,
                "collected": sorted(self._collected),
                "asked": [list(one) for one in self._asked()] if self._collected else [],
            }
            return
        if self._in_part or not self._collected:
            return
        if not self._collected <= self._passed:
            self._unjudged = len(self._skipped)
            return
        granted, asked = self._granted(), self._told | self._asked()
        self._judged = sum(map(len, granted.values()))
        self._lines = [f"{handler}: {action}" for handler, action in unused(granted, asked, self._excused)]
        self._lines += [
            f"EXCUSED: {excuse.action} ({excuse.because}) excuses nothing: take it away"
            for excuse in stale(granted, asked, self._excused)
        ]
        if self._lines and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was found; of a run that was in part, nothing."""
        if self._lines:
            terminalreporter.section("permissions that are not used", red=True)
            terminalreporter.line(_REMEDY)
            for line in self._lines:
                terminalreporter.line(line, red=True)
        elif self._unjudged:
            terminalreporter.line(
                f"Whether each permission is used was not judged: {self._unjudged} tests were skipped."
            )
        elif self._judged:
            terminalreporter.line(f"Of {self._judged} permissions of handlers each is used, or says who uses it.")
