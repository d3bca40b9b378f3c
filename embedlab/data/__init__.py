"""The texts and tables of the course, one function per data set.

What comes with the packages that the course installs, or with the course, needs no network: `iris`, `lee_news`,
`wikipedia_articles`, `wikipedia_topics`, `wordsim353`, `simlex999`, `google_analogies` and `shipped_vectors`. The
others are downloaded on the first call, checked against a checksum, and kept in a cache (see `embedlab.data.files`;
`python -m embedlab.data list` shows sizes and terms). They raise DataError, with one sentence that says what to do,
when a file cannot be had. `read_glove` and `read_word2vec` read files of your own.

Importing this module reads nothing and downloads nothing.
"""

import io
import re
import zipfile
from importlib import resources

import numpy as np
import pandas as pd

from embedlab.data.files import DataError, locate, registry
from embedlab.data.vectors import check_count, read_glove, read_stored, read_word2vec, shipped_vectors

__all__ = [
    "DataError", "abc_headlines", "ag_news", "ag_news_titles", "classics", "glove", "google_analogies", "google_news",
    "iris", "lee_news", "novels_19c", "oz_books", "read_glove", "read_word2vec", "sherlock_holmes", "shipped_vectors",
    "simlex999", "story", "tiny_shakespeare", "wikipedia_articles", "wikipedia_topics", "word_similarity", "wordsim353",
]  # fmt: skip

CATEGORIES = {1: "World", 2: "Sports", 3: "Business", 4: "Sci/Tech"}
WIKIPEDIA = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
SIMILARITY = {
    "mc30": "EN-MC-30", "men": "EN-MEN-TR-3k", "mturk287": "EN-MTurk-287", "mturk771": "EN-MTurk-771",
    "rg65": "EN-RG-65", "rw": "EN-RW-STANFORD", "simverb3500": "EN-SimVerb-3500", "verb143": "EN-VERB-143",
    "ws353_rel": "EN-WS-353-REL", "ws353_sim": "EN-WS-353-SIM", "yp130": "EN-YP-130",
}  # fmt: skip
CREDITS = re.compile(
    r"\s*(Produced by|An Anonymous Volunteer|Original Transcriber.s Note|Additions to the text|"
    r"(End of )?(the )?Project Gutenberg)"
)
# Every cell is text as it stands: a headline that reads "NA" or "null" is a headline.
AS_TEXT = {"keep_default_na": False, "na_filter": False, "encoding": "utf-8"}


def iris():
    """Return Fisher's Iris flowers, a DataFrame of 150 rows, 50 of each species. Offline (scikit-learn).

    Columns: "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)", float64, and "species",
    a str: setosa, versicolor or virginica. Source: R. A. Fisher, 1936.
    """
    from sklearn.datasets import load_iris

    bunch = load_iris(as_frame=True)
    return bunch.data.assign(species=pd.Series(bunch.target_names[bunch.target], dtype="str"))


def lee_news():
    """Return 300 short articles of Australian news (2000 to 2001) as one str, an article per line. Offline (gensim).

    59,890 words, 81 distinct characters. Source: M. D. Lee, B. Pincombe and M. Welsh, 2005, background corpus.
    """
    return _shipped("lee_background.cor").read_text(encoding="utf-8")


def wikipedia_articles():
    """Return 106 articles of an English Wikipedia dump, a Series of str indexed by title, in order. Offline (gensim).

    Links, tables, references and bold marks are removed by gensim's filter_wiki; headings keep their equals signs.
    Redirects and pages without text are left out. Takes about two seconds. Licence: CC BY-SA 3.0.
    """
    import bz2

    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    articles = {}
    with bz2.open(_shipped(WIKIPEDIA)) as dump:
        for title, markup, _ in extract_pages(dump, filter_namespaces=("0",)):
            text = re.sub("'{2,}", "", filter_wiki(markup)).strip()
            if text and not markup.lower().startswith("#redirect"):
                articles[title] = text
    return pd.Series(articles, name="text", dtype="str").rename_axis("title")


def wikipedia_topics():
    """Return the topic of each of `wikipedia_articles`, a DataFrame of 106 rows indexed by title, in order. Offline.

    Columns, all str: "topic", given by hand, is Arts, Places, Science or Society, or Other for what is clearly none of
    them (lists of meanings, sports, languages); "group" is the same for articles on one subject, such as seven on
    Angola, which must not be divided between training and test.
    """
    table = resources.files("embedlab.data").joinpath("topics.csv").read_text(encoding="utf-8")
    return pd.read_csv(io.StringIO(table), dtype="str", **AS_TEXT).set_index("title")


