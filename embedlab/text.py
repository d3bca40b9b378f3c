"""Text as numbers: a vocabulary gives every token, a character or a word, an id. Changes nothing, reads no file."""

import numpy as np


class Vocabulary:
    """An ordered set of distinct tokens; the id of a token is its place in that order, counted from 0.

    tokens: the tokens in order, a string of characters or a sequence of strings; kept as the tuple `tokens`.
    separator: what `decode` puts between two tokens: nothing for characters, a space for words.
    Raises ValueError where `tokens` is empty, repeats a token, or holds anything but non-empty strings.
    """

    def __init__(self, tokens, separator=""):
        self.tokens, self.separator = tuple(tokens), separator
        if not self.tokens:
            raise ValueError("tokens is empty: a vocabulary needs at least one token")
        for token in self.tokens:
            if not isinstance(token, str) or not token:
                raise ValueError(f"tokens holds {token!r}, expected strings that are not empty")
        self._ids = {token: number for number, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            repeated = next(token for number, token in enumerate(self.tokens) if self._ids[token] != number)
            raise ValueError(f"tokens holds {repeated!r} more than once, expected distinct tokens")

    @classmethod
    def of(cls, text, separator=""):
        """Return the vocabulary of all tokens that `text` holds, sorted by code point; ValueError where it is empty."""
        if not len(text):
            raise ValueError("text is empty: it has no tokens to make a vocabulary of")
        return cls(sorted(set(text)), separator)

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self._ids

    def encode(self, text):
        """Return the ids of the tokens of `text`, an int64 array (n,); a string is a sequence of characters.

        Raises ValueError on a token outside the vocabulary, with the token and its position.
        """
        try:
            return np.fromiter((self._ids[token] for token in text), dtype=np.int64)
        except KeyError as error:
            place = next(place for place, token in enumerate(text) if token not in self._ids)
            raise ValueError(
                f"text holds {error.args[0]!r} at position {place}, not in the vocabulary of {len(self)} tokens"
            ) from None

    def decode(self, ids):
        """Return the text of the token ids `ids`, integers of shape (n,).

        Raises ValueError where `ids` holds anything but integers from 0 to len(vocabulary) - 1.
        """
        ids = np.asarray(ids)
        if ids.size == 0:
            return ""
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(f"ids has shape {ids.shape} and dtype {ids.dtype}, expected integers of shape (n,)")
        outside = ids[(ids < 0) | (ids >= len(self))]
        if outside.size:
            raise ValueError(f"ids holds {outside[0]}, expected integers from 0 to {len(self) - 1}")
        return self.separator.join(self.tokens[number] for number in ids.tolist())
