"""How much is tried: a good part by `make test`, in minutes; everything by `make test-all`, in about an hour.

A test that is marked `@pytest.mark.test_all` runs in `make test-all` only; others ask EVERYTHING how many cases to try.
"""

import os

EVERYTHING = os.environ.get("EMBEDLAB_TEST_ALL") == "1"
