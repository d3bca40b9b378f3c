"""Chapter 5's comparison on more models and more text: pretrained vectors, rates and seeds, Oz, and GloVe on novels.

The functions are the lesson's own, with their reference solutions. Offline parts: what the rate does to CBOW and
skip-gram on the Wikipedia excerpt, and the spread over seeds. With EMBEDLAB_MIRROR (or a network): GloVe 6B and Google
News vectors on the three benchmarks, king - man + woman in each; the Oz books, with Dorothy's neighbours and the
series' characters and places; GloVe and PPMI + SVD on 44 novels, to see whether GloVe gains more from more text. A part
whose data cannot be had is left out with a sentence that says so. Writes nothing into the project; takes about five
minutes on two cores.
"""

import ast
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors, Word2Vec
from scipy.sparse.linalg import svds

from autograder.lesson import read_lesson
from embedlab import data
from embedlab.data import DataError

LESSON = Path(__file__).parents[1] / "source" / "05_word_vectors" / "05_word_vectors.py"
CONSTANTS = ("SENTENCE_END", "WORD", "WINDOW", "THRESHOLD")
EXCERPT = {"vector_size": 50, "window": 5, "min_count": 5, "sample": 3e-5, "workers": 1}
CHARACTERS = "dorothy ozma scarecrow woodman lion glinda toto trot betsy button bill tik tok".split()
PLACES = "kansas land country city palace castle forest mountain river road island valley".split()


def lesson_functions():
    """Return the chapter's functions, imports and CONSTANTS, a dict by name; its other cells are not executed."""
    cells = [ast.parse(cell.source) for cell in read_lesson(LESSON).cells if cell.kind == "code"]
    chosen = [
        statement
        for cell in cells
        for statement in cell.body
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef)
        or (isinstance(statement, ast.Assign) and any(name in CONSTANTS for name in names_in(statement)))
    ]
    names = {}
    exec(compile(ast.Module(chosen, []), str(LESSON), "exec"), names)
    return names


