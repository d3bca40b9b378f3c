"""What embedlab.data returns: offline, from tiny files with the traps of real data, and from a real mirror."""

import os
import re
import socket
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from embedlab import data
from embedlab.data import DataError, files

REAL_MIRROR = os.environ.get("EMBEDLAB_MIRROR") or str(Path(__file__).resolve().parents[2] / "shared" / "data")
needs_mirror = pytest.mark.skipif(
    not (os.environ.get("EMBEDLAB_MIRROR") or Path(REAL_MIRROR).is_dir()),
    reason="needs the real data: set EMBEDLAB_MIRROR to a mirror of it",
)

BOOK = (
    "\ufeffThe Project Gutenberg EBook\r\n\r\n*** START OF THIS PROJECT GUTENBERG EBOOK A TALE ***\r\n\r\n\r\n"
    "Produced by A. Volunteer and\r\nB. Volunteer\r\n\r\n\r\nA TALE\r\n\r\n“Produced by whom?” she asked.\r\n\r\n"
    "*** a line of stars\r\n\r\nThe End\r\n\r\n\r\nEnd of the Project Gutenberg EBook of A Tale, by\r\nNobody\r\n\r\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK A TALE ***\r\n\r\n*** START: FULL LICENSE ***\r\nlicence\r\n"
)
STORY = "A TALE\n\n“Produced by whom?” she asked.\n\n*** a line of stars\n\nThe End"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test writes into the user's cache."""
    monkeypatch.setenv("EMBEDLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMBEDLAB_MIRROR", raising=False)


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to open a connection fails the test."""

    def refuse(*arguments, **options):
        raise AssertionError("this function must not use the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A function that puts a file of given bytes into the cache as if it had been fetched and checked."""

    def put(name, content):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        monkeypatch.setattr(files, "problem", lambda path, file: "")
        return path

    return put


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory):
    """One cache for all tests on the real mirror."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def real(real_cache, monkeypatch):
    """The real mirror and a cache of this test run."""
    monkeypatch.setenv("EMBEDLAB_CACHE", str(real_cache))
    monkeypatch.setenv("EMBEDLAB_MIRROR", REAL_MIRROR)


def assert_text(column):
    """The column is of dtype str and lacks nothing."""
    assert column.dtype == "str" and not column.isna().any()


# Offline


@pytest.mark.usefixtures("no_network")
class TestOffline:
    def test_iris(self):
        flowers = data.iris()
        assert flowers.shape == (150, 5)
        assert flowers["species"].value_counts().to_dict() == {"setosa": 50, "versicolor": 50, "virginica": 50}
        assert flowers.iloc[0].tolist() == [5.1, 3.5, 1.4, 0.2, "setosa"]
        assert_text(flowers["species"])
        assert (flowers.dtypes.iloc[:4] == np.float64).all() and list(flowers)[2] == "petal length (cm)"

    def test_lee_news(self):
        news = data.lee_news()
        assert isinstance(news, str) and news.startswith("Hundreds of people have been forced to vacate")
        assert len(news.splitlines()) == 300 and len(set(news)) == 81 and len(news.split()) == 59_890
        assert "\r" not in news

    def test_wikipedia_articles(self):
        articles = data.wikipedia_articles()
        assert isinstance(articles, pd.Series) and articles.shape == (106,) and articles.index.is_unique
        assert (articles.index.name, articles.name, articles.index[0]) == ("title", "text", "Anarchism")
        assert_text(articles)
        assert 450_000 < articles.str.split().str.len().sum() < 500_000
        assert not articles.str.contains("'''", regex=False).any() and (articles.str.strip() == articles).all()
        assert articles["Anarchism"].startswith("Anarchism is a political philosophy")

    def test_similarity(self):
        for pairs, rows, mean in ((data.wordsim353(), 353, 5.856), (data.simlex999(), 999, 4.562)):
            assert pairs.shape == (rows, 3) and list(pairs) == ["word1", "word2", "score"]
            assert_text(pairs["word1"])
            assert_text(pairs["word2"])
            assert pairs["score"].dtype == np.float64 and pairs["score"].between(0, 10).all()
            assert pairs["score"].mean() == pytest.approx(mean, abs=0.001)
        assert data.wordsim353().iloc[0].tolist() == ["love", "sex", 6.77]
        assert data.simlex999().iloc[0].tolist() == ["old", "new", 1.58]

    def test_google_analogies(self):
        questions = data.google_analogies()
        assert questions.shape == (19_544, 5) and questions["section"].nunique() == 14
        assert questions.iloc[0].tolist() == ["capital-common-countries", "Athens", "Greece", "Baghdad", "Iraq"]
        assert questions["section"].value_counts()["family"] == 506
        for column in questions:
            assert_text(questions[column])

    def test_importing_and_reading_what_is_shipped_writes_nothing(self, tmp_path):
        data.lee_news()
        assert list(tmp_path.iterdir()) == []


# Wrong arguments


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: data.abc_headlines(0), "n must be a whole number from 1, or None for all, not 0"),
        (lambda: data.abc_headlines(2.5), "n must be a whole number from 1, or None for all, not 2.5"),
        (lambda: data.abc_headlines(True), "n must be"),
        (lambda: data.abc_headlines("9"), "n must be .* not '9'"),
        (lambda: data.glove(50, -1), "n must be"),
        (lambda: data.google_news(0), "n must be"),
        (lambda: data.glove(60), "dimension must be 50, 100, 200 or 300, not 60"),
        (lambda: data.glove([50]), "dimension must be"),
        (lambda: data.glove(50.0), "dimension must be"),
        (lambda: data.ag_news("valid"), "split must be 'train' or 'test', not 'valid'"),
        (lambda: data.word_similarity("wordsim"), "name must be one of mc30, men, .* not 'wordsim'"),
        (lambda: data.word_similarity(["men"]), "name must be one of"),
        (lambda: data.story("Call me Ishmael."), "text must be from Project Gutenberg"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_fetched(call, sentence, no_network):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_file_that_cannot_be_had_is_a_data_error(monkeypatch, tmp_path):
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(tmp_path))
    loaders = [
        data.tiny_shakespeare, data.abc_headlines, data.ag_news, data.ag_news_titles, data.glove,
        lambda: data.glove(archive=True), data.sherlock_holmes, data.oz_books, lambda: data.word_similarity("men"),
        data.google_news, data.novels_19c, data.classics,
    ]  # fmt: skip
    for loader in loaders:
        with pytest.raises(DataError, match="^The mirror .*(does not have|lacks)"):
            loader()
    assert issubclass(DataError, RuntimeError)


# The traps of real data


def test_headlines_that_read_like_missing_values_are_text(tiny, tmp_path):
    with zipfile.ZipFile(tiny("headlines/headlines.zip", b""), "w") as archive:
        archive.writestr("headlines", "text\nNA\nnull\n\nnan\n007\ncat, dog\n".replace("cat, dog", '"cat, dog"'))
    headlines = data.abc_headlines()
    assert headlines.tolist() == ["NA", "null", "", "nan", "007", "cat, dog"]
    assert headlines.name == "headline"
    assert_text(headlines)
    assert data.abc_headlines(2).tolist() == ["NA", "null"]
    assert data.abc_headlines(np.int64(9)).shape == (6,)


def test_news_keeps_na_quotes_commas_and_line_ends(tiny):
    tiny("ag_news/train.csv", b'"3","NA","a ""b"", c\\d"\r\n"4","null",""\r\n"1","nan","None"\r\n"2","1","2"\r\n')
    news = data.ag_news()
    assert news["category"].tolist() == ["Business", "Sci/Tech", "World", "Sports"]
    assert news["title"].tolist() == ["NA", "null", "nan", "1"]
    assert news["description"].tolist() == ['a "b", c\\d', "", "None", "2"]
    assert news.attrs == {"file": "train.csv"}
    for column in news:
        assert_text(news[column])


def test_titles_that_read_like_missing_values_are_text(tiny):
    tiny("ag_news/news.csv", b"title,category\nnan,Sci/Tech\n12,World\n")
    titles = data.ag_news_titles()
    assert titles.to_numpy().tolist() == [["nan", "Sci/Tech"], ["12", "World"]]
    assert_text(titles["title"])


def test_word_pairs_with_crlf_and_the_word_null(tiny):
    tiny("benchmarks/EN-VERB-143.txt", b"null\tnan\t0.5\r\nrun\twalk\t1\r\n")
    pairs = data.word_similarity("verb143")
    assert pairs.to_numpy().tolist() == [["null", "nan", 0.5], ["run", "walk", 1.0]]


def vectors(words, dimension):
    """Lines in GloVe's format: the vector of the i-th word is (i, i + 0.5, ...)."""
    lines = (f"{word} " + " ".join(str(row + k / 2) for k in range(dimension)) for row, word in enumerate(words))
    return "\n".join(lines) + "\n"


