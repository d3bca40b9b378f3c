"""The measurements of the shipped vectors, on tables so small that the answer is known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import shipped_vectors  # noqa: E402


@pytest.fixture
def keyed():
    """Makes KeyedVectors of words at the given angles, in degrees, on the unit circle."""

    def make(**angles):
        radians = np.deg2rad(list(angles.values()))
        points = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
        return shipped_vectors.keyed(pd.DataFrame(points, index=list(angles)))

    return make


def test_similarity_counts_pairs_in_lower_case_and_correlates_on_own_and_on_common_ones(keyed):
    pairs = pd.DataFrame(
        [("A", "b", 9), ("a", "c", 5), ("a", "d", 6), ("a", "unknown", 1)], columns=["word1", "word2", "score"]
    )
    mine, theirs = keyed(a=0, b=10, c=40, d=60), keyed(a=0, b=10, c=40, e=60)
    coverage, own, common = shipped_vectors.similarity(pairs, mine, theirs)
    assert coverage == 3 / 4 and own == pytest.approx(0.5) and common == pytest.approx(1)


def test_analogies_are_right_or_wrong_or_not_covered(keyed):
    vectors = keyed(boy=0, girl=40, brother=100, sister=140, father=200, mother=250, king=300, he=170)
    right, wrong = shipped_vectors.analogies(vectors)
    assert ("family", ("BOY", "GIRL", "BROTHER", "SISTER")) in right
    assert not right & wrong and len(right | wrong) == 6
    assert {section for section, _ in right | wrong} == {"family"}


def test_running_words_count_every_occurrence(keyed):
    assert shipped_vectors.running_words("The king’s crown. The KING, the", keyed(the=0, king=9)) == 5 / 6
