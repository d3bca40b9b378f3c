"""What a process sees from inside the outer sandbox, and what is said where there can be none."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandboxed import needs_sandbox

from autograder import sandbox


def inside(code):
    """What the code, run in the sandbox, left in `found`."""
    program = f"import json, os, sys\nfrom pathlib import Path\n{code}\nprint(json.dumps(found))"
    command = [*sandbox.command(), "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, env={"SECRET": "1", "PATH": "/secret"})
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@needs_sandbox
def test_the_file_system_holds_the_system_python_and_the_two_packages_only(tmp_path):
    places = [str(path) for path in (Path.home(), sandbox.COURSE, tmp_path, Path("/etc/passwd"), Path("/var"))]
    found = inside(f"""
found = {{
    "course": sorted(os.listdir("/course")),
    "etc": sorted(os.listdir("/etc")),
    "files": {{place: [str(p) for p in Path(place).rglob("*") if p.is_file()][:3] for place in {places}
              if not any(Path(p).is_relative_to(place) for p in (sys.prefix, sys.base_prefix))}},
    "tmp": os.listdir("/tmp"),
}}""")
    assert found["course"] == sorted(name for name in sandbox.PACKAGES if (sandbox.COURSE / name).is_dir())
    assert {f"/etc/{name}" for name in found["etc"]} <= set(sandbox.SETTINGS)
    assert not any(found["files"].values()) and found["tmp"] == []


@needs_sandbox
@pytest.mark.parametrize("name", ["source", ".git", "tests", "gradebook.db", ".course_secret", "submitted"])
def test_nothing_else_of_the_course_is_there(name):
    hidden = [str(sandbox.COURSE / name), f"/course/{name}", f"../{name}"]
    assert inside(f"found = [os.path.exists(place) for place in {hidden}]") == [False] * 3


@needs_sandbox
def test_an_environment_below_tmp_is_there_too(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment"], check=True)
    command = [
        tmp_path / "environment" / "bin" / "python",
        "-c",
        "from autograder import sandbox; print(sandbox.why_not())",
    ]
    environment = {**os.environ, "PYTHONPATH": str(sandbox.COURSE)}
    asked = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (asked.stdout, asked.stderr) == ("\n", "")


@needs_sandbox
def test_nothing_but_tmp_can_be_written():
    places = [
        "/",
        "/usr/lib",
        "/etc",
        "/course",
        "/course/embedlab",
        "/environment",
        sys.base_prefix,
        "/proc/sys/kernel",
    ]
    found = inside(f"""
def try_to_write(place):
    try:
        Path(place, "left").write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"
found = [try_to_write(place) for place in [*{places}, "/tmp"]]""")
    assert found[-1] == "written" and "written" not in found[:-1]


@needs_sandbox
def test_the_environment_is_the_graders_own_list():
    found = inside("found = dict(os.environ)")
    found.pop("PWD", None), found.pop("LC_CTYPE", None)
    assert found == sandbox.ENVIRONMENT


@needs_sandbox
def test_there_is_no_network_no_other_process_and_no_name_of_the_machine():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = inside(f"""
import socket
try:
    socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 1)
    reached = True
except OSError:
    reached = False
found = {{
    "reached": reached,
    "interfaces": [name for _, name in socket.if_nameindex()],
    "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "user": os.getuid(),
}}""")
    assert not found["reached"] and set(found["interfaces"]) <= {"lo"}
    assert max(found["processes"]) < 10 and os.getpid() not in found["processes"]


@needs_sandbox
def test_who_is_root_outside_becomes_nobody_inside():
    found = inside("""
from autograder import confine
confine.drop_root()
try:
    os.setuid(0)
except OSError:
    pass
found = [os.getuid(), os.geteuid(), os.getgid(), len(os.getgroups())]""")
    assert 0 not in found[:3]
    assert os.geteuid() != 0 or found == [65534, 65534, 65534, 0]


@needs_sandbox
def test_what_was_started_ends_with_its_socket_and_is_ended_by_killing_it():
    own, other = socket.socketpair()
    process = sandbox.start("autograder.lesson_process", other)
    other.close()
    own.settimeout(60)
    assert own.recv(1) == b"h"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    process.stderr.close()
    assert own.recv(100) != b"h" and children
    for _ in range(100):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children), "bubblewrap's own process went too"
    own.close()


@pytest.mark.parametrize(
    ("what", "replacement", "words"),
    [
        ("platform.system", lambda: "Darwin", "Grading needs Linux"),
        ("shutil.which", lambda program: None, "sudo apt-get install bubblewrap"),
        ("command", lambda: ["/bin/sh", "-c", "echo no way >&2; exit 1"], "cannot be started here: no way."),
        ("command", lambda: ["/bin/false"], "cannot be started here: no reason given."),
    ],
)
def test_why_there_is_no_sandbox_is_a_sentence_that_says_what_to_do(monkeypatch, what, replacement, words):
    if what != "platform.system":
        monkeypatch.setattr(sandbox.platform, "system", lambda: "Linux")
    if what == "command":
        monkeypatch.setattr(sandbox.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(f"autograder.sandbox.{what}", replacement)
    assert words in sandbox.why_not()


@pytest.mark.parametrize(("setting", "restricted"), [("1\n", True), ("0\n", False)])
def test_a_system_that_restricts_user_namespaces_is_named(monkeypatch, tmp_path, setting, restricted):
    (tmp_path / "restrict").write_text(setting)
    monkeypatch.setattr(sandbox, "RESTRICTED", tmp_path / "restrict")
    monkeypatch.setattr(sandbox.platform, "system", lambda: "Linux")
    monkeypatch.setattr(sandbox.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(sandbox, "command", lambda: ["/bin/sh", "-c", "echo mount: denied >&2; exit 1"])
    assert ("AppArmor" in sandbox.why_not()) == restricted and "mount: denied" in sandbox.why_not()