WORDS = ["the", '"', "null", "NA", "#", "it's", "é", "1.5", "\x85"]


@pytest.mark.parametrize("archive", [False, True])
def test_glove_words_may_be_quotes_numbers_or_null(tiny, archive):
    import gzip

    if archive:
        with zipfile.ZipFile(tiny("glove/glove.6B.zip", b""), "w") as folder:
            folder.writestr("glove.6B.50d.txt", vectors(WORDS, 50))
    else:
        content = f"{len(WORDS)} 50\n{vectors(WORDS, 50)}".encode()
        tiny("glove/glove-wiki-gigaword-50.gz", gzip.compress(content))
    table = data.glove(50, archive=archive)
    assert table.index.tolist() == WORDS and table.index.name == "word"
    assert table.shape == (9, 50) and (table.dtypes == np.float32).all() and list(table) == list(range(50))
    np.testing.assert_array_equal(table.to_numpy(), np.arange(9)[:, None] + np.arange(50) / 2)
    assert data.glove(50, 3, archive=archive).index.tolist() == WORDS[:3]


def test_a_story_is_what_stands_between_the_licences():
    assert data.story(BOOK) == STORY
    assert data.story(BOOK.replace("\r\n", "\n").removeprefix("\ufeff")) == STORY
    assert data.story("\ufeff" + BOOK[BOOK.index("*** START") :]) == STORY


