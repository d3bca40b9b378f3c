"""Open the lessons in JupyterLab: what `make lab` runs.

    python tools/open_lab.py [LESSON] [--take LESSON] [--port PORT] [JupyterLab's own options, as --name=value]

What it does to the world:

- copies into work/ what is missing there from notebooks/; it never overwrites a file of work/;
- notes in work/.releases.json which release of each file it copied. Where a newer release exists it says which lesson
  changed; `--take LESSON` then moves your file aside, as LESSON.mine-1.ipynb, and copies the new one;
- writes JupyterLab's settings for students into work/.jupyter (the instructor's panels are hidden) and starts
  JupyterLab with the folder work/ on LESSON, or on the first lesson, until Ctrl-C.

It opens a browser where there is a screen; elsewhere it prints the address. Exit code 2 for wrong use.
"""

import argparse
import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_PORT = 8888
HIDDEN_PANELS = [
    "@jupyter/nbgrader:assignment-list",
    "@jupyter/nbgrader:course-list",
    "@jupyter/nbgrader:create-assignment",
    "@jupyter/nbgrader:formgrader",
    "@jupyter/nbgrader:menu",
    "@jupyterlab/apputils-extension:announcements",
]
HIDDEN_SERVICES = ["assignment_list", "course_list", "formgrader"]


class LabError(Exception):
    """What went wrong and what to do, in one sentence."""


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def released_files(root: Path) -> dict[str, list[str]]:
    """For each lesson in notebooks/, its files as paths relative to notebooks/; LabError where there is no lesson."""
    notebooks = root / "notebooks"
    lessons = sorted(folder for folder in notebooks.glob("[0-9]*") if (folder / f"{folder.name}.ipynb").is_file())
    if not lessons:
        raise LabError(f"There are no lessons in {notebooks}: run `make build`, or get a fresh copy of the course.")
    return {
        folder.name: [
            path.relative_to(notebooks).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".ipynb_checkpoints" not in path.parts
        ]
        for folder in lessons
    }


