"""What marks depend on besides a submission and its lesson: the grader's own code, and the libraries that answers use.

Reads files and hashes them; writes nothing.
"""

import hashlib
import json
from functools import cache
from importlib import metadata
from pathlib import Path

import embedlab

CODE = [Path(embedlab.__file__).parent, Path(__file__).parent]
LIBRARIES = ("nbgrader", "numpy", "pandas", "scipy", "scikit-learn", "torch", "gensim", "ipython")


@cache
def environment() -> str:
    """The hash of the code and of the versions of the libraries, as they are here."""
    files = sorted(path for folder in CODE for path in folder.rglob("*.py"))
    return digest([[file_digest(path) for path in files], [metadata.version(name) for name in LIBRARIES]])


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def digest(parts) -> str:
    """SHA-256, in hexadecimal, of strings, numbers and lists of them."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