def test_books_lose_byte_order_mark_crlf_and_licence(tiny):
    for file in files.registry()["oz_books"].files:
        tiny(file.name, BOOK.encode())
    books = data.oz_books()
    assert list(books)[:2] == ["The Wonderful Wizard of Oz", "The Marvelous Land of Oz"] and len(books) == 14
    assert set(books.values()) == {STORY}


# The registry


def test_every_file_is_registered_with_a_checksum_a_source_and_terms():
    lengths = {"sha256": 64, "md5": 32, "git_blob": 40}
    known = files.all_files()
    assert len(known) == sum(len(dataset.files) for dataset in files.registry().values()) > 40
    for name, dataset in files.registry().items():
        assert dataset.about and dataset.licence and dataset.home.startswith("http"), name
        assert hasattr(data, name) or name.startswith("glove_"), f"no function loads {name}"
    for name, file in known.items():
        assert re.fullmatch(r"[a-z_0-9]+/[\w./-]+", name) and ".." not in name
        found = {kind: getattr(file, kind) for kind in lengths if getattr(file, kind)}
        assert found, name
        for kind, value in found.items():
            assert re.fullmatch(rf"[0-9a-f]{{{lengths[kind]}}}", value), name
        packs = {other.packed_in for other in known.values()}
        assert (file.url is None) == (file.subset_of is not None or name in packs), name
        assert file.packed_in is None or known[file.packed_in].sha256, name
        if file.url:
            assert file.url.startswith("https://") and urlsplit(file.url).path.rpartition(".")[2] in name
            assert "raw.githubusercontent.com" not in file.url or re.search("/[0-9a-f]{40}/", file.url), name
        else:
            assert file.sha256 and file.size
            assert name in packs or known[file.subset_of].url
    assert sorted(f"benchmarks/{stem}.txt" for stem in data.SIMILARITY.values()) == [
        file.name for file in files.registry()["word_similarity"].files
    ]


def test_every_public_function_is_documented():
    for name in data.__all__:
        assert len(getattr(data, name).__doc__.split()) > 10, name


# The real data


