"""Chapter 6's network on two data sets: what vectors, activation and vocabulary are worth, with mean and spread.

    python benchmarks/text_classification.py [DIVISIONS]

First sentences of Wikipedia by topic (offline), on DIVISIONS divisions by groups of articles, 10 by default. Then AG
News titles with GloVe 6B 50d on three divisions, where `embedlab.data` can get them (EMBEDLAB_MIRROR); it says so where
it cannot. All networks are built by the lesson's own code with its reference solutions. Prints tables; the ratio of a
row is its mean F1 over that of the random start. Uses a GPU where there is one; on one idle core it takes about ten
minutes.
"""

import ast
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from gensim.models import Word2Vec
from sklearn.metrics import f1_score

from autograder.lesson import read_lesson
from embedlab import data

LESSON = Path(__file__).parents[1] / "source" / "06_text_classification" / "06_text_classification.py"
WANTED = """
sentences_of preprocess split_by_group linear_f1 LabelEncoder build_vocabulary encode Tokenizer pad_sequences Sentences
CNN embedding_matrix coverage fit Trainer weights_of_classes predict deciding_ngrams local_weights
""".split()
ANSWERS = {
    "to_words": "preprocess",
    "make_vocabulary": "build_vocabulary",
    "to_ids": "encode",
    "pad": "pad_sequences",
    "keep_best": "fit",
}
"""The lesson's names for an answer or its stand-in."""

OFFLINE = {"tokens": 3000, "filters": 32, "hidden": 50, "dropout": 0.3, "rate": 2e-3, "epochs": 6, "patience": 2}
NEWS = {"tokens": 5000, "filters": 50, "hidden": 100, "dropout": 0.3, "rate": 1e-3, "epochs": 10, "patience": 3}
CONTROLS = 5  # divisions with vectors of their own, which take most of the time
QUESTION = "The final tennis tournament starts next week."


def lesson_names():
    """Return the lesson's imports, functions and classes by name; ValueError where one of WANTED is not there."""
    cells = [cell for cell in read_lesson(LESSON).cells if cell.kind == "code" and cell.role != "test"]
    statements = [
        statement
        for cell in cells
        for statement in ast.parse(cell.source).body
        if isinstance(statement, ast.Import | ast.ImportFrom) or getattr(statement, "name", None) in WANTED
    ]
    names = {"device": torch.device("cuda" if torch.cuda.is_available() else "cpu")}
    exec(compile(ast.Module(statements, []), str(LESSON), "exec"), names)
    missing = [name for name in WANTED if name not in names]
    if missing:
        raise ValueError(f"{LESSON.name} defines no {missing[0]}, which this benchmark measures")
    return names


class Experiment:
    """One data set: a table with the columns "words", "topic" and "group", and how to train networks on it."""

    def __init__(self, names, table, settings):
        self.names, self.table, self.settings = names, table, settings
        self.encoder = names["LabelEncoder"](sorted(table["topic"].unique()))
        self.y = self.encoder.encode(table["topic"])

    def part_words(self, part, name):
        """Return the lists of words of one part of a division."""
        return self.table.loc[part == name, "words"].tolist()

    def tokenizer(self, part, words=()):
        """Return a tokenizer fitted on the training part; `words` are added to its vocabulary."""
        fitted = self.names["Tokenizer"].fit(self.part_words(part, "train"), self.settings["tokens"])
        known = set(fitted.vocabulary)
        return self.names["Tokenizer"](fitted.vocabulary + [word for word in words if word not in known])

    def train(self, part, seed, tokenizer, matrix, *, freeze=False, activation="relu"):
        """Return (weighted F1 on the test part, processor time in s, model) of a network that starts from `matrix`."""
        names, settings, start = self.names, self.settings, time.process_time()
        sets = {
            name: names["Sentences"](tokenizer.encode(self.part_words(part, name)), self.y[part == name])
            for name in ("train", "validation", "test")
        }
        torch.manual_seed(seed)
        model = names["CNN"](
            len(tokenizer), matrix.shape[1], len(self.encoder.classes), num_filters=settings["filters"],
            hidden=settings["hidden"], activation=activation, dropout=settings["dropout"],
        )  # fmt: skip
        model.use_embeddings(matrix, freeze=freeze)
        trainer = names["Trainer"](model, names["weights_of_classes"](sets), learning_rate=settings["rate"])
        trainer.fit(sets, epochs=settings["epochs"], patience=settings["patience"], seed=seed)
        predicted = trainer.logits(sets["test"]).argmax(1)
        f1 = f1_score(sets["test"].classes, predicted, average="weighted")
        return f1, time.process_time() - start, model

    def matrix(self, tokenizer, vectors, missing):
        """Return the embeddings of a tokenizer's words; `missing` is "zeros", "mean" or "random"."""
        values = vectors.to_numpy()
        filler = values.mean(axis=0) if missing == "mean" else np.zeros(values.shape[1])
        matrix = self.names["embedding_matrix"](tokenizer.vocabulary, vectors, filler)
        if missing == "random":
            strangers = vectors.index.get_indexer(tokenizer.vocabulary) < 0
            strangers[0] = False
            matrix[strangers] = np.random.default_rng(0).normal(scale=values.std(), size=(strangers.sum(), len(filler)))
        return matrix


