"""Memory: a container that uses more than it asked for is killed, and its job is tried again with more."""

import sys

import pytest

from lambdas.encoding.retries import Action, FailureKind, RetryRules, Tried, cause_of, decide

pytestmark = pytest.mark.embedded


def _python(program):
    return f'"{sys.executable}" -c "{program}"'


# Pages are taken when they are written to, not when they are asked for.
_HOG = _python("import time; taken = b'x' * (160 << 20); time.sleep(float('{seconds}'))")


def test_a_job_that_takes_more_than_it_asked_for_is_killed(submit, ended):
    detail = ended(submit(_HOG.format(seconds=60), memory="128"))
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "Essential container in task exited")
    assert detail["container"]["exitCode"] == 137
    assert detail["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert detail["attempts"][0]["container"]["reason"] == detail["container"]["reason"]


def test_it_is_the_whole_container_that_ends_whichever_process_was_large(submit, ended, log_of):
    detail = ended(submit(f"{_HOG.format(seconds=60)}; echo the shell lives", memory="128"))
    assert detail["container"]["exitCode"] == 137
    assert log_of(detail) == []


def test_a_page_that_two_processes_share_counts_once(submit, ended):
    # Each has 160 MiB in memory, and it is the same.
    program = "import os, time; taken = b'x' * (160 << 20); os.fork(); time.sleep(1.2)"
    detail = ended(submit(_python(program), memory="256"))
    assert (detail["status"], detail["container"]["exitCode"]) == ("SUCCEEDED", 0)


def test_exit_rules_tell_it_by_the_containers_reason(submit, ended):
    rules = [{"onReason": "OutOfMemoryError*", "action": "EXIT"}, {"onReason": "*", "action": "RETRY"}]
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    detail = ended(submit(_HOG.format(seconds=60), memory="128", retryStrategy=strategy))
    assert len(detail["attempts"]) == 1


def test_the_workflow_gives_it_more_memory_and_it_succeeds(submit, ended, pascal):
    script = _HOG.format(seconds=0.8)
    cause = pascal(ended(submit(script, memory="128")))
    kind = cause_of("States.TaskFailed", cause)
    assert kind is FailureKind.OUT_OF_MEMORY
    decision = decide(kind, Tried(), RetryRules(most_memory_mib=1024), memory_mib=128, draw=lambda: 0.0)
    assert decision.action is Action.RETRY_LARGER
    assert 128 < decision.memory_mib <= 1024
    assert ended(submit(script, memory=str(decision.memory_mib)))["status"] == "SUCCEEDED"
