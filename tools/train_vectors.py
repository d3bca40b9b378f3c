"""Train the word vectors that come with the course, embedlab/data/vectors.npz: what `make vectors` runs.

What it does to the world: reads novels, headlines and Wikipedia articles through embedlab.data (59 MB of them are
downloaded into its cache, or come from EMBEDLAB_MIRROR), trains on one core for some minutes, and replaces
vectors.npz when the new one is complete. Changes nothing else.

The same packages on the same kind of processor give the same numbers: the texts are in a fixed order, the order of
training is drawn from a fixed seed, and there is one thread. Another processor rounds differently, and training carries
that on, so that its numbers differ and its scores hardly do.

A third of the Wikipedia articles, whole groups of articles on one subject, is left out, so that chapter 6 can test a
classifier on articles that these vectors never saw. The titles of the others are in the file, as "articles".

Exit code 0 when the file is there; 2 with a sentence when a text cannot be had.
"""

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec

from embedlab import data

TARGET = Path(data.__file__).parent / "vectors.npz"
WORDS = 30_000
DIMENSION = 100
RARE = 4  # a word that all texts together hold less often is left out
# The lessons read articles and news, and most of the text is novels. So training reads the former twice in an epoch,
# and when the words to keep are chosen, a word in an article counts as ten in a novel.
TIMES_READ = {"articles": 2, "headlines": 2, "novels": 1}
WEIGHTS = {"articles": 10, "headlines": 5, "novels": 1}
SETTINGS = {"sg": 1, "window": 8, "negative": 5, "sample": 1e-4, "epochs": 8, "seed": 1, "workers": 1}
BITS = 4  # of a number's significand, after the point
WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z])|\n\s*\n")


def training_articles():
    """Return the articles that the vectors may see, a Series of texts: those of two groups out of three, in order."""
    topics = data.wikipedia_topics()
    groups = list(dict.fromkeys(topics["group"]))
    left_out = groups[2::3]
    return data.wikipedia_articles()[~topics["group"].isin(left_out)]


def sentences(text):
    """Return the sentences of a text that have at least two words, lists of lower-case words without a final 's.

    A sentence ends at a full stop, exclamation or question mark before a capital letter, and at an empty line.
    """
    parts = SENTENCE_END.split(text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"'))
    tokens = ([word.removesuffix("'s") for word in WORD.findall(part.lower())] for part in parts)
    return [words for words in tokens if len(words) > 1]


def corpus(articles):
    """Return what the vectors are trained on, a dict from the kind of text to a list of sentences."""
    # Two novels are in two of these sets: under one title they count once.
    novels = data.novels_19c() | data.sherlock_holmes() | data.oz_books() | data.classics()
    return {
        "articles": [sentence for text in articles for sentence in sentences(text)],
        "headlines": [WORD.findall(headline) for headline in data.abc_headlines()],
        "novels": [sentence for text in novels.values() for sentence in sentences(text)],
    }


def chosen_words(texts, size, rare):
    """Return `size` words of a `corpus`, commonest first: weighted counts choose them, plain counts order them."""
    counts = {kind: Counter(word for sentence in texts[kind] for word in sentence) for kind in texts}
    total = sum(counts.values(), Counter())
    weighted = {
        word: sum(WEIGHTS[kind] * counts[kind][word] for kind in counts) for word in total if total[word] >= rare
    }
    kept = sorted(weighted, key=lambda word: (-weighted[word], word))[:size]
    return sorted(kept, key=lambda word: (-total[word], word))


def train(found, rare, **settings):
    """Return vectors by skip-gram with negative sampling, gensim's KeyedVectors, of words that are there `rare` times.

    found: sentences. They are shuffled, because the learning rate falls from the first to the last.
    """
    order = np.random.default_rng(settings["seed"]).permutation(len(found))
    return Word2Vec([found[place] for place in order], vector_size=DIMENSION, min_count=rare, **settings).wv


def rounded(vectors, bits=BITS):
    """Return vectors as float16 whose significands have `bits` bits after the point in place of 10.

    No score changes by more than 0.002, and the file shrinks by a third, because zero bits pack well.
    """
    whole = vectors.astype(np.float16).view(np.uint16).astype(np.uint32)
    dropped = 10 - bits
    return ((whole + (1 << (dropped - 1)) >> dropped) << dropped).astype(np.uint16).view(np.float16)


def main(arguments):
    """Train, write the file, say how large it is; 0, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=TARGET, help="the file to write (default: the course's own)")
    output = parser.parse_args(arguments).output
    started = time.monotonic()
    try:
        articles = training_articles()
        texts = corpus(articles)
        for kind, found in texts.items():
            print(f"{kind}: {len(found):,} sentences, {sum(map(len, found)):,} words", flush=True)
        words = chosen_words(texts, WORDS, RARE)
        read = [sentence for kind in sorted(texts) for sentence in texts[kind] * TIMES_READ[kind]]
        vectors = rounded(train(read, RARE, **SETTINGS)[words])
        partial = output.with_name(f"{output.name}.partial.npz")
        np.savez_compressed(partial, words=np.array(words), vectors=vectors, articles=np.array(list(articles.index)))
        partial.replace(output)
    except (data.DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    minutes = (time.monotonic() - started) / 60
    print(f"{output}: {vectors.shape[0]:,} words, {vectors.shape[1]} dimensions, {output.stat().st_size:,} bytes.")
    print(f"It took {minutes:.0f} minutes; `make bench ARGS=shipped_vectors` measures how good they are.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
