"""How to run a command as the other kind of user: as nobody where the tests run as root, as root where they do not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOBODY = "65534"
ENVIRONMENT = [
    "env",
    "-i",
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "HOME=/tmp",
    "LANG=C.UTF-8",
    "PYTHONDONTWRITEBYTECODE=1",
]
OTHER = "nobody" if os.geteuid() == 0 else "root"


def run_as_other_user(arguments: list[str]) -> subprocess.CompletedProcess:
    """Run this Python with `arguments` in the course's folder, as the user OTHER, and without this environment."""
    command = [*prefix(), *ENVIRONMENT, f"PYTHONPATH={ROOT}", sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def why_not() -> str:
    """Why nothing can be run as the user OTHER, in a sentence; "" where it can."""
    for program in ("bwrap", "setpriv") if OTHER == "nobody" else ("sudo",):
        if shutil.which(program) is None:
            return f"running as {OTHER} needs the program {program}"
    tried = run_as_other_user(["-c", "import autograder.lesson"])
    if tried.returncode == 0:
        return ""
    said = tried.stderr.strip().splitlines() or ["no reason given"]
    return f"nothing can be run as {OTHER} here: {said[-1]}"


def prefix() -> list[str]:
    """What to put before a command to run it as the user OTHER.

    Folders that are closed to nobody, such as /root, are shown to it in a mount namespace: what Python needs of them.
    """
    if OTHER == "root":
        return ["sudo", "-n"]
    shown, needed = [], [Path(sys.base_prefix), Path(sys.prefix), ROOT]
    for closed in sorted({found for path in needed for found in closed_above(path)}):
        shown += ["--perms", "0755", "--tmpfs", str(closed)]
        inside = [path for path in needed if path.is_relative_to(closed)]
        for folder in sorted({folder for path in inside for folder in path.parents if folder.is_relative_to(closed)}):
            shown += ["--perms", "0755", "--dir", str(folder)]
        for path in sorted(inside):
            shown += ["--ro-bind", str(path), str(path)]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    return ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", *shown, "--", *drop]


def closed_above(path: Path) -> list[Path]:
    """The topmost folder on the way to `path` that others may not enter, in a list; empty where there is none."""
    above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
    return above[:1]
