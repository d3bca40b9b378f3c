"""Do vowels gather on headlines too? Chapter 3's letter model on 20,000 ABC headlines, trained and untrained.

    EMBEDLAB_MIRROR=FOLDER .venv/bin/python benchmarks/letters.py

Needs the ABC headlines, from the mirror or the network; says so and ends well where there are none. Takes the
functions of the lesson's part A as they are. Writes nothing but a download into the user's cache.
"""

import ast
from pathlib import Path

import numpy as np

from autograder.lesson import read_lesson
from embedlab import data
from embedlab.text import Vocabulary

LESSON = Path(__file__).parents[1] / "source" / "03_character_ngrams" / "03_character_ngrams.py"
FUNCTIONS = {"to_letters", "pair_loss", "untrained", "train_letters", "vowel_ratio"}
LETTERS = Vocabulary("_abcdefghijklmnopqrstuvwxyz")


def ratios(headlines, seeds=20, untrained_seeds=200):
    """Return the vowel ratios (seeds,) of trained models, and (untrained_seeds,) of models as they start.

    headlines: strings; the pairs of letters within each are counted, none across two. ValueError where there are none.
    """
    cells = [ast.parse(cell.source) for cell in read_lesson(LESSON).cells if cell.kind == "code"]
    chosen = [
        statement
        for cell in cells
        for statement in cell.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        or (isinstance(statement, ast.FunctionDef) and statement.name in FUNCTIONS)
    ]
    V = len(LETTERS)
    pairs = np.zeros((V, V))
    names = {"V": V, "pairs": pairs, "VOWELS": LETTERS.encode("aeiou")}
    names["CONSONANTS"] = LETTERS.encode("bcdfghjklmnpqrstvwxyz")
    exec(compile(ast.Module(chosen, []), str(LESSON), "exec"), names)
    for headline in headlines:
        ids = LETTERS.encode(names["to_letters"](headline))
        np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    if not pairs.any():
        raise ValueError("headlines holds no pair of letters, expected strings of two letters or more")
    trained = [names["vowel_ratio"](names["train_letters"](seed)[0]) for seed in range(seeds)]
    starts = [names["untrained"](seed).reshape(2, V, 2)[0] for seed in range(untrained_seeds)]
    return np.array(trained), np.array([names["vowel_ratio"](start) for start in starts])


def main():
    try:
        headlines = data.abc_headlines(20_000)
    except data.DataError as error:
        print(f"letters: skipped, {error}")
        return
    trained, start = ratios(headlines)
    print(f"{len(headlines):,} headlines; distance among vowels / distance from vowel to consonant")
    print(f"untrained, {len(start)} seeds: {start.min():.2f} to {start.max():.2f}, median {np.median(start):.2f}")
    print(
        f"trained, {len(trained)} seeds:    {trained.min():.2f} to {trained.max():.2f}, median {np.median(trained):.2f}"
    )
    print(f"ratio of the medians: {np.median(start) / np.median(trained):.1f}")


if __name__ == "__main__":
    main()
