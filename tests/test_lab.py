"""tools/open_lab.py: a student's work is never overwritten, new releases are said, JupyterLab opens where it should."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import open_lab
import pytest

LESSON = "01_numbers"
NAME = f"{LESSON}/{LESSON}.ipynb"


def notebook(text: str) -> str:
    """The smallest notebook that says `text`."""
    cell = {"cell_type": "markdown", "id": "one", "metadata": {}, "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def release(course, text: str) -> None:
    """Put a release of the lesson into notebooks/."""
    path = course / "notebooks" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(text), encoding="utf-8")


@pytest.fixture
def course(tmp_path, root):
    """A course of one lesson with the tools of this one."""
    release(tmp_path, "first")
    (tmp_path / "tools").mkdir()
    for name in ("tools/open_lab.py", "nbgrader_config.py"):
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def run(course, environment, *arguments):
    """Run open_lab.py of `course` to its end."""
    command = [sys.executable, str(course / "tools" / "open_lab.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def mine(course):
    """The lesson as it lies in work/."""
    return (course / "work" / NAME).read_text(encoding="utf-8")


def test_what_is_missing_is_copied_once(course):
    assert open_lab.copy_lessons(course) == [f"Copied {LESSON} into work/."]
    assert mine(course) == notebook("first")
    assert open_lab.copy_lessons(course) == []


def test_a_students_work_is_never_overwritten(course):
    open_lab.copy_lessons(course)
    (course / "work" / NAME).write_text(notebook("my answer"), encoding="utf-8")
    assert open_lab.copy_lessons(course) == []
    release(course, "second")
    open_lab.copy_lessons(course)
    assert mine(course) == notebook("my answer")


def test_a_newer_release_is_said_until_it_is_taken(course, monkeypatch):
    monkeypatch.setenv("MAKELEVEL", "1")
    open_lab.copy_lessons(course)
    (course / "work" / NAME).write_text(notebook("my answer"), encoding="utf-8")
    release(course, "second")
    for _ in range(2):
        [line] = open_lab.copy_lessons(course)
        assert line == (
            f"{LESSON} has a newer release; to take it (what you wrote is kept beside it): "
            f'make lab ARGS="--take {LESSON}"'
        )
    [line] = open_lab.copy_lessons(course, take=LESSON)
    assert line == f"{NAME} is a fresh copy now; yours is work/{LESSON}/{LESSON}.mine-1.ipynb."
    assert mine(course) == notebook("second")
    kept = course / "work" / LESSON / f"{LESSON}.mine-1.ipynb"
    assert kept.read_text(encoding="utf-8") == notebook("my answer")
    assert open_lab.copy_lessons(course) == []


def test_an_unchanged_copy_of_an_old_release_is_said_to_be_one_and_is_kept(course, monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    open_lab.copy_lessons(course)
    release(course, "second")
    [line] = open_lab.copy_lessons(course)
    assert line.endswith(f"(yours is unchanged since it was copied): python tools/open_lab.py --take {LESSON}")
    assert mine(course) == notebook("first")


def test_taking_twice_keeps_both(course):
    for text in ("second", "third"):
        open_lab.copy_lessons(course)
        (course / "work" / NAME).write_text(notebook(f"mine before the {text}"), encoding="utf-8")
        release(course, text)
        open_lab.copy_lessons(course, take=LESSON)
    kept = [course / "work" / LESSON / f"{LESSON}.mine-{number}.ipynb" for number in (1, 2)]
    assert [path.read_text(encoding="utf-8") for path in kept] == [
        notebook("mine before the second"),
        notebook("mine before the third"),
    ]
    assert open_lab.copy_lessons(course, take=LESSON) == [
        f"work/{LESSON} already holds the newest release; nothing to take."
    ]


def test_a_deleted_notebook_comes_back_in_its_newest_release(course):
    open_lab.copy_lessons(course)
    release(course, "second")
    (course / "work" / NAME).unlink()
    assert open_lab.copy_lessons(course) == [f"Copied {LESSON} into work/."]
    assert mine(course) == notebook("second")


def test_data_beside_a_notebook_is_copied_too(course):
    (course / "notebooks" / LESSON / "points.csv").write_text("x,y\n", encoding="utf-8")
    open_lab.copy_lessons(course)
    assert (course / "work" / LESSON / "points.csv").read_text(encoding="utf-8") == "x,y\n"


def test_a_note_that_cannot_be_read_loses_no_work(course):
    open_lab.copy_lessons(course)
    (course / "work" / NAME).write_text(notebook("my answer"), encoding="utf-8")
    (course / "work" / ".releases.json").write_text("{", encoding="utf-8")
    release(course, "second")
    assert open_lab.copy_lessons(course) == []
    assert mine(course) == notebook("my answer")


def test_a_read_only_release_gives_a_writable_copy(course):
    (course / "notebooks" / NAME).chmod(0o444)
    open_lab.copy_lessons(course)
    assert (course / "work" / NAME).stat().st_mode & 0o200


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["09_nothing"], f"There is no lesson '09_nothing': open one of {LESSON}"),
        (["--take", "09_nothing"], "There is no lesson '09_nothing'"),
        (["--port", "many"], "'many' is no port: give a number"),
        (["--port", "70000"], "'70000' is no port"),
    ],
)
def test_wrong_use_is_one_sentence_and_copies_nothing(course, plain_environment, arguments, sentence):
    done = run(course, plain_environment, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]
    assert not (course / "work").exists()


def test_no_lessons_is_one_sentence(course, plain_environment):
    shutil.rmtree(course / "notebooks")
    done = run(course, plain_environment)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "run `make build`, or get a fresh copy" in done.stderr


def test_a_file_in_the_way_is_one_sentence(course, plain_environment):
    (course / "work").write_text("mine", encoding="utf-8")
    done = run(course, plain_environment, "--copy-only")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "work cannot be used" in done.stderr and "copy the course to a folder of your own" in done.stderr
    assert (course / "work").read_text(encoding="utf-8") == "mine"


def test_a_port_in_use_is_one_sentence(course, plain_environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(course, plain_environment, "--port", str(port))
        assert not open_lab.port_is_free(port)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr == f"Port {port} is in use: stop what runs there, or choose another, as in PORT={port + 1}.\n"
    assert open_lab.port_is_free(port)


def test_without_a_port_the_first_free_one_is_taken(monkeypatch):
    monkeypatch.setattr(open_lab, "port_is_free", lambda port: port == 8890)
    assert open_lab.choose_port(None) == 8890
    with pytest.raises(open_lab.LabError, match="Port 8888 is in use"):
        open_lab.choose_port(8888)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ":0", "CI": "true"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "1"}, False),
        ("win32", {}, True),
    ],
)
def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch, platform, variables, expected):
    for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(open_lab.sys, "platform", platform)
    assert open_lab.has_screen() is expected


@pytest.fixture
def lab(course, plain_environment):
    """A JupyterLab started as a student starts it, without a screen: (its process, the address it printed)."""
    environment = {name: value for name, value in plain_environment.items() if "DISPLAY" not in name}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(course / "tools" / "open_lab.py"), "--port", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, start_new_session=True
    )
    try:
        printed = [server.stdout.readline() for _ in range(3)]
        yield server, re.search(r"http://\S+", printed[-1])[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def fetch(url: str, data: bytes | None = None, token: str = "") -> str:
    """The text of a page."""
    headers = {"Authorization": f"token {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as page:
        return page.read().decode()


@pytest.mark.skipif(os.name == "nt", reason="stops the server with a POSIX signal")
def test_the_lab_that_opens_has_the_validate_button_and_not_the_instructors_panels(lab):
    server, url = lab
    base, token = re.match(r"(http://localhost:\d+)/lab/tree/(?:.*)\?token=(\w+)$", url).groups()
    assert f"/lab/tree/{NAME}?" in url
    page = fetch(url)
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>\s*(\{.*?\})\s*</script>', page, re.DOTALL)[1])
    disabled = set(config["disabledExtensions"])
    assert set(open_lab.HIDDEN_PANELS) <= disabled
    assert "@jupyter/nbgrader:validate-assignment" not in disabled
    assert "@jupyter/nbgrader" in {one["name"] for one in config["federated_extensions"]}
    answer = json.loads(fetch(f"{base}/assignments/validate", f"path={NAME}".encode(), token))
    assert answer["success"] is True
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{base}/formgrader", token=token)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(f"{base}/api/contents")
    server.terminate()
    deadline = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.poll() is not None, "a request to stop reaches JupyterLab"
