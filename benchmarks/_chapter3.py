"""What the benchmarks of chapter 3 share: its functions, its text, and an objective evaluated a minibatch at a time.

Reads the lesson's script and a text; downloads nothing, changes nothing.
"""

import ast
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from threadpoolctl import ThreadpoolController

from autograder.lesson import read_lesson
from embedlab import data
from embedlab.text import Vocabulary

LESSON = Path(__file__).parents[1] / "source" / "03_character_ngrams" / "03_character_ngrams.py"
FUNCTIONS = (
    "ngram_counts",
    "vec_transpose",
    "commutation_matrix",
    "literal_gradient",
    "loss_and_gradient",
    "merge_contexts",
    "loss_and_gradient_unique",
)


def lesson_functions():
    """Return the chapter's own functions and imports, a dict by name: FUNCTIONS with their reference solutions.

    The lesson's other cells are not executed. Raises ValueError where the lesson defines one of FUNCTIONS no more.
    """
    cells = [ast.parse(cell.source) for cell in read_lesson(LESSON).cells if cell.kind == "code"]
    statements = [statement for cell in cells for statement in cell.body]
    chosen = [
        statement
        for statement in statements
        if isinstance(statement, ast.Import | ast.ImportFrom)
        or (isinstance(statement, ast.FunctionDef) and statement.name in FUNCTIONS)
    ]
    names = {}
    exec(compile(ast.Module(chosen, []), str(LESSON), "exec"), names)
    missing = [name for name in FUNCTIONS if name not in names]
    if missing:
        raise ValueError(f"{LESSON.name} defines no {missing[0]}, which the benchmarks measure")
    names["fold"] = names["vec_transpose"]  # the lesson's name for exercise 3.3's answer or its stand-in
    return names


def text():
    """Return (name, vocabulary, ids (n,)) of Tiny Shakespeare where EMBEDLAB_MIRROR is set, else of the Lee news."""
    if os.environ.get("EMBEDLAB_MIRROR"):
        name, characters = "Tiny Shakespeare", data.tiny_shakespeare()
    else:
        name, characters = "Lee news (offline)", data.lee_news()
    vocabulary = Vocabulary.of(characters)
    return name, vocabulary, vocabulary.encode(characters)


@cache
def _libraries():
    return ThreadpoolController()  # to look for the libraries takes as long as some of what is measured


def one_core_products():
    """Return a context in which NumPy and SciPy compute each matrix product on one core."""
    return _libraries().limit(limits=1, user_api="blas")


def in_minibatches(objective, E, W, rows, weights, size, workers=2):
    """Return the (loss, dE, dW) of `objective(E, W, *rows)` evaluated on `size` rows after another.

    rows: arrays of N rows each, the objective's data; weights (N,): how much each row counts in the weighted mean that
    the objective returns. The work space of a minibatch stays in the processor's cache, that of all rows does not.
    `workers` minibatches go on side by side, in threads, each with its matrix products on one core: NumPy works in
    parallel on different minibatches, and nobody waits for anybody. The parts are added in order: same sums each time.
    """
    everything = weights.sum(dtype=float)

    def part(first):
        batch = slice(first, first + size)
        share = E.dtype.type(weights[batch].sum(dtype=float) / everything)
        return [share * value for value in objective(E, W, *(array[batch] for array in rows))]

    with one_core_products(), ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(part, range(0, len(weights), size)))
    return tuple(sum(values[1:], start=values[0]) for values in zip(*parts, strict=True))
