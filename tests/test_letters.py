"""The letter experiment of chapter 3 on another text: vowels gather on real headlines, not on text without order."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from embedlab import data

ROOT = Path(__file__).resolve().parent.parent
MIRROR = os.environ.get("EMBEDLAB_MIRROR") or str(ROOT.parent / "shared" / "data")

spec = importlib.util.spec_from_file_location("letters", ROOT / "benchmarks" / "letters.py")
letters = importlib.util.module_from_spec(spec)
spec.loader.exec_module(letters)


@pytest.mark.skipif(
    not (os.environ.get("EMBEDLAB_MIRROR") or Path(MIRROR).is_dir()),
    reason="needs the real data: set EMBEDLAB_MIRROR to a mirror of it",
)
def test_vowels_gather_on_20000_headlines(monkeypatch):
    monkeypatch.setenv("EMBEDLAB_MIRROR", MIRROR)
    trained, untrained = letters.ratios(data.abc_headlines(20_000), seeds=5)
    assert trained.max() < 0.35 < untrained.min()


def test_letters_in_random_order_keep_their_vowels_apart():
    draw = np.random.default_rng(0)
    noise = ["".join(draw.choice(list("abcdefghijklmnopqrstuvwxyz"), size=40)) for _ in range(200)]
    trained, untrained = letters.ratios(noise, seeds=5)
    assert np.median(trained) > 0.6 and np.median(untrained) > 0.9


def test_headlines_without_a_pair_of_letters_are_refused():
    with pytest.raises(ValueError, match="headlines holds no pair of letters"):
        letters.ratios(["a", "!"])
