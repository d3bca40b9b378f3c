"""The outer sandbox: a process with the grader's Python and nothing else of the machine, by bubblewrap.

`start` runs a Python module in it. No network, no environment variables, processes of its own; of the file system the
system's libraries, this Python with its packages, `embedlab` and `autograder`, all read-only, and an empty /tmp.
Started as root, what runs inside becomes nobody. `why_not` says what to install where this cannot be had. Only inside
`left_out`, which somebody has to ask for, does `start` run a module with the powers of the grader.
"""

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import embedlab

COURSE = Path(embedlab.__file__).resolve().parents[1]
INSIDE = "/course"
ENVIRONMENT_INSIDE = "/environment"
PACKAGES = ("embedlab", "autograder", "data")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONPATH": INSIDE,
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "MPLBACKEND": "Agg",
    "EMBEDLAB_CHECK_KEY": "",
    # One thread, whatever a lesson asks for: only a process with one thread can be forked safely.
    **dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
NOT_LINUX = "Grading needs Linux, for its sandbox: use the container that Dockerfile describes."
UNSAFE = "--unsafe"
RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


class _Wanted:
    """Whether `start` makes a sandbox; not so inside `left_out`."""

    sandbox = True


@contextlib.contextmanager
def left_out():
    """Have `start` make no sandbox meanwhile: what answers do is then done with the grader's own powers."""
    _Wanted.sandbox = False
    try:
        yield
    finally:
        _Wanted.sandbox = True


def start(module: str, end: socket.socket) -> subprocess.Popen:
    """Start `python -m module DESCRIPTOR` in the sandbox, with its `end` of a socket."""
    inner = ["-m", module, str(end.fileno())]
    if _Wanted.sandbox:
        inner, environment, folder = [*command(), *inner], {}, "/"
    else:
        inner, environment = [sys.executable, *inner, UNSAFE], {**ENVIRONMENT, "PYTHONPATH": str(COURSE)}
        folder = tempfile.gettempdir()
    return subprocess.Popen(
        inner, pass_fds=[end.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=environment, cwd=folder,
    )  # fmt: skip


def command() -> list[str]:
    """The bubblewrap command line that runs this Python, up to Python's own arguments."""
    found = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    found += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        found += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        found += ["--unshare-user"]
    for name, value in ENVIRONMENT.items():
        found += ["--setenv", name, value]
    for folder in map(Path, SYSTEM):
        if folder.is_symlink():
            found += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            found += ["--ro-bind", str(folder), str(folder)]
    for setting in SETTINGS:
        found += ["--ro-bind-try", setting, setting]
    found += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    shown, python = {}, sys.executable
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        shown[sys.base_prefix] = sys.base_prefix
    if sys.prefix != sys.base_prefix:  # wherever it lies, also below /tmp
        shown[sys.prefix] = ENVIRONMENT_INSIDE
        python = f"{ENVIRONMENT_INSIDE}/{Path(sys.executable).relative_to(sys.prefix)}"
    shown |= {str(COURSE / name): f"{INSIDE}/{name}" for name in PACKAGES if (COURSE / name).is_dir()}
    for folder in sorted({str(parent) for place in shown.values() for parent in Path(place).parents} - {"/"}):
        found += ["--perms", "0755", "--dir", folder]
    for folder, place in shown.items():
        found += ["--ro-bind", folder, place]
    return [*found, "--remount-ro", "/", "--chdir", "/tmp", python]


def why_not() -> str:
    """Why there can be no sandbox on this machine, and what to do, in a sentence; "" where there can be one."""
    if platform.system() != "Linux":
        return NOT_LINUX
    if shutil.which("bwrap") is None:
        return (
            "Grading needs bubblewrap, for its sandbox: install it, for example with `sudo apt-get install bubblewrap`."
        )
    if Path(sys.base_prefix).is_relative_to("/tmp"):
        return f"The sandbox hides /tmp, where this Python is ({sys.base_prefix}): install Python elsewhere."
    tried = subprocess.run([*command(), "-m", "autograder.probe"], capture_output=True, text=True, env={})
    if tried.returncode == 0:
        return ""
    reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    if RESTRICTED.is_file() and RESTRICTED.read_text().strip() == "1":
        return (
            "This system forbids user namespaces to ordinary programs, and the sandbox needs them: allow them to bwrap "
            f"and Python by an AppArmor profile, as README.md says ({reason})."
        )
    return (
        f"The sandbox cannot be started here: {reason}. Are user namespaces allowed (sysctl user.max_user_namespaces)?"
    )
