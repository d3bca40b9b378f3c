"""Every exercise of every chapter against its answer bank: right answers pass, wrong ones fail for the right reason.

Each test cell runs in two ways, directly in the answer's namespace and through the grader's proxies, and must come to
the same verdict. `tests/answers/NAME.yaml` holds the known answers of the chapter NAME.
"""

import ast
import re
import time
from pathlib import Path

import pytest
import yaml

from autograder.lesson import chapters, read_lesson, stub, visible
from autograder.loopback import run_exercise

ROOT = Path(__file__).parent.parent
BANKS = ROOT / "tests" / "answers"
LESSONS = [read_lesson(path) for path in chapters(ROOT)]
EXERCISES = [pytest.param(lesson, e, id=f"{lesson.name}-{e.grade_id}") for lesson in LESSONS for e in lesson.exercises]
SECRETS = [f"secret {number}" for number in range(20)]


def bank(lesson):
    path = BANKS / f"{lesson.name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def known(kind):
    """One case for each known answer of the kind "right" or "wrong"."""
    return [
        pytest.param(lesson, exercise, answer, id=f"{lesson.name}-{exercise.grade_id}: {answer['name']}")
        for lesson in LESSONS
        for exercise in lesson.exercises
        for answer in bank(lesson).get(exercise.grade_id, {}).get(kind, [])
    ]


def failures(verdicts):
    return [(verdict.grade_id, verdict.message) for verdict in verdicts if verdict.points < verdict.max_points]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_bank_covers_the_chapter(lesson):
    answers = bank(lesson)
    assert set(answers) == {exercise.grade_id for exercise in lesson.exercises}
    for grade_id, kinds in answers.items():
        assert len(kinds["right"]) >= 2, f"{grade_id} needs two right answers, written differently"
        assert len(kinds["wrong"]) >= 4, f"{grade_id} needs four wrong answers"
        assert set(kinds) == {"right", "wrong"}
        for answer in kinds["right"]:
            assert set(answer) == {"name", "code"}
        for answer in kinds["wrong"]:
            assert set(answer) == {"name", "code", "points", "message"} and len(answer["message"]) >= 8
        names = [answer["name"] for answer in kinds["right"] + kinds["wrong"]]
        assert len(set(names)) == len(names), f"{grade_id}: two answers have the same name"


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_the_reference_gets_full_points_in_time(lesson, exercise, proxied):
    run_exercise(lesson, exercise, "pass", proxied=proxied)
    start = time.process_time()
    assert failures(run_exercise(lesson, exercise, exercise.solution.source, proxied=proxied)) == []
    assert time.process_time() - start < 2


@pytest.mark.parametrize(("lesson", "exercise", "answer"), known("right"))
def test_a_right_answer_gets_full_points_under_every_secret(lesson, exercise, answer):
    for number, key in enumerate(SECRETS):
        for proxied in (True, False)[: 1 + (number % 4 == 0)]:
            assert failures(run_exercise(lesson, exercise, answer["code"], proxied=proxied, key=key)) == []


@pytest.mark.parametrize(("lesson", "exercise", "answer"), known("wrong"))
def test_a_wrong_answer_gets_its_points_and_its_message(lesson, exercise, answer):
    for key in ("", *SECRETS[:3]):
        direct, proxied = (
            run_exercise(lesson, exercise, answer["code"], proxied=mode, key=key) for mode in (False, True)
        )
        assert direct == proxied, "the verdict depends on where the answer runs"
        assert sum(verdict.points for verdict in direct) == answer["points"], failures(direct)
        assert any(answer["message"] in verdict.message for verdict in direct), failures(direct)


EVERYTHING = '''
class Everything:
    """Equals everything, is close to everything, and turns into whatever is asked for."""
    def itself(self, *args, **kwargs): return self
    def true(self, *args, **kwargs): return True
    def zero(self, *args, **kwargs): return 0
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = true
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = itself
    __matmul__ = __rmatmul__ = __neg__ = __abs__ = __getitem__ = __call__ = __getattr__ = itself
    __hash__ = __int__ = __index__ = __len__ = zero
    def __iter__(self): return iter(())
    def __float__(self): return 0.0
    def __array__(self, *args, **kwargs): return np.zeros(())
    def __array_ufunc__(self, ufunc, method, *args, **kwargs): return np.True_ if "equal" in ufunc.__name__ else self
    def __array_function__(self, *args, **kwargs): return True
'''
RETURNED = {
    "None": "None",
    "NaN": "float('nan')",
    "0": "0",
    "True": "True",
    "an empty array": "np.empty(0)",
    "an object that equals everything": "Everything()",
    "a right answer of wrong shape": "np.asarray(right[NAME](*args, **kwargs))[None]",
}


