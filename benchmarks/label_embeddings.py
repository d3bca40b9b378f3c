"""Chapter 4 with more patience and more seeds, by the lesson's own functions; prints three tables.

1. Do the networks that end with a softmax and lost a species find it again in 3,000 more epochs of gradient descent?
2. Labels that learn along, for ten times as long as in the lesson: do they go on collapsing, do both cures still hold?
3. All methods once more on 100 fresh splits (seeds 100 to 199): mean, spread, worst, and the mean difference to the
   network on raw scores with its standard error. What does it cost when setosa lives between versicolor and virginica?

Exits with 1 if an answer is not the one that the lesson gives. Takes two to four minutes on one core (a GPU is used
where there is one); `make bench ARGS=label_embeddings` runs it. Reads the lesson's script; writes nothing.
"""

import ast
import sys
from pathlib import Path

import numpy as np
import torch

from autograder.lesson import read_lesson

LESSON = Path(__file__).parents[1] / "source" / "04_label_embeddings" / "04_label_embeddings.py"
ASSIGNED = {
    "device", "flowers", "encoder", "NAMES", "X", "y", "SEEDS", "X_train", "X_test", "y_train", "y_test", "x_train",
    "x_test", "labels_train", "EPOCHS", "triangle", "wide", "shortened",
}  # fmt: skip
FRESH_SEEDS = range(100, 200)


class Lesson(dict):
    """The chapter's imports, functions, classes and data by name, for `seeds`; its other cells are not executed."""

    def __init__(self, seeds=None):
        super().__init__()
        cells = [ast.parse(cell.source) for cell in read_lesson(LESSON).cells if cell.kind == "code"]
        chosen = [statement for cell in cells for statement in cell.body if self.is_needed(statement)]
        for statement in chosen:
            exec(compile(ast.Module([statement], []), str(LESSON), "exec"), self)
            if seeds is not None and "SEEDS" in self.assigned_by(statement):
                self["SEEDS"] = seeds
        missing = sorted(name for name in ASSIGNED if name not in self)
        if missing:
            raise ValueError(f"{LESSON.name} has no {missing[0]}, which the benchmark needs")

    @staticmethod
    def assigned_by(statement):
        """Return the names that an assignment binds, or an empty set."""
        if not isinstance(statement, ast.Assign):
            return set()
        targets = [node for target in statement.targets for node in ast.walk(target)]
        return {node.id for node in targets if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def is_needed(self, statement):
        """Say whether a statement of the lesson is an import, a definition or one of the assignments in ASSIGNED."""
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            return True
        names = self.assigned_by(statement)
        return bool(names) and names <= ASSIGNED

    def nearest(self, points, tables):
        """Return the labels (seeds, 120) that are nearest to the points (seeds, 120, 2)."""
        return torch.stack([self["nearest_label"](out, table) for out, table in zip(points, tables, strict=True)])

    def joint(self, loss, table_rate):
        """Train outputs and labels together; return what the lesson's Joint leaves, and the accuracies (seeds,)."""
        trained = self["Joint"](loss, table_rate)
        return trained, self["accuracies"](self.nearest(trained.points, trained.tables[-1]))


JOINT = {
    "joint, same rate": ("squared_error", 0.01),
    "joint, labels 10 times faster": ("squared_error", 0.1),
    "joint, competing": ("competing_loss", 0.1),
    "joint, with a margin": ("margin_loss", 0.1),
}


def patience_with_the_softmax(lesson):
    """Part 1: print losses and accuracies of 4,000 epochs; return whether the lost networks stay lost."""
    rows = {}
    for epochs in (1000, 4000):
        losses, labels, _ = lesson["train_classifiers"](lambda: lesson["Net"](3), True, lesson["plain_descent"], epochs)
        rows[epochs] = losses[-1].numpy(), lesson["accuracies"](labels)
    lost = np.flatnonzero(rows[1000][1] < 0.7)
    print("1. A softmax before the cross-entropy, for longer: seeds that know two species only")
    print(f"{'epochs':>8}{'lost seeds':>12}{'their accuracies':>26}{'their losses':>26}{'mean of the others':>20}")
    for epochs, (losses, right) in rows.items():
        theirs, loss = ("  ".join(f"{value:.3f}" for value in part[lost]) for part in (right, losses))
        print(f"{epochs:>8}{(right < 0.7).sum():>12}{theirs:>26}{loss:>26}{np.delete(right, lost).mean():>20.3f}")
    print()
    return len(lost) == 3 and (rows[4000][1][lost] < 0.7).all()


def patience_with_the_labels(lesson):
    """Part 2: print closest labels and accuracy after 500 and 5,000 epochs; return whether the cures hold."""
    print("2. Labels that learn along, 20 seeds: distance of the two closest labels, mean and smallest, and accuracy")
    print(f"{'':32}{'500 epochs':^30}{'5,000 epochs':^30}")
    lesson["EPOCHS"] = 5000
    holds = []
    for method, (loss, rate) in JOINT.items():
        lesson["EPOCHS"] = 500
        short, short_right = lesson.joint(lesson[loss], rate)
        lesson["EPOCHS"] = 5000
        long, long_right = lesson.joint(lesson[loss], rate)
        closest = [trained.distances[-1].amin(dim=1) for trained in (short, long)]
        print(f"{method:32}", end="")
        for gap, right in zip(closest, (short_right, long_right), strict=True):
            print(f"{gap.mean():>10.4f}{gap.min():>10.4f}{right.mean():>10.3f}", end="")
        print()
        holds.append(closest[1].mean() < closest[0].mean() if loss == "squared_error" else closest[1].min() > 0.9)
    lesson["EPOCHS"] = 500
    print()
    return all(holds)


def all_methods(lesson):
    """Return the accuracies (seeds,) of every method of the chapter, by the lesson's names."""
    right, nearest = lesson["accuracies"], lesson.nearest
    results = {}
    for method, softmax_first in [("softmax before cross-entropy, SGD", True), ("raw scores, SGD", False)]:
        classifier = lambda: lesson["Net"](3)  # noqa: E731
        _, labels, _ = lesson["train_classifiers"](classifier, softmax_first, lesson["plain_descent"], 1000)
        results[method] = right(labels)
    _, labels, _ = lesson["train_classifiers"](lambda: lesson["SmallNet"](3), False, lesson["adam"], lesson["EPOCHS"])
    results["raw scores"] = right(labels)
    tables = lesson["draw_tables"]()
    for method, places in [
        ("regression, random places", tables),
        ("regression, equal distances", lesson["triangle"]),
        ("joint, graph cut", lesson["shortened"]),
    ]:
        results[method] = right(nearest(lesson["train_regression"](places), places))
    results["Gaussian regression"] = right(nearest(lesson["train_gaussian"](tables)[2], tables))
    for method, (loss, rate) in JOINT.items():
        results[method] = lesson.joint(lesson[loss], rate)[1]
    data_of = zip(lesson["X_train"], lesson["y_train"], lesson["X_test"], strict=True)
    linear = [lesson["LogisticRegression"](max_iter=1000).fit(X, y).predict(test) for X, y, test in data_of]
    results["logistic regression"] = right(torch.tensor(np.array(linear)))
    return results


def table_of_all(lesson):
    """Part 3: print the table on fresh splits; return whether it agrees with the lesson's conclusions."""
    results = all_methods(lesson)
    yardstick = results["raw scores"]
    print(f"3. All methods on {len(yardstick)} fresh splits: accuracy, and its difference to the network on raw scores")
    print(f"{'':36}{'mean ± spread':>16}{'worst':>8}{'difference ± standard error':>30}")
    gains = {}
    for method, right in results.items():
        gain = right - yardstick
        gains[method] = gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))
        difference = "(yardstick)" if method == "raw scores" else "{:+.3f} ± {:.3f}".format(*gains[method])
        print(f"{method:36}{right.mean():>8.3f} ± {right.std(ddof=1):.3f}{right.min():>8.3f}{difference:>30}")
    holds = who_lives_between(lesson, results)
    level = ["raw scores, SGD", "regression, equal distances", "joint, competing", "joint, with a margin"]
    mistakes = ["softmax before cross-entropy, SGD", "joint, labels 10 times faster", "regression, random places"]
    return all([
        holds,
        *(abs(gains[method][0]) < 0.01 for method in level),
        *(gains[method][0] < -4 * gains[method][1] for method in mistakes),
    ])  # fmt: skip


