"""A gradebook on a PostgreSQL server: the same class gets the same marks as in SQLite, and keeps them.

The server is a real one of the system's package, started for these tests in a temporary folder, on loopback.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from gradebooks import dump
from nbgrader.api import Gradebook
from sandboxed import needs_sandbox
from small_course import CHAPTER, hand_in, make_course

from autograder.__main__ import main
from autograder.grade import grade

PASSWORD = "a-password-for-the-tests"


def programs() -> Path | None:
    """The folder of the newest PostgreSQL server here, which Debian keeps off PATH; None where there is none."""
    known = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = Path(known) if known else installed[-1] if installed else None
    return found.parent if found else None


pytestmark = [
    needs_sandbox,
    pytest.mark.skipif(
        programs() is None, reason="needs PostgreSQL: install it with `sudo apt-get install postgresql`"
    ),
]


@pytest.fixture(scope="module")
def server():
    """The URL of an empty database on a server of its own, which nobody runs when we are root: it refuses to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            os.chown(path, *(owner.pw_uid, owner.pw_gid) if owner else (-1, -1))
        initdb = [programs() / "initdb", "--pgdata", folder / "data", "--username", "grader", "--encoding", "UTF8"]
        initdb += ["--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", folder / "password", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_owner)
        command = [
            programs() / "postgres",
            "-D",
            folder / "data",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            folder,
            "-F",
        ]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_owner)
        try:
            connect(port, "postgres", process, folder / "log").execute("CREATE DATABASE gradebook")
            yield f"postgresql+psycopg://grader:{PASSWORD}@127.0.0.1:{port}/gradebook"
        finally:
            process.terminate()
            process.wait(30)


def connect(port, database, process, log):
    """A connection to the server, as soon as it answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(
                host="127.0.0.1", port=port, user="grader", password=PASSWORD, dbname=database, autocommit=True
            )
        except psycopg.OperationalError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class of six, one of them with a name of other letters, one with a file that is no notebook."""
    root = make_course(tmp_path_factory.mktemp("courses") / "postgresql")
    hand_in(root, "ada", "def double(x):\n    return x + x", "Since x + x is 2 x.")
    hand_in(root, "bob", "def double(x):\n    return 6.0 if x else 0.0")
    hand_in(root, "Łucja Żółć 東京 🙂", "def double(x):\n    return 2 * x").with_name("timestamp.txt").write_text(
        "2026-03-01 12:00:00 UTC"
    )
    hand_in(root, "untouched")
    hand_in(root, "not_json").write_text("{")
    hand_in(root, "nul", 'def double(x):\n    """\0"""\n    raise ValueError("\\0")', "nothing\0at all")
    return root


def test_the_same_class_gets_the_same_marks_and_keeps_them(course, server, capsys):
    grading = grade(course)
    in_sqlite, csv = dump(course), (course / "grades.csv").read_text()
    assert {row.student: row.score for row in grading.rows}["ada"] == 2

    on_server = shutil.copytree(course, course.with_name("server"))
    (on_server / "gradebook.db").unlink()
    shutil.rmtree(on_server / "autograded")
    assert main(["grade", "--root", str(on_server), "--db", server]) == 1
    assert dump(on_server, server) == in_sqlite
    assert (on_server / "grades.csv").read_text() == csv and not (on_server / "gradebook.db").exists()

    with Gradebook(server) as gradebook:
        found = gradebook.find_grade("why", CHAPTER, CHAPTER, "ada")
        found.manual_score, found.needs_manual_grade = 2.5, False
        gradebook.db.commit()
    assert grade(on_server, db_url=server).moved == []
    (row,) = grade(on_server, students=["ada"], db_url=server, force=True).rows
    assert row.score == 4.5
    assert PASSWORD not in "".join(capsys.readouterr())


def test_a_wrong_password_is_refused_without_showing_it(course, server, capsys):
    wrong = server.replace(PASSWORD, "another-password")
    assert main(["grade", "--root", str(course), "--db", wrong]) == 2
    error = capsys.readouterr().err
    assert "password authentication failed" in error and "another-password" not in error and error.count("\n") == 1
