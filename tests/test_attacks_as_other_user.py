"""The most telling attacks once more, by the other kind of user: the sandbox is another one for root than for others.

Where the tests run as root this is nobody, and the other way round; skipped, with the reason, where neither works.
"""

import re
from pathlib import Path

import pytest
from other_user import OTHER, run_as_other_user, why_not

FILE = Path("tests") / "test_attacks.py"
FORGERIES = """
the expected value from the frames of the test
the secret from the environment
the process memory through /proc
the tests' process through ptrace
reads another process's memory by a system call
says that every check held, in the tests' own words
a forked child that answers later
signals to every process
undoes the limits
new namespaces, mounts and root
a socket
writes into NumPy for the next student
the source next door
what an earlier submission left behind
""".strip().splitlines()
BREAKDOWNS = """
os._exit
two hundred processes
ten thousand threads
a file of 50 MB
a thousand files of 1 MB
""".strip().splitlines()


@pytest.fixture(scope="module")
def possible():
    """Skips where nothing runs as the other user, or nothing in a sandbox as that user."""
    reason = why_not()
    if not reason:
        asked = run_as_other_user(["-c", "from autograder import sandbox; print(sandbox.why_not())"])
        reason = asked.stdout.strip()
    if reason:
        pytest.skip(reason)


def test_the_other_user_is_another_one(possible):
    asked = run_as_other_user(["-c", "import os; print(os.getuid(), os.geteuid(), os.getgroups())"])
    assert asked.stdout.strip() == {"nobody": "65534 65534 []", "root": "0 0 [0]"}[OTHER]


@pytest.mark.parametrize("user", [OTHER])
def test_the_attacks_come_to_nothing_when_the_grader_is_started_as(possible, user):
    chosen = ["test_the_right_answer_gets_full_points_under_every_key"]
    chosen += [f"test_a_forgery_gains_nothing[{name}]" for name in FORGERIES]
    chosen += [f"test_a_breakdown_stops_nobody_else[{name}]" for name in BREAKDOWNS]
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *[f"{FILE}::{name}" for name in chosen]]
    ran = run_as_other_user(command)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"^{len(chosen)} passed", ran.stdout, re.MULTILINE), ran.stdout