def decoy(exercise, returned):
    """An answer in which every name of the exercise is a function that returns the expression `returned`."""
    lines = ["import numpy as np", EVERYTHING, exercise.solution.source, "right = dict(globals())"]
    for name in sorted(exercise.names):
        expression = returned.replace("NAME", repr(name))
        lines.append(f"if callable({name}):\n    def {name}(*args, **kwargs): return {expression}")
        lines.append(f"else:\n    {name} = {expression.replace('(*args, **kwargs)', '')}")
    return "\n".join(lines)


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize("returned", RETURNED)
@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_every_graded_test_fails_for_a_decoy(lesson, exercise, returned, proxied):
    for verdict in run_exercise(lesson, exercise, decoy(exercise, RETURNED[returned]), proxied=proxied):
        assert verdict.points == 0 and verdict.message, f"{verdict.grade_id} takes {returned} for an answer"


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_every_graded_test_fails_for_the_untouched_stub(lesson, exercise, proxied):
    for verdict in run_exercise(lesson, exercise, stub(exercise.solution, exercise.number), proxied=proxied):
        assert verdict.points == 0
        assert f"Exercise {exercise.number}, {exercise.grade_id}" in verdict.message


OVERWRITE = """
def spoiled(function, rewrite):
    def call(*args, **kwargs):
        arrays = [a for a in (*args, *kwargs.values()) if isinstance(a, np.ndarray)]
        if arrays and not rewrite:
            return None
        for array in arrays:
            array[...] = 0
        return function(*args, **kwargs)
    return call
"""


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_nothing_is_gained_by_overwriting_the_arrays_that_a_test_passes_in(lesson, exercise):
    """An answer that zeroes its arguments and solves that easy case must not fool a test that reads them after."""
    results = []
    for rewrite in (True, False):
        lines = ["import numpy as np", exercise.solution.source, OVERWRITE]
        lines += [f"if callable({name}): {name} = spoiled({name}, {rewrite})" for name in sorted(exercise.names)]
        results.append(run_exercise(lesson, exercise, "\n".join(lines), proxied=True, key="k"))
    for overwriting, returning_none in zip(*results, strict=True):
        assert overwriting.points <= returning_none.points, f"{overwriting.grade_id}: compute what is expected first"


FORBIDDEN = {
    "np.random.seed": "check.seed",
    "numpy.random.seed": "check.seed",
    "random.seed": "check.seed",
    "torch.manual_seed": "check.seed",
    "torch.random.manual_seed": "check.seed",
    "plt.gcf": "a figure that the answer returns",
    "plt.gca": "a figure that the answer returns",
    "pickle.load": "plain values",
    "pickle.loads": "plain values",
    "torch.load": "plain values",
    "np.load": "plain values",
    "In": "nothing: the text of the cells is not the answer",
    "Out": "nothing: what cells displayed is not the answer",
    "get_ipython": "nothing: a test does not depend on the shell",
    "isinstance": "check.is_a",
    "type": "check.is_a",
}


def lint(source):
    """The sentences that a test cell's source deserves."""
    problems = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in FORBIDDEN:
            problems.append(f"line {node.lineno}: instead of {ast.unparse(node)} use {FORBIDDEN[ast.unparse(node)]}")
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None)}
            problems += [f"line {node.lineno}: a test does not import {n}" for n in names & {"pickle", "random"}]
    return problems


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_test_cells_keep_to_what_works_through_proxies(lesson, exercise):
    assert {test.grade_id: lint(test.source) for test in exercise.tests if lint(test.source)} == {}


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("np.random.seed(1)", "check.seed"),
        ("import torch\ntorch.manual_seed(0)", "check.seed"),
        ("import random\nrandom.seed(0)", "random"),
        ("from random import seed", "random"),
        ("assert plt.gcf().axes", "figure"),
        ("import pickle", "pickle"),
        ("m = torch.load('m')", "plain values"),
        ("assert 'for' not in In[-1]", "nothing"),
        ("assert isinstance(f(1), float)", "check.is_a"),
    ],
)
def test_the_lint_sees_what_does_not_work_through_proxies(source, word):
    assert any(word in problem for problem in lint(source))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_hidden_tests_draw_secret_inputs_under_names_of_their_own(lesson):
    names = []
    for exercise in lesson.exercises:
        hidden = [test for test in exercise.tests if visible(test.source) != test.source]
        assert hidden, f"{exercise.grade_id} has no hidden tests"
        for test in exercise.tests:
            drawn = re.findall(r"check\.rng\(\"(\w+)\"\)", test.source)
            assert len(drawn) == test.source.count("check.rng("), "check.rng takes the grade_id of its cell, as text"
            assert all(name.startswith(test.grade_id) for name in drawn)
            assert test not in hidden or drawn, f"{test.grade_id}: its hidden tests use no check.rng"
            assert "check.rng" not in visible(test.source) or test not in hidden
            names += drawn
    assert len(set(names)) == len(names)
