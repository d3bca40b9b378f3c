"""What tests that need the grader's sandbox share."""

import pytest

from autograder import sandbox

WHY_NOT = sandbox.why_not()
needs_sandbox = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "there is a sandbox")