@needs_mirror
@pytest.mark.usefixtures("real")
class TestRealMirror:
    def test_tiny_shakespeare(self):
        text = data.tiny_shakespeare()
        assert len(text) == 1_115_394 and len(set(text)) == 65 and text.count("\n") == 40_000
        assert text.startswith("First Citizen:\nBefore we proceed")

    def test_abc_headlines(self):
        headlines = data.abc_headlines()
        assert headlines.shape == (100_000,) and headlines.nunique() == 99_658
        assert headlines[0] == "aba decides against community broadcasting licence"
        assert_text(headlines)
        assert data.abc_headlines(20_000).equals(headlines[:20_000])

    def test_ag_news(self):
        train, test = data.ag_news(), data.ag_news("test")
        assert test["category"].value_counts().to_dict() == dict.fromkeys(data.CATEGORIES.values(), 1900)
        assert train.shape == {"train.csv": (120_000, 3), "train_subset.csv.gz": (31_701, 3)}[train.attrs["file"]]
        assert test["title"][0] == "Fears for T N pension after talks"
        for column in train:
            assert_text(train[column])

    def test_ag_news_titles(self):
        titles = data.ag_news_titles()
        assert titles.shape == {"news.csv": (120_000, 2), "news_subset.csv.gz": (31_701, 2)}[titles.attrs["file"]]
        assert set(titles["category"]) == set(data.CATEGORIES.values())
        assert (titles["title"] == "nan").sum() >= 2
        assert_text(titles["title"])

    def test_glove(self):
        small, large = data.glove(50), data.glove(100)
        assert small.loc["the"][:3].tolist() == pytest.approx([0.418, 0.24968, -0.41242])
        assert large.loc["the"][:3].tolist() == pytest.approx([-0.038194, -0.24487, 0.72812])
        for table, published in ((small, 0.8860), (large, 0.8323)):
            assert table.index.is_unique and (table.dtypes == np.float32).all() and np.isfinite(table).all(axis=None)
            woman, man = table.loc["woman"], table.loc["man"]
            assert woman @ man / np.linalg.norm(woman) / np.linalg.norm(man) == pytest.approx(published, abs=1e-4)
        assert len(small) in (14_489, 400_000) and len(large) in (2_821, 400_000)
        assert data.glove(50, 1000).equals(small[:1000])

    def test_google_news(self):
        news = data.google_news()
        assert news.shape in ((8_000, 300), (3_000_000, 300)) and (news.dtypes == np.float32).all()
        assert news.index.is_unique and news.index.name == "word" and "London" in news.index
        woman, man = news.loc["woman"], news.loc["man"]
        assert woman @ man / np.linalg.norm(woman) / np.linalg.norm(man) == pytest.approx(0.7664, abs=1e-4)
        assert data.google_news(10).equals(news[:10])

    def test_novels(self):
        novels = data.novels_19c()
        assert len(novels) == 44 and sum(len(text.split()) for text in novels.values()) == 8_325_178
        assert novels["Oliver Twist"].startswith("Oliver Twist\nCharles Dickens\n")
        assert all(word not in text for text in novels.values() for word in ("Gutenberg", "\r", "\ufeff"))

    @pytest.mark.parametrize(("load", "number"), [(data.sherlock_holmes, 8), (data.oz_books, 14), (data.classics, 3)])
    def test_books(self, load, number):
        books = load()
        assert len(books) == number
        for title, text in books.items():
            assert "Gutenberg" not in text and "\r" not in text and "\ufeff" not in text and "***START" not in text
            assert not re.search(r"^(Produced by|End of)", text, re.MULTILINE)
            assert title.split()[-1].lower() in text[:200].lower() and len(text.split()) > 6_000

    def test_the_stories_are_whole(self):
        assert data.sherlock_holmes()["The Sign of the Four"].endswith("stretched his long white hand up for it.")
        assert data.oz_books()["The Wonderful Wizard of Oz"].endswith("I'm so glad to be at home again!\"")
        words = sum(len(text.split()) for text in data.oz_books().values())
        assert 0.93 < words / 669_180 < 0.96, "the licences are 3,000 words in each of 14 books"

    def test_word_similarity(self):
        rows = {
            "mc30": 30, "men": 3000, "mturk287": 287, "mturk771": 771, "rg65": 65, "rw": 2034, "simverb3500": 3500,
            "verb143": 144, "ws353_rel": 252, "ws353_sim": 203, "yp130": 130,
        }  # fmt: skip
        for name in data.SIMILARITY:
            pairs = data.word_similarity(name)
            assert pairs.shape == (rows[name], 3) and pairs["score"].dtype == np.float64, name
            assert_text(pairs["word2"])
            assert np.isfinite(pairs["score"]).all() and not pairs["word2"].str.contains(r"\s").any()