def random_start(tokenizer, dimension, seed, scale):
    """Return random embeddings (V, dimension) with zeros for padding."""
    matrix = np.random.default_rng(seed).normal(scale=scale, size=(len(tokenizer), dimension))
    matrix[0] = 0
    return matrix


def wikipedia_sentences(names):
    """Return the lesson's table: at most 30 sentences of each group, with words, topic, group, article and read."""
    articles, topics = data.wikipedia_articles(), data.wikipedia_topics()
    read = set(data.shipped_vectors().attrs["articles"])
    rows = [
        (names["preprocess"](text, names["ENGLISH_STOP_WORDS"]), topic, group, title, title in read)
        for title, (topic, group) in topics[topics["topic"] != "Other"].iterrows()
        for text in names["sentences_of"](articles[title])
    ]
    table = pd.DataFrame(rows, columns=["words", "topic", "group", "article", "read"])
    kept = [
        rows.index[np.unique(np.linspace(0, len(rows) - 1, 30).round().astype(int))]
        for _, rows in table.groupby("group")
    ]
    return table.loc[np.sort(np.concatenate(kept))].reset_index(drop=True)


def excerpt_vectors(names, without=()):
    """Return word vectors (100 dimensions, skip-gram) trained on the articles whose titles are not in `without`."""
    articles = data.wikipedia_articles().drop(list(without))
    lines = [names["preprocess"](line, set()) for text in articles for line in text.split("\n")]
    model = Word2Vec(lines, vector_size=100, window=5, min_count=3, sg=1, negative=8, epochs=8, workers=1, seed=1)
    return pd.DataFrame(model.wv.vectors, index=model.wv.index_to_key)


def offline(names, divisions):
    """Train every row of the table on every division, and print it."""
    table = wikipedia_sentences(names)
    experiment, shipped = Experiment(names, table, OFFLINE), data.shipped_vectors()
    width = shipped.shape[1]
    found, seconds = {}, Counter()

    def note(row, seed, result):
        found.setdefault(row, {})[seed] = result[0]
        seconds[row] += result[1]

    all_articles = excerpt_vectors(names)
    for seed in range(divisions):
        part = names["split_by_group"](table, seed)
        tokenizer = experiment.tokenizer(part)
        larger = experiment.tokenizer(part, words=shipped.index)
        zeros, mean, noise = (experiment.matrix(tokenizer, shipped, how) for how in ("zeros", "mean", "random"))
        start = time.process_time()
        note("linear model on word counts", seed, (names["linear_f1"](table, part), time.process_time() - start))
        for row, matrix, options in [
            ("random", random_start(tokenizer, width, seed, 0.1), {}),
            ("random, as loud as PyTorch's", random_start(tokenizer, width, seed, 1.0), {}),
            ("frozen", zeros, {"freeze": True}),
            ("fine-tuned", zeros, {}),
            ("fine-tuned, no ReLU", zeros, {"activation": None}),
            ("frozen, missing = mean", mean, {"freeze": True}),
            ("frozen, missing = random", noise, {"freeze": True}),
        ]:
            note(row, seed, experiment.train(part, seed, tokenizer, matrix, **options))
        row = f"frozen, all {len(shipped):,} words have ids"
        note(row, seed, experiment.train(part, seed, larger, experiment.matrix(larger, shipped, "zeros"), freeze=True))
        if seed < CONTROLS:
            unseen = excerpt_vectors(names, without=table.loc[part == "test", "article"].unique())
            for row, vectors in [("frozen, excerpt alone", all_articles), ("the same, no test article", unseen)]:
                matrix = experiment.matrix(tokenizer, vectors, "zeros")
                note(row, seed, experiment.train(part, seed, tokenizer, matrix, freeze=True))
        print(f"division {seed + 1} of {divisions}", file=sys.stderr, flush=True)
    title = f"Wikipedia sentences, {len(table):,} in {table['topic'].nunique()} topics, divisions by groups of articles"
    report(title, found, seconds)


def report(title, found, seconds):
    """Print F1 by row: mean, standard deviation, ratio to "random", wins over it, processor time per network."""
    print(f"\n{title}\n{'':34}{'F1':>6}{'± sd':>8}{'ratio':>7}{'beats random':>14}{'seconds':>9}")
    for row, scores in found.items():
        values = np.array(list(scores.values()))
        others = np.array([found["random"][seed] for seed in scores])
        wins = f"{(values > others).sum()} of {len(values)}" if row != "random" else ""
        ratio = values.mean() / others.mean()
        spent = seconds[row] / len(values)
        print(f"{row:34}{values.mean():6.3f}{values.std(ddof=1):8.3f}{ratio:7.2f}{wins:>14}{spent:9.1f}", flush=True)


