"""What the tests share: the course's folder, and its tools as modules (tools/ is no package)."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture
def root() -> Path:
    """The course's folder."""
    return ROOT


@pytest.fixture
def plain_environment() -> dict[str, str]:
    """The environment without what an outer make or a PYTHONPATH would hand on to a program under test."""
    left_out = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PYTHONPATH", "PYTHON", "PORT", "ARGS"}
    return {name: value for name, value in os.environ.items() if name not in left_out}