def names_in(assignment):
    """Return the names that an assignment statement binds."""
    return [node.id for target in assignment.targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def keyed(table):
    """Return a DataFrame of word vectors as KeyedVectors in lower case; of "King" and "king" the second one stays."""
    lower = table.index.str.lower()
    order = np.argsort(table.index != lower, kind="stable")
    table = table.set_axis(lower).iloc[order]
    table = table[~table.index.duplicated()]
    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(table.index.tolist(), table.to_numpy())
    return vectors


def sentences_of(lesson, texts):
    """Return the sentences of texts, lists of words, cut as in the lesson."""
    parts = (part for text in texts for part in lesson["SENTENCE_END"].split(text))
    return [words for words in map(lesson["words_of"], parts) if len(words) > 1]


def row(lesson, vectors, benchmarks):
    """Return the seven numbers of the lesson's table for KeyedVectors, as text."""
    wordsim, simlex, google = benchmarks
    scores = [
        *lesson["similarity_score"](vectors, wordsim),
        *lesson["similarity_score"](vectors, simlex),
        *lesson["analogy_scores"](vectors, google),
    ]
    return "".join(f"{score:10.2f}" for score in scores)


HEAD = "".join(
    f"{name:>10}" for name in ("WordSim", "covered", "SimLex", "covered", "semantic", "syntactic", "covered")
)


def pretrained(lesson, benchmarks):
    """Print the table of pretrained vectors, and king - man + woman in each."""
    print(f"Pretrained vectors\n{'':34}{HEAD}")
    queens = []
    for name, load in (
        ("shipped with the course", data.shipped_vectors),
        ("GloVe 6B, 50d", lambda: data.glove(50, 100_000)),
        ("GloVe 6B, 100d", lambda: data.glove(100, 100_000)),
        ("Google News, 300d", lambda: data.google_news(200_000)),
    ):
        try:
            vectors = keyed(load())
        except DataError as error:
            print(f"{name}: left out. {error}")
            continue
        name = f"{name} ({len(vectors):,})"
        print(f"{name:34}{row(lesson, vectors, benchmarks)}", flush=True)
        [(word, cosine)] = vectors.most_similar(["king", "woman"], ["man"], topn=1)
        queens.append(f"{name}: {word}, {cosine:.4f}")
    print("king - man + woman:", *queens, sep="\n    ", end="\n\n")


def rates_and_seeds(lesson, benchmarks):
    """Print what rate and seed do to gensim's word2vec on the excerpt, and how long CBOW takes beside skip-gram."""
    sentences = sentences_of(lesson, data.wikipedia_articles())
    print("Wikipedia excerpt, gensim, 5 epochs: rank correlation on WordSim-353 (standard deviation over three seeds)")
    seconds = {}
    for name, sg in (("skip-gram", 1), ("CBOW", 0)):
        seconds[name] = 0
        for rate in (0.05, 0.1, 0.15, 0.2, 0.25):
            found = []
            for seed in (1, 2, 3):
                start = time.process_time()
                vectors = Word2Vec(sentences, sg=sg, epochs=5, alpha=rate, seed=seed, **EXCERPT).wv
                seconds[name] += time.process_time() - start
                found.append(lesson["similarity_score"](vectors, benchmarks[0])[0])
            print(f"    {name:10} rate {rate:4.2f}: {np.mean(found):.2f} ({np.std(found, ddof=1):.2f})", flush=True)
    print(f"CBOW takes {seconds['CBOW'] / seconds['skip-gram']:.2f} of the time of skip-gram.\n")


def oz(lesson):
    """Print Dorothy's neighbours in the 14 Oz books, and whether characters and places find their own kind."""
    sentences = sentences_of(lesson, data.oz_books().values())
    vectors = Word2Vec(
        sentences, sg=1, vector_size=100, window=5, min_count=20, sample=1e-3, epochs=10, alpha=0.05, seed=1, workers=1
    ).wv
    print(f"The Oz books: {sum(map(len, sentences)):,} words, {len(vectors):,} of them with a vector")
    for word in ("dorothy", "scarecrow", "emerald"):
        print(f"    {word}: " + ", ".join(f"{w} {cosine:.2f}" for w, cosine in vectors.most_similar(word, topn=6)))
    kinds = {word: "character" for word in CHARACTERS} | {word: "place" for word in PLACES}
    found = [word for word in kinds if word in vectors]
    right = sum(
        kinds[max((other for other in found if other != word), key=lambda other, w=word: vectors.similarity(w, other))]
        == kinds[word]
        for word in found
    )
    print(f"    {right} of {len(found)} characters and places are nearest to one of their own kind\n")


def more_text(lesson, benchmarks):
    """Print WordSim-353 for the lesson's GloVe and PPMI + SVD on the excerpt and on the novels."""
    texts = [("excerpt", data.wikipedia_articles, 5, 5), ("44 novels", lambda: data.novels_19c().values(), 20, 1)]
    print("More text: rank correlation on WordSim-353 (standard deviation over seeds), 50 dimensions, windows of 5")
    for name, load, rare, seeds in texts:
        try:
            sentences = sentences_of(lesson, load())
        except DataError as error:
            print(f"    {name}: left out. {error}")
            continue
        counted = [(word, n) for word, n in Counter(w for s in sentences for w in s).most_common() if n >= rare]
        vocabulary = [word for word, _ in counted]
        number = {word: place for place, word in enumerate(vocabulary)}
        kept = [[number[word] for word in sentence if word in number] for sentence in sentences]
        lesson["V"] = len(vocabulary)
        lesson["DIMENSION"] = 50
        lesson["noise"] = lesson["noise_distribution"](np.array([n for _, n in counted]))
        ids = np.concatenate([np.array(sentence, dtype=np.int32) for sentence in kept])
        sentence_of = np.repeat(np.arange(len(kept)), [len(sentence) for sentence in kept])
        X = lesson["cooccurrence"](ids, sentence_of, 5)
        pairs = X.tocoo()
        weight = lesson["glove_weight"](pairs.data, 10.0).astype(np.float32)
        U, S, _ = svds(lesson["sparse_ppmi"](X), k=50, random_state=0)
        models = {"PPMI + SVD": [U * np.sqrt(S)]}
        for label, unseen in (("GloVe, seen pairs", 0), ("GloVe, with unseen", pairs.nnz)):
            models[label] = [
                lesson["train_glove"](
                    lesson["glove"], pairs.row, pairs.col, pairs.data, weight, unseen=unseen, seed=seed
                )[0]
                for seed in range(seeds)
            ]
        print(f"    {name}, {len(ids):,} words, {len(vocabulary):,} with a vector, {pairs.nnz:,} pairs:")
        for label, tables in models.items():
            found, covered = zip(
                *(lesson["similarity_score"](lesson["keyed"](vocabulary, table), benchmarks[0]) for table in tables),
                strict=True,
            )
            spread = f" ({np.std(found, ddof=1):.2f}, {seeds} seeds)" if len(found) > 1 else ""
            print(f"        {label}: {np.mean(found):.2f}{spread} on {covered[0]:.0%} of the pairs", flush=True)
    print()


def main():
    """Run all parts in turn."""
    began = time.perf_counter()
    if not os.environ.get("EMBEDLAB_MIRROR"):
        print("EMBEDLAB_MIRROR is not set: what is not in the cache would be downloaded, up to several gigabytes,\n"
              "so only the offline parts are measured.\n")  # fmt: skip
    lesson = lesson_functions()
    benchmarks = data.wordsim353(), data.simlex999(), data.google_analogies()
    rates_and_seeds(lesson, benchmarks)
    if os.environ.get("EMBEDLAB_MIRROR"):
        pretrained(lesson, benchmarks)
        oz(lesson)
        more_text(lesson, benchmarks)
    print(f"whole run: {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
