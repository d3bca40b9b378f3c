"""A lesson that stands ready: answers tried one after another, budgets kept, and failures told in a sentence."""

import dataclasses
import os
import time
from pathlib import Path

import pytest
from sandboxed import needs_sandbox

from autograder import warm
from autograder.lesson import read_lesson
from autograder.warm import TOO_LONG_REASON, LessonFailed, WarmLesson

LESSON = read_lesson(Path(__file__).parent / "attacks" / "lesson.py")
FIRST, APPLY = LESSON.exercises
RIGHT = APPLY.solution.source
IN_A_FUNCTION = "import os, time, warnings\ndef apply(function, values):\n    {}\n    return 0"

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def ready():
    with WarmLesson(LESSON) as lesson:
        yield lesson


@pytest.fixture
def budgets(monkeypatch):
    """Small budgets: one second of processor time, and of waiting `wait(seconds)`."""
    for name in ("LEAST_CPU_SECONDS", "GRACE_SECONDS"):
        monkeypatch.setattr(warm, name, 1)
    monkeypatch.setattr(warm, "WALL_FACTOR", 0)

    def wait(seconds):
        monkeypatch.setattr(warm, "WALL_SECONDS", seconds)

    wait(30)
    return wait


@pytest.fixture
def trials(ready, monkeypatch):
    """How many tests were left, for each trial that runs."""
    noted, run = [], ready._run
    monkeypatch.setattr(
        ready, "_run", lambda exercise, left, task: noted.append(len(left)) or run(exercise, left, task)
    )
    return noted


def changed(old, new):
    """The lesson with a piece of one cell replaced."""
    (position,) = (i for i, cell in enumerate(LESSON.cells) if old in cell.source)
    cell = dataclasses.replace(LESSON.cells[position], source=LESSON.cells[position].source.replace(old, new))
    cells = (*LESSON.cells[:position], cell, *LESSON.cells[position + 1 :])
    exercises = tuple(dataclasses.replace(exercise, solution=cells[exercise.position]) for exercise in LESSON.exercises)
    return dataclasses.replace(LESSON, cells=cells, exercises=exercises)


def points(trial):
    return [verdict.points for verdict in trial.verdicts]


def messages(trial):
    return [verdict.message for verdict in trial.verdicts]