def who_lives_between(lesson, results):
    """Print what regression onto random places loses where setosa is in the way, and where it is not."""
    steps = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    tables = lesson["draw_tables"]()
    between = [table[1] + steps * (table[2] - table[1]) for table in tables]
    way = np.array([bool((labels == 0).any()) for labels in lesson.nearest(between, tables)])
    losses = {}
    print()
    for method, others in [
        ("regression, random places", "regression, equal distances"),
        ("Gaussian regression", "regression, equal distances"),
    ]:
        gain = results[method] - results[others]
        losses[method] = [gain[chosen].mean() for chosen in (way, ~way)]
        errors = [gain[chosen].std(ddof=1) / np.sqrt(chosen.sum()) for chosen in (way, ~way)]
        words = [f"{loss:+.3f} ± {error:.3f}" for loss, error in zip(losses[method], errors, strict=True)]
        print(f"{method} against {others}: {words[0]} in the {way.sum()} seeds whose random table")
        print(f"    has setosa between versicolor and virginica, {words[1]} in the other {(~way).sum()}")
    print()
    inside, outside = losses["regression, random places"]
    return inside < -0.05 and -0.02 < outside


def main():
    """Print the three tables; return the exit code."""
    torch.set_num_threads(1)
    lesson = Lesson()
    answers = patience_with_the_softmax(lesson), patience_with_the_labels(lesson), table_of_all(Lesson(FRESH_SEEDS))
    for part, holds in enumerate(answers, start=1):
        print(f"part {part}: {'as the lesson says' if holds else 'NOT as the lesson says'}")
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())