def read_releases(work: Path) -> dict[str, str]:
    """{file: digest of the release that was copied}; empty where nothing was noted or the note cannot be read."""
    try:
        return json.loads((work / ".releases.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves the old one or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def aside(path: Path) -> Path:
    """The first free name LESSON.mine-N.ipynb beside a file."""
    number = 1
    while (free := path.with_name(f"{path.stem}.mine-{number}{path.suffix}")).exists():
        number += 1
    return free


def copy_lessons(root: Path, take: str | None = None) -> list[str]:
    """Bring work/ up to date without overwriting anything; returns what there is to say, a line each.

    `take` names the lesson whose newer release is wanted. LabError where it does not exist.
    """
    lessons = released_files(root)
    if take is not None and take not in lessons:
        raise LabError(f"There is no lesson {take!r}: --take one of {', '.join(lessons)}.")
    work = root / "work"
    work.mkdir(exist_ok=True)
    releases, said = read_releases(work), []
    for lesson, files in lessons.items():
        changed, copied = [], 0
        for name in files:
            released, mine = root / "notebooks" / name, work / name
            release = digest(released)
            if mine.exists() and digest(mine) != release:
                if lesson != take:
                    if releases.get(name, release) != release:
                        changed.append(name)
                    continue
                kept = aside(mine)
                mine.rename(kept)
                said.append(f"{name} is a fresh copy now; yours is {kept.relative_to(root).as_posix()}.")
            if not mine.exists():
                write_whole(mine, released.read_bytes())
                copied += 1
            releases[name] = release
        if copied and lesson != take:
            said.append(f"Copied {lesson} into work/.")
        if lesson == take and not copied:
            said.append(f"work/{lesson} already holds the newest release; nothing to take.")
        if changed:
            untouched = all(digest(work / name) == releases[name] for name in changed)
            yours = "yours is unchanged since it was copied" if untouched else "what you wrote is kept beside it"
            command = 'make lab ARGS="{}"' if "MAKELEVEL" in os.environ else "python tools/open_lab.py {}"
            said.append(f"{lesson} has a newer release; to take it ({yours}): {command.format('--take ' + lesson)}")
    write_whole(work / ".releases.json", (json.dumps(releases, indent=1, sort_keys=True) + "\n").encode())
    return said


def write_settings(work: Path) -> Path:
    """Hide what only instructors use, and the news question, from the students' JupyterLab; returns the folder."""
    settings = work / ".jupyter"
    page = {"disabledExtensions": dict.fromkeys(HIDDEN_PANELS, True)}
    services = {f"nbgrader.server_extensions.{name}": False for name in HIDDEN_SERVICES}
    write_whole(settings / "labconfig" / "page_config.json", json.dumps(page, indent=1).encode())
    server = {"ServerApp": {"jpserver_extensions": services}}
    write_whole(settings / "jupyter_server_config.d" / "zz_course.json", json.dumps(server, indent=1).encode())
    return settings


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of this machine; LabError where it may not for another reason."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if os.name != "nt":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except PermissionError as error:
            raise LabError(f"Port {port} needs an administrator: choose one above 1023, as in PORT=8899.") from error
        except OSError:
            if family == socket.AF_INET:
                return False
            # No IPv6 here is no reason to refuse; a port that is taken there is.
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=0.2):
                return False
    return True


def choose_port(asked: int | None) -> int:
    """The port that was asked for, or the first free one from 8888; LabError where it is in use."""
    if asked is None:
        for port in range(FIRST_PORT, FIRST_PORT + 50):
            if port_is_free(port):
                return port
        raise LabError(f"Ports {FIRST_PORT} to {FIRST_PORT + 49} are all in use: name a free one with PORT=.")
    if not port_is_free(asked):
        raise LabError(f"Port {asked} is in use: stop what runs there, or choose another, as in PORT={asked + 1}.")
    return asked


def has_screen() -> bool:
    """Whether a browser that is opened here would be seen by whoever typed the command."""
    if "CI" in os.environ:
        return False
    if "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        return True
    return sys.platform in ("darwin", "win32") and "SSH_CONNECTION" not in os.environ


def answers(port: int) -> bool:
    """Whether something listens on this port by now."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=0.5):
        return True
    return False


def open_lab(root: Path, lesson: str, port: int, extra: list[str]) -> int:
    """Run JupyterLab until it ends; prints its address once it answers. Returns its exit code."""
    work = root / "work"
    environment = dict(os.environ)
    environment.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
    # As an activated environment has it: nbgrader starts its helpers by their names.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    paths = [str(write_settings(work)), environment.get("JUPYTER_CONFIG_PATH", "")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    page = f"/lab/tree/{lesson}/{lesson}.ipynb"
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={work}", f"--LabApp.default_url={page}"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--log-level=WARN", "--LabApp.log_level=WARN"]
    if not has_screen():
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    print("Starting JupyterLab ...", flush=True)
    # Started in the course's folder: the Validate button reads nbgrader_config.py from there.
    server = subprocess.Popen([*command, *extra], cwd=root, env=environment)
    # Ctrl-C reaches JupyterLab itself, which asks whether to stop; this script waits for its answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    while server.poll() is None and not answers(port):
        time.sleep(0.1)
    if server.poll() is None:
        url = f"http://localhost:{port}{page}?token={environment['JUPYTER_TOKEN']}"
        print(f"JupyterLab is at {url} (Ctrl-C stops it)", flush=True)
    return server.wait()


def port_number(text: str) -> int:
    """A port from the command line; ArgumentTypeError where it is none."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1024 to 65535, as in PORT=8899")
    return int(text)


def main(arguments: list[str]) -> int:
    """Copy, say what is new, open JupyterLab; returns its exit code, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description="Open the lessons in JupyterLab.", allow_abbrev=False)
    parser.add_argument("lesson", nargs="?", help="the lesson to open, such as 01_logistic_regression")
    parser.add_argument("--take", metavar="LESSON", help="take a lesson's newer release; yours is kept beside it")
    parser.add_argument("--port", type=port_number, help="the port to use; one that is in use is refused")
    parser.add_argument("--copy-only", action="store_true", help="bring work/ up to date and open nothing")
    options, extra = parser.parse_known_args(arguments)
    try:
        lessons = list(released_files(ROOT))
        lesson = options.lesson or options.take or lessons[0]
        if lesson not in lessons:
            raise LabError(
                f"There is no lesson {lesson!r}: open one of {', '.join(lessons)} (JupyterLab's own options are "
                "written --name=value)."
            )
        port = None if options.copy_only else choose_port(options.port)
        for line in copy_lessons(ROOT, options.take):
            print(line)
        return 0 if port is None else open_lab(ROOT, lesson, port, extra)
    except LabError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(
            f"{error.filename or ROOT / 'work'} cannot be used ({error.strerror}): copy the course to a folder of your "
            "own, or move away what is in the way.",
            file=sys.stderr,
        )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