def descendants(pid):
    """The process ids below `pid`."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (RIGHT, ""),
        ("def apply(function, values): return undefined", "`undefined` is not defined"),
        ("def apply(function, values) return 1", "the cell raised SyntaxError"),
        ("", "`apply` is not defined"),
        ("def apply(function, values): raise KeyError('k')", "raised KeyError: 'k'"),
        ("def apply(function, values): return '\ud800'", "surrogates not allowed"),
        ("'\0'", "the cell raised"),
    ],
)
def test_an_answer_gets_its_verdicts_and_a_sentence(ready, cell, words):
    trial = ready.try_answer(APPLY, [cell], "key")
    assert [verdict.grade_id for verdict in trial.verdicts] == [test.grade_id for test in APPLY.tests]
    assert points(trial) == ([4, 3, 3] if cell == RIGHT else [0, 0, 0])
    assert words in messages(trial)[0] and bool(messages(trial)[0]) == bool(words)


def test_what_a_cell_defined_before_it_raised_counts_and_what_fails_fails_for_that(ready):
    assert points(ready.try_answer(APPLY, [f"{RIGHT}\n1 / 0"], "key")) == [4, 3, 3]
    wrong = "def apply(function, values):\n    return np.array([function(v) for v in np.abs(values)])\n1 / 0"
    trial = ready.try_answer(APPLY, [wrong], "key")
    assert points(trial) == [4, 0, 3]
    assert messages(trial)[1] == "the cell raised ZeroDivisionError: division by zero (line 3: 1 / 0)"


def test_cells_run_in_order_before_and_after_the_answer_and_their_errors_are_ignored(ready):
    helped = "def apply(function, values):\n    return np.array(helper(function, values))"
    helper = "def helper(function, values):\n    return [function(value) for value in values]"
    for before, after in (([helper, "1 / 0"], []), ([], ["1 / 0", helper]), ([helper], ["undefined", "1 +"])):
        assert points(ready.try_answer(APPLY, [*before, helped], "key", after)) == [4, 3, 3]
    trial = ready.try_answer(APPLY, [helper, "apply = 1 / 0"], "key", ["1 +"])
    assert "ZeroDivisionError" in messages(trial)[0]


def test_an_exercise_stands_on_the_references_before_it_and_not_on_its_own(ready):
    uses = (
        "def apply(function, values):\n    assert first(1.0) == 3.0\n    return np.array([function(v) for v in values])"
    )
    assert points(ready.try_answer(APPLY, [uses], "key")) == [4, 3, 3]
    assert "`first` is not defined" in messages(ready.try_answer(FIRST, ["pass"], "key"))[0]
    assert "`apply` is not defined" in messages(ready.try_answer(APPLY, ["pass"], "key"))[0]


def test_hidden_inputs_come_from_the_key_and_are_the_same_again(ready):
    leak = "def apply(function, values):\n    raise ValueError(values.tolist())"
    one, other, again = (messages(ready.try_answer(APPLY, [leak], key))[2] for key in "aba")
    assert one != other and one == again


def test_random_numbers_of_an_answer_are_the_same_again(ready):
    draws = "import random\ndef apply(function, values):\n    raise ValueError(random.random(), np.random.rand())"
    assert messages(ready.try_answer(APPLY, [draws], "a")) == messages(ready.try_answer(APPLY, [draws], "a"))


def test_prints_are_shown_for_visible_tests_only(ready):
    trial = ready.try_answer(APPLY, [IN_A_FUNCTION.format("print('values', values)")], "key")
    printed = [verdict.printed for verdict in trial.verdicts]
    assert printed == ["values [-1.  2.]\n", "", ""]


def test_cells_beyond_every_measure_are_not_run(ready, trials):
    trial = ready.try_answer(APPLY, ["#" * 4_000_000, RIGHT], "key")
    assert messages(trial) == [TOO_LONG_REASON] * 3 and points(trial) == [0, 0, 0] and trials == []


def test_loops_have_twice_the_processor_time_in_all_tests_together(ready, trials, budgets):
    trial = ready.try_answer(APPLY, [IN_A_FUNCTION.format("while True: pass")], "key")
    assert messages(trial) == ["the answer used more than 1 s of processor time: does every loop end?"] * 3
    assert trials in ([3], [3, 2]) and 2 <= trial.seconds < 6  # the kernel counts in whole seconds


def test_a_test_that_ends_is_marked_behind_one_that_does_not(ready, trials, budgets, monkeypatch):
    monkeypatch.setattr(warm, "LEAST_CPU_SECONDS", 2)  # counted in whole seconds: 3 at most, and twice as much is 4
    answer = RIGHT.replace("    return", "    while len(values) == 2: pass\n    return")
    trial = ready.try_answer(APPLY, [answer], "key")
    assert trials == [3, 2] and points(trial) == [0, 3, 3]


@pytest.mark.parametrize("where", ["in a test", "in the cell"])
def test_an_answer_that_waits_is_stopped_once_and_left_to_a_human(ready, trials, budgets, where):
    budgets(1)
    cell = "import time\ntime.sleep(60)" if where == "in the cell" else IN_A_FUNCTION.format("time.sleep(60)")
    start = time.monotonic()
    trial = ready.try_answer(APPLY, [cell], "key")
    assert time.monotonic() - start < 15 and trials == [3]
    assert all("a human has to look at it" in message for message in messages(trial))
    assert {verdict.error for verdict in trial.verdicts} <= warm.NEEDS_HUMAN


def test_waiting_and_ending_in_turn_gains_no_time(ready, trials, budgets):
    budgets(2)
    trial = ready.try_answer(APPLY, [IN_A_FUNCTION.format("time.sleep(1.5); os._exit(0)")], "key")
    assert trials == [3, 2] and points(trial) == [0, 0, 0]
    assert "ended its own process" in messages(trial)[0] and "kept the check waiting" in messages(trial)[2]


def test_garbage_of_an_answer_is_collected(ready):
    hoard = (
        "for _ in range(100):\n        kept = [np.empty(2**22), *[[] for _ in range(2000)]]\n        kept.append(kept)"
    )
    assert points(ready.try_answer(APPLY, [RIGHT.replace("    return", f"    {hoard}\n    return")], "key")) == [
        4,
        3,
        3,
    ]


def test_no_process_of_an_answer_outlives_it(ready):
    before = descendants(ready.process.pid)
    thread = "import threading\n    threading.Thread(target=time.sleep, args=(600,)).start()"
    for action in ("os._exit(0)", thread, "os.abort()"):
        ready.try_answer(APPLY, [IN_A_FUNCTION.format(action)], "key")
        assert descendants(ready.process.pid) == before


def test_closing_ends_every_process():
    with WarmLesson(LESSON) as lesson:
        pids = [lesson.process.pid, *descendants(lesson.process.pid)]
        assert len(pids) >= 4
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            break
        time.sleep(0.05)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("SCALE = np.array([2.0])", "SCALE = 1 / 0", "lesson.py: a cell raised ZeroDivisionError: division by zero"),
        ("return x + SCALE[0]", "return x", "the reference solution 'first' fails its own test 'first_values': "),
        ("SCALE = np", "import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()\nSCALE = np",
         "the lesson runs 2 threads, and only a process with one can be forked safely"),
        ("SCALE = np", "import os; os._exit(0)\nSCALE = np", "the process that runs lesson ended unexpectedly"),
    ],
)  # fmt: skip
def test_a_lesson_that_does_not_run_is_said_to(old, new, words):
    with pytest.raises(LessonFailed) as failure:
        WarmLesson(changed(old, new))
    assert words in str(failure.value)


def test_a_lesson_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(warm, "CELL_SECONDS", 1)
    with pytest.raises(LessonFailed, match="the process that runs lesson took too long"):
        WarmLesson(changed("SCALE = np", "while True: pass\nSCALE = np"))


def test_a_sandbox_that_is_gone_is_said_to_be():
    with WarmLesson(LESSON) as lesson:
        os.kill(lesson.process.pid, 9)
        with pytest.raises(LessonFailed, match="the process that stands ready for apply is gone"):
            lesson.try_answer(APPLY, [RIGHT], "key")
