"""How good are the word vectors that come with the course, beside vectors from the offline Wikipedia excerpt alone?

The latter are trained here, on all 106 articles, by the same program with settings that suit a small text. Coverage is
the share of questions that a table has all words for. WordSim-353 and SimLex-999 are Spearman correlations between
people's scores and cosines, on the pairs that a table has and on those that both have. Google's analogies are answered
by 3CosAdd among all words of a table, by gensim. "Running words" is the share of a text's words that have a vector; the
articles left out are those that the shipped vectors did not see. Writes nothing; takes about two minutes.
"""

import sys
from collections import Counter
from pathlib import Path

from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from scipy.stats import spearmanr

from embedlab import data
from embedlab.data import DataError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from train_vectors import SETTINGS, WORD, sentences, train  # noqa: E402

SMALL = {**SETTINGS, "epochs": 20, "sample": 1e-3}
RARE = 3


def keyed(table):
    """Return a table of word vectors, indexed by word, as gensim's KeyedVectors."""
    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(table.index.tolist(), table.to_numpy())
    return vectors


def from_excerpt():
    """Return vectors of the Wikipedia excerpt alone, KeyedVectors."""
    found = [sentence for text in data.wikipedia_articles() for sentence in sentences(text)]
    return train(found, RARE, **SMALL)


def similarity(pairs, vectors, others):
    """Return the coverage of word pairs by `vectors`, the correlation on those, and on the pairs `others` have too."""
    lower = [(first.lower(), second.lower(), score) for first, second, score in pairs.itertuples(index=False)]
    found = [pair for pair in lower if pair[0] in vectors and pair[1] in vectors]
    common = [pair for pair in found if pair[0] in others and pair[1] in others]
    correlations = [
        spearmanr([vectors.similarity(*pair[:2]) for pair in some], [pair[2] for pair in some]).statistic
        for some in (found, common)
    ]
    return len(found) / len(lower), *correlations


def analogies(vectors):
    """Return the questions answered rightly, and those answered wrongly: sets of (section, words in capitals)."""
    _, sections = vectors.evaluate_word_analogies(datapath("questions-words.txt"), restrict_vocab=len(vectors))
    return tuple(
        {(part["section"], question) for part in sections[:-1] for question in part[kind]}
        for kind in ("correct", "incorrect")
    )


def running_words(text, vectors):
    """Return the share of the words of a text that have a vector."""
    counts = Counter(word.removesuffix("'s") for word in WORD.findall(text.lower().replace("’", "'")))
    return sum(count for word, count in counts.items() if word in vectors) / counts.total()


def texts(seen):
    """Return the texts whose words are looked up, a dict from a name to a text."""
    articles = data.wikipedia_articles()
    found = {
        "articles seen": " ".join(articles[articles.index.isin(seen)]),
        "articles left out": " ".join(articles[~articles.index.isin(seen)]),
        "Lee news": data.lee_news(),
    }
    try:
        found["AG News titles"] = " ".join(data.ag_news_titles()["title"])
    except DataError as error:
        print(f"Without AG News: {error}")
    return found


def main():
    """Print the comparison; the exit code, 0."""
    table = data.shipped_vectors()
    models = {"shipped": keyed(table), "excerpt alone": from_excerpt()}
    shipped, excerpt = models.values()
    rows = [("words", *(f"{len(model):,}" for model in models.values()))]
    for name, pairs in (("WordSim-353", data.wordsim353()), ("SimLex-999", data.simlex999())):
        measured = [similarity(pairs, shipped, excerpt), similarity(pairs, excerpt, shipped)]
        for place, what in enumerate(("coverage", "own pairs", "common pairs")):
            form = ".1%" if place == 0 else ".3f"
            rows.append((f"{name}, {what}", *(format(values[place], form) for values in measured)))
    answered = [analogies(model) for model in models.values()]
    questions = len(data.google_analogies())
    both = set.union(*answered[0]) & set.union(*answered[1])
    rows += [
        ("analogies, coverage", *(f"{len(right | wrong) / questions:.1%}" for right, wrong in answered)),
        ("analogies right, own", *(f"{len(right) / len(right | wrong):.1%}" for right, wrong in answered)),
        ("analogies right, common", *(f"{len(right & both) / len(both):.1%}" for right, _ in answered)),
        ("analogies right, of all", *(f"{len(right) / questions:.1%}" for right, _ in answered)),
    ]
    answers = [model.most_similar(positive=["king", "woman"], negative=["man"], topn=1)[0] for model in models.values()]
    rows.append(("king - man + woman", *(f"{word} {cosine:.2f}" for word, cosine in answers)))
    for name, text in texts(table.attrs["articles"]).items():
        rows.append((f"running words, {name}", *(f"{running_words(text, model):.1%}" for model in models.values())))
    print(f"{'':<34}{'shipped':>14}{'excerpt alone':>16}")
    for name, one, other in rows:
        print(f"{name:<34}{one:>14}{other:>16}")
    ratio = len(answered[0][0]) / max(1, len(answered[1][0]))
    print(f"The shipped vectors answer {ratio:.0f} times as many analogies as those of the excerpt alone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
