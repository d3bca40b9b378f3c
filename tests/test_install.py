"""tools/install.py: the environment is made once, mended when broken, and every obstacle is one sentence."""

import ast
import subprocess
import sys
import time

import install
import pytest


@pytest.fixture
def course(tmp_path, monkeypatch, root):
    """A folder with what install.py reads, which the module takes for the course."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/install.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv" / install.PYTHON.relative_to(root / ".venv"))
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv" / ".installed")
    monkeypatch.setattr(install, "LOG", tmp_path / ".venv" / "install.log")
    return tmp_path


def run(folder, environment, *arguments):
    """Run install.py of a course in `folder`."""
    command = [sys.executable, str(folder / "tools" / "install.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def no_network(plain_environment):
    """An environment in which pip finds nothing."""
    kept = {name: value for name, value in plain_environment.items() if not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "http://127.0.0.1:9", "TORCH_INDEX": ""}


def test_an_old_python_can_read_it_and_gets_one_sentence(root):
    source = (root / "tools" / "install.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    old = f"import sys, runpy; sys.version_info = (3, 8, 18, 'final', 0); runpy.run_path({install.__file__!r})"
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("The course needs Python 3.11, 3.12 or 3.13, and this is 3.8: install one of them")
    assert done.stderr.count("\n") == 1


def test_no_network_is_one_sentence_and_the_next_call_goes_on(course, no_network):
    done = run(course, no_network)
    assert done.returncode == 2
    assert done.stderr.startswith("The packages could not be fetched: connect to the internet")
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1:9" in install.LOG.read_text(encoding="utf-8")
    assert not install.STAMP.exists()
    assert install.is_sound(), "the .venv of a failed install is used again"
    again = run(course, no_network)
    assert "Making .venv" in done.stdout and "Making .venv" not in again.stdout

    packages = next(install.VENV.rglob("pip-*.dist-info"))
    (packages / "RECORD").unlink()
    assert not install.is_sound(), "a half-installed package"
    install.make_venv()
    assert install.is_sound(), "a broken .venv is replaced"


def test_an_up_to_date_environment_is_left_alone_at_once(course, plain_environment):
    install.PYTHON.parent.mkdir(parents=True)
    install.PYTHON.touch()
    install.STAMP.write_text(install.wanted(), encoding="utf-8")
    started = time.monotonic()
    done = run(course, plain_environment)
    assert (done.returncode, done.stdout) == (0, ".venv is up to date.\n")
    assert time.monotonic() - started < 1
    assert run(course, {**plain_environment, "MAKELEVEL": "1"}).stdout == ""


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_asks_for_a_new_install(course, changed):
    before = install.wanted()
    (course / changed).write_text("# changed\n", encoding="utf-8")
    assert install.wanted() != before


def test_a_moved_environment_is_not_sound(course):
    install.PYTHON.parent.mkdir(parents=True)
    install.PYTHON.symlink_to(sys.executable)
    install.STAMP.write_text("0\n/elsewhere\n", encoding="utf-8")
    assert not install.is_sound()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_environment_is_not_removed(course, kind, plain_environment):
    if kind == "file":
        install.VENV.write_text("mine", encoding="utf-8")
    else:
        install.VENV.mkdir()
        (install.VENV / "mine").touch()
    done = run(course, plain_environment)
    assert done.returncode == 2
    assert "is no Python environment: move it away and repeat." in done.stderr
    assert install.VENV.exists()


def test_another_python_than_the_environments_is_said(course, plain_environment):
    install.PYTHON.parent.mkdir(parents=True)
    install.PYTHON.touch()
    (install.VENV / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.4\n", encoding="utf-8")
    done = run(course, plain_environment)
    assert done.returncode == 2
    assert ".venv was made with Python 3.10 and this is" in done.stderr


def test_a_folder_that_cannot_be_written_is_said(course, monkeypatch):
    monkeypatch.setattr(install.os, "access", lambda path, mode: False)
    with pytest.raises(install.InstallError, match="cannot be written: copy the course to a folder of your own"):
        install.make_venv()


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(install.InstallError, match=r"sudo apt install python3\.\d+-venv"):
        install.check_python()


def test_an_intel_mac_is_told(monkeypatch):
    monkeypatch.setattr(install.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(install.platform, "machine", lambda: "x86_64")
    with pytest.raises(install.InstallError, match="Intel"):
        install.check_python()


def test_missing_lock_is_one_sentence(course, plain_environment):
    (course / "requirements.lock").unlink()
    done = run(course, plain_environment)
    assert done.returncode == 2
    assert done.stderr.endswith("requirements.lock is missing: get a fresh copy of the course.\n")


def test_an_argument_is_refused(course, plain_environment):
    done = run(course, plain_environment, "--upgrade")
    assert done.returncode == 2 and "takes no arguments" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("WARNING: Retrying after NewConnectionError(...)\nERROR: No matching distribution", "could not be fetched"),
        ("WARNING: x\nERROR: one\nERROR: No matching distribution found for a==1\n", "No matching distribution found"),
        ("something odd\n", "pip failed: something odd;"),
        ("", "no reason given"),
    ],
)
def test_what_pip_said_becomes_a_sentence(words, sentence):
    assert sentence in install.explain(words)


@pytest.mark.parametrize(
    ("system", "gpu", "setting", "expected"),
    [
        ("Linux", None, None, install.CPU_INDEX),
        ("Linux", "/usr/bin/nvidia-smi", None, ""),
        ("Darwin", None, None, ""),
        ("Windows", None, None, ""),
        ("Windows", None, "http://mirror/cpu", "http://mirror/cpu"),
        ("Linux", None, "", ""),
    ],
)
def test_where_pytorch_comes_from(monkeypatch, system, gpu, setting, expected):
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.shutil, "which", lambda name: gpu)
    monkeypatch.setattr(install.Path, "exists", lambda path: False)
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    if setting is not None:
        monkeypatch.setenv("TORCH_INDEX", setting)
    assert install.torch_index() == expected