def wordsim353():
    """Return WordSim-353, a DataFrame of 353 rows as in `word_similarity`, scores 0 to 10. Offline (gensim).

    Source: Finkelstein et al., 2002.
    """
    return _pairs(_shipped("wordsim353.tsv"))


def simlex999():
    """Return SimLex-999, a DataFrame of 999 rows as in `word_similarity`, scores 0 to 10. Offline (gensim).

    Source: Hill, Reichart and Korhonen, 2015.
    """
    return _pairs(_shipped("simlex999.txt"))


def google_analogies():
    """Return the analogies "a is to b as c is to d", a DataFrame of 19,544 rows. Offline (gensim).

    Columns, all str: "section" (14 of them, in order), "a", "b", "c", "d". Source: Mikolov et al., 2013.
    """
    rows, section = [], None
    for line in _shipped("questions-words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = line[1:].strip()
        else:
            rows.append([section, *line.split()])
    return pd.DataFrame(rows, columns=["section", "a", "b", "c", "d"], dtype="str")


def word_similarity(name):
    """Return a test set of word pairs, a DataFrame with the columns "word1", "word2" (str) and "score" (float64).

    name: mc30, men, mturk287, mturk771, rg65, rw, simverb3500, verb143, ws353_rel, ws353_sim or yp130. The scores are
    as published and each set has a scale of its own (men 0 to 50, rg65, mc30 and yp130 0 to 4, verb143 0 to 1).
    Raises ValueError for another name, and DataError.
    """
    if name not in list(SIMILARITY):
        raise ValueError(f"name must be one of {', '.join(SIMILARITY)}, not {name!r}")
    return _pairs(*locate(f"benchmarks/{SIMILARITY[name]}.txt"))


def tiny_shakespeare():
    """Return 40,000 lines of Shakespeare's plays as one str of 1,115,394 characters, 65 of them distinct.

    Source: A. Karpathy, char-rnn. Raises DataError.
    """
    return _text(*locate("tinyshakespeare/input.txt"))


def abc_headlines(n=None):
    """Return headlines of ABC News (Australia) in order of their dates, a Series of str named "headline".

    n: the first n only, a whole number from 1; None for all 100,000. Lower case, without punctuation.
    Raises ValueError for another n, and DataError.
    """
    check_count(n)
    [path] = locate("headlines/headlines.zip")
    table = pd.read_csv(path, nrows=n, dtype="str", skip_blank_lines=False, **AS_TEXT)
    return table["text"].rename("headline")


def ag_news(split="train"):
    """Return news in four classes, a DataFrame with the str columns "category", "title" and "description".

    split: "train" (120,000 rows; 31,701 where a mirror holds only the subset) or "test" (7,600 rows). Categories:
    World, Sports, Business, Sci/Tech. Texts are as published, with remains of HTML ("#39;") and with backslashes
    for line ends. The attribute attrs["file"] names the file that was read.
    Source: Zhang, Zhao and LeCun, 2015. Raises ValueError for another split, and DataError.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', not {split!r}")
    [path] = locate(f"ag_news/{split}.csv")
    table = pd.read_csv(path, header=None, names=["category", "title", "description"], **AS_TEXT)
    table["category"] = table["category"].map(CATEGORIES).astype("str")
    table.attrs["file"] = path.name
    return table


def ag_news_titles():
    """Return titles and categories of AG News' training split, a DataFrame with the str columns "title" and "category".

    As published with the course Made With ML: 120,000 rows; 31,701 where a mirror holds only the subset (attrs["file"]
    names the file). Raises DataError.
    """
    [path] = locate("ag_news/news.csv")
    table = pd.read_csv(path, dtype="str", **AS_TEXT)[["title", "category"]]
    table.attrs["file"] = path.name
    return table


def glove(dimension=50, n=None, *, archive=False):
    """Return GloVe 6B word vectors, a float32 DataFrame of shape (words, dimension) indexed by word, commonest first.

    dimension: 50, 100, 200 or 300.
    n: at most the first n words, a whole number from 1; None for all 400,000. A mirror may hold subsets instead: 14,489
    words with 50 dimensions, 2,821 with 100 (attrs["files"] names the files that were read).
    archive: True takes the numbers from Stanford's archive of all four dimensions (862 MB), False from one file per
    dimension (69 MB for 50 dimensions). The numbers are the same.
    Source: Pennington, Socher and Manning, 2014. Raises ValueError for other arguments, and DataError.
    """
    if not isinstance(dimension, int | np.integer) or dimension not in (50, 100, 200, 300):
        raise ValueError(f"dimension must be 50, 100, 200 or 300, not {dimension!r}")
    check_count(n)
    if archive:
        paths = locate("glove/glove.6B.zip")
        with zipfile.ZipFile(paths[0]) as folder, folder.open(f"glove.6B.{dimension}d.txt") as stream:
            table = read_glove(stream, n)
    else:
        whole = f"glove-wiki-gigaword-{dimension}.gz"
        paths = locate(f"glove/{whole}")
        # gensim's file of all words has word2vec's header, the subsets are in GloVe's format.
        read = read_word2vec if paths[0].name == whole else read_glove
        table = pd.concat([read(path, n) for path in paths]).iloc[:n]
    table.attrs["files"] = [path.name for path in paths]
    return table


def google_news(n=None):
    """Return word2vec vectors of Google News, a float32 DataFrame of shape (words, 300) indexed by word.

    Words are case-sensitive, commonest first, phrases are joined by underscores.
    n: at most the first n words, a whole number from 1; None for all 3,000,000, which take 3.6 GB of memory. A mirror
    may hold a subset of 8,000 words instead (attrs["files"] names the file that was read).
    Source: Mikolov et al., 2013. Raises ValueError for another n, and DataError.
    """
    check_count(n)
    [path] = locate("word2vec/word2vec-google-news-300.gz")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            table = read_stored(stored).iloc[:n]
    else:
        table = read_word2vec(path, n)
    table.attrs["files"] = [path.name]
    return table


def sherlock_holmes():
    """Return Doyle's Sherlock Holmes, eight books in order, a dict from title to `story` (str). Raises DataError."""
    return _books("sherlock_holmes")


def oz_books():
    """Return Baum's 14 Oz books in order, a dict from title to `story` (str). Raises DataError."""
    return _books("oz_books")


def classics():
    """Return Alice in Wonderland, Pride and Prejudice, and War and Peace, a dict from title to `story`. DataError."""
    return _books("classics")


def novels_19c():
    """Return 44 English novels of the 19th century, a dict from title to text (str), 8.3 million words.

    Eighteen authors besides Dickens, whose novels come last. The Hound of the Baskervilles and Pride and Prejudice are
    in `sherlock_holmes` and `classics` too. Source: M. Mahlberg and others, CLiC corpora. Raises DataError.
    """
    return {file.title: _text(*locate(file.name)) for file in registry()["novels_19c"].files if file.url}


def story(text):
    """Return the story in a Project Gutenberg text: what stands between its START and END lines.

    Paragraphs that tell who produced the file, and the notes of its transcriber and editor, are left out.

    text: a str, with or without a byte order mark, lines ended by CRLF or LF. Line ends become "\\n".
    Raises ValueError if there are no such lines.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    inside = re.search(r"^\*\*\* ?START OF TH.*?\*\*\*$(.*?)^\*\*\* ?END OF TH", text, re.DOTALL | re.MULTILINE)
    if inside is None:
        raise ValueError("text must be from Project Gutenberg, with a line '*** START OF ...' and one '*** END OF ...'")
    paragraphs = inside[1].split("\n\n")
    return "\n\n".join(paragraph for paragraph in paragraphs if not CREDITS.match(paragraph)).strip()


def _shipped(name):
    """Return the path of a file that gensim ships."""
    from pathlib import Path

    from gensim.test.utils import datapath

    return Path(datapath(name))


def _text(path):
    """Return a UTF-8 text file as str, its line ends as they are."""
    return path.read_bytes().decode("utf-8")


def _pairs(path):
    """Return a file of word pairs as `word_similarity` describes; lines that begin with # are comments."""
    return pd.read_csv(path, sep="\t", comment="#", names=["word1", "word2", "score"], **AS_TEXT)


def _books(name):
    """Return the books of a data set of the registry, a dict from title to text."""
    return {file.title: story(_text(*locate(file.name))) for file in registry()[name].files}