def stratified(table, seed):
    """Return "train", "validation" or "test" for each row: 70, 15 and 15 % of each topic."""
    draw, part = np.random.default_rng(seed), pd.Series("train", index=table.index)
    for _, rows in table.groupby("topic"):
        place = pd.Series(draw.permutation(len(rows)) / len(rows), index=rows.index)
        part[place.index[place >= 0.70]] = "validation"
        part[place.index[place >= 0.85]] = "test"
    return part


def news(names, divisions=3):
    """Train on AG News titles with GloVe vectors, print the table, and ask the last network about a sentence."""
    titles, vectors = data.ag_news_titles(), data.glove(50)
    usual = Counter(titles["title"].str.lower().str.findall("[a-z0-9]+").explode())
    table = titles.drop_duplicates("title").rename(columns={"category": "topic"}).reset_index(drop=True)
    table["words"] = [names["preprocess"](title, names["ENGLISH_STOP_WORDS"]) for title in table["title"]]
    table["group"] = table["title"]
    mended = Counter(word for words in table["words"] for word in words)
    debris = ["39", "gt", "lt", "b"]
    print(f"\n{titles.attrs['file']}: {len(titles):,} titles, {len(table):,} different ones")
    print("occurrences of", ", ".join(f"{word!r}: {usual[word]:,} → {mended[word]:,}" for word in debris))
    experiment, found, seconds = Experiment(names, table, NEWS), {}, Counter()
    for seed in range(divisions):
        part = stratified(table, seed)
        tokenizer = experiment.tokenizer(part)
        glove = experiment.matrix(tokenizer, vectors, "zeros")
        if seed == 0:
            counts = Counter(word for words in experiment.part_words(part, "train") for word in words)
            shares = names["coverage"]({word: counts[word] for word in tokenizer.vocabulary[2:]}, vectors)
            print(f"vocabulary of {len(tokenizer):,}: {shares[0]:.0%} of words, {shares[1]:.0%} of occurrences covered")
        for row, matrix, options in [
            ("random", random_start(tokenizer, 50, seed, 0.1), {}),
            ("random, as loud as PyTorch's", random_start(tokenizer, 50, seed, 1.0), {}),
            ("frozen", glove, {"freeze": True}),
            ("fine-tuned, no ReLU", glove, {"activation": None}),
            ("fine-tuned", glove, {}),
        ]:
            f1, spent, model = experiment.train(part, seed, tokenizer, matrix, **options)
            found.setdefault(row, {})[seed] = f1
            seconds[row] += spent
        print(f"division {seed + 1} of {divisions}", file=sys.stderr, flush=True)
    report(f"AG News titles, GloVe 6B 50d, {divisions} divisions", found, seconds)
    ask(names, experiment, model.cpu().eval(), tokenizer, part)


def ask(names, experiment, model, tokenizer, part):
    """Print the class distribution of QUESTION and the n-grams that decided it, and check both."""
    answer = names["predict"](QUESTION, model, tokenizer, experiment.encoder)
    words = names["preprocess"](QUESTION, names["ENGLISH_STOP_WORDS"])
    training = names["Sentences"](tokenizer.encode(experiment.part_words(part, "train")), experiment.y[part == "train"])
    with torch.no_grad():
        typical = torch.cat([model.features(ids) for ids, _ in training.loader(batch_size=512)]).mean(dim=0)
    ids = torch.as_tensor(names["pad_sequences"](tokenizer.encode([words])))
    decided = names["deciding_ngrams"](model, words, ids, typical)
    print(f"\n{QUESTION}\n{ {name: round(p, 4) for name, p in answer.items()} }")
    print(decided.head(6).round(2).to_string(index=False))
    assert next(iter(answer)) == "Sports", "the tennis tournament is not Sports"
    assert "tennis tournament" in set(decided["n-gram"].head(6)), "another n-gram decided"


def main(arguments):
    """Run both parts; returns the exit code."""
    if len(arguments) > 1 or not all(argument.isdigit() and int(argument) > 1 for argument in arguments):
        print("usage: python benchmarks/text_classification.py [DIVISIONS], a whole number from 2", file=sys.stderr)
        return 2
    began, names = time.perf_counter(), lesson_names()
    names |= {alias: names[name] for alias, name in ANSWERS.items()}
    torch.set_num_threads(1)
    print(f"device: {names['device']}")
    offline(names, int(arguments[0]) if arguments else 10)
    try:
        news(names)
    except data.DataError as error:
        print(f"\nAG News and GloVe were not measured. {error}")
    print(f"whole run: {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
