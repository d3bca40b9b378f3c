"""The process that runs a lesson: what makes it cheap to fork. The rest of it is tried in test_warm.py."""

import gc
import subprocess
import sys

import pytest

from autograder.lesson_process import without


@pytest.mark.parametrize(
    ("ranges", "known", "left"),
    [
        ([(0, 10)], [], [(0, 10)]),
        ([(0, 10)], [(0, 10)], []),
        ([(0, 10)], [(0, 4)], [(4, 10)]),
        ([(0, 10)], [(4, 10)], [(0, 4)]),
        ([(0, 10)], [(3, 5), (7, 8)], [(0, 3), (5, 7), (8, 10)]),
        ([(0, 10), (20, 30)], [(5, 25)], [(0, 5), (25, 30)]),
        ([(5, 6)], [(0, 10)], []),
        ([(0, 2), (8, 9)], [(2, 8)], [(0, 2), (8, 9)]),
    ],
)
def test_memory_that_was_there_before_is_left_alone(ranges, known, left):
    assert without(ranges, known) == left


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_settling_keeps_what_is_there_and_forgets_garbage():
    program = """
import gc, weakref
import numpy as np
from autograder.lesson_process import settle
class Node: pass
node = Node(); node.itself = node; gone = weakref.ref(node); del node
kept, text = np.arange(10**6), {str(i): i for i in range(10**5)}
known = settle([])
assert gone() is None and gc.get_freeze_count() > 1000
assert kept.sum() == 499999500000 and text["99999"] == 99999
again = settle(known)
assert known and all(start < end for start, end in again)
print("settled")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "settled", ran.stderr
    assert gc.get_freeze_count() == 0, "in its own process, not in this one"
