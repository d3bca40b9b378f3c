"""tools/run_tests.py: totals that are true, a red run when nothing was executed, no question to a package manager."""

import subprocess
import sys

import pytest
import run_tests

MIXED = """
import pytest
def test_right(): pass
def test_wrong(): assert 1 == 2
@pytest.fixture
def broken(): raise RuntimeError
def test_error(broken): pass
@pytest.mark.skip(reason="no such program")
def test_left_out(): pass
"""


def run(root, environment, *arguments):
    """Run run_tests.py with pytest's `arguments`."""
    command = [sys.executable, str(root / "tools" / "run_tests.py"), "-p", "no:cacheprovider", *map(str, arguments)]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def test_totals_reasons_and_exit_code(root, tmp_path, plain_environment):
    (tmp_path / "test_mixed.py").write_text(MIXED, encoding="utf-8")
    done = run(root, plain_environment, tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1]) == (1, "1 passed, 2 failed, 1 skipped")
    assert "  1 because no such program" in lines
    assert any(line.endswith("test_mixed::test_right") for line in lines[lines.index("Slowest tests:") :])


def test_all_passed_is_green(root, tmp_path, plain_environment):
    (tmp_path / "test_right.py").write_text("def test_right(): pass\n", encoding="utf-8")
    done = run(root, plain_environment, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed, 0 skipped")


@pytest.mark.parametrize("text", ["", "import pytest\n@pytest.mark.skip\ndef test_a(): 0\n", "import nothing_here\n"])
def test_nothing_executed_is_red(root, tmp_path, plain_environment, text):
    (tmp_path / "test_none.py").write_text(text, encoding="utf-8")
    done = run(root, plain_environment, tmp_path)
    assert done.returncode == 1
    assert "Nothing was executed by pytest" in done.stdout
    assert ", 0 failed" not in done.stdout.splitlines()[-1]


def test_a_path_that_is_not_there_is_red(root, plain_environment):
    done = run(root, plain_environment, "tests/test_nothing.py")
    assert done.returncode == 1
    assert "tests/test_nothing.py" in done.stderr + done.stdout


NEED = run_tests.SystemNeed(("no-such-program",), ("some-package",), "some-snap", "tests/test_some.py")


@pytest.mark.parametrize(
    ("family", "prefix", "expected"),
    [
        ("ubuntu", [], "tests/test_some.py needs a program that is not here: `sudo snap install some-snap`."),
        ("debian", None, "tests/test_some.py needs a program that is not here: `sudo apt-get install some-package`."),
        ("", None, "tests/test_some.py needs one of these programs, and none is here: no-such-program."),
    ],
)
def test_what_cannot_be_installed_is_named(monkeypatch, family, prefix, expected):
    monkeypatch.setattr(run_tests, "debian_family", lambda: family)
    monkeypatch.setattr(run_tests, "administrator", lambda: prefix)
    monkeypatch.setattr(run_tests, "apt_get", lambda *arguments, prefix: pytest.fail("nothing may be installed here"))
    assert run_tests.provide(NEED) == expected


def test_what_may_be_installed_is_after_an_update_where_that_is_needed(monkeypatch):
    asked = []

    def apt_get(*arguments, prefix):
        asked.append((arguments, prefix))
        return len(asked) > 1

    monkeypatch.setattr(run_tests, "debian_family", lambda: "debian")
    monkeypatch.setattr(run_tests, "administrator", lambda: ["sudo", "-n"])
    monkeypatch.setattr(run_tests.shutil, "which", lambda name: name if name == "apt-get" else None)
    monkeypatch.setattr(run_tests, "apt_get", apt_get)
    install = ("install", "--no-install-recommends", "some-package")
    assert run_tests.provide(NEED) == ""
    assert asked == [(install, ["sudo", "-n"]), (("update",), ["sudo", "-n"]), (install, ["sudo", "-n"])]


def test_what_is_there_is_left_alone(monkeypatch):
    monkeypatch.setattr(run_tests, "administrator", lambda: pytest.fail("nobody may be asked"))
    assert run_tests.provide(run_tests.SystemNeed(("no-such-program", "sh"), ("x",), None, "tests/x.py")) == ""
