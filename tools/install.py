"""Make the course's environment: the folder .venv with exactly the versions of requirements.lock.

What it does to the world: creates .venv beside the Makefile and fills it with pip, and makes the course's own packages
importable in it. When .venv is up to date it does nothing, at once; when an earlier run was interrupted or failed, it
mends what is there. It replaces a .venv that is broken or was moved. pip's own words go to .venv/install.log.

Needs nothing but Python 3.11 to 3.13, on Linux, macOS or Windows: `python3.11 tools/install.py`.
On Linux without an NVIDIA device PyTorch comes from its CPU index, which spares gigabytes of GPU packages; the
environment variable TORCH_INDEX names another one (a mirror, say). pip's settings (PIP_INDEX_URL, ...) are honoured.
"""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.stderr.write(
        "The course needs Python 3.11, 3.12 or 3.13, and this is {}.{}: install one of them and run it by its name, "
        "such as `make lab PYTHON=python3.11` or `python3.11 tools/install.py`.\n".format(*sys.version_info[:2])
    )
    sys.exit(2)

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"
LOG = VENV / "install.log"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OLD_MAC = "PyTorch is no longer built for Macs with an Intel processor: use another machine or an arm64 Python."
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|ProxyError|SSLError|ConnectionResetError"
)
# Names the packages whose files are not all there: what an interrupted pip leaves behind.
FIND_BROKEN = """
from importlib.metadata import distributions
import pip
for found in distributions():
    files = found.files
    if not files or any(file.suffix != ".pyc" and not file.locate().exists() for file in files):
        print(found.metadata["Name"] if found.metadata else found)
"""


class InstallError(Exception):
    """What went wrong and what to do, in one sentence."""


def wanted() -> str:
    """What a finished environment is stamped with: everything that it was made from, and where it stands."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return f"{digest.hexdigest()}\n{ROOT}\n"


def installed() -> str:
    """The stamp of the environment that is there, or "" where none was finished."""
    try:
        return STAMP.read_text(encoding="utf-8") if PYTHON.exists() else ""
    except OSError:
        return ""


def say(text: str) -> None:
    """One line of progress, at once, also through a pipe."""
    print(text, flush=True)


def check_python() -> None:
    """InstallError unless this Python can make environments and is the one that an existing .venv was made with."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise InstallError(f"This Python lacks its venv module: on Debian or Ubuntu run `sudo apt install {name}`.")
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise InstallError(OLD_MAC)
    try:
        settings = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return
    there = re.search(r"^version\s*=\s*(\d+\.\d+)", settings, re.MULTILINE)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if there and there[1] != here and PYTHON.exists():
        raise InstallError(f".venv was made with Python {there[1]} and this is {here}: remove .venv to change.")


def is_sound() -> bool:
    """Whether .venv has a Python that starts, pip, and no half-installed package."""
    if not PYTHON.exists() or STAMP.exists() and not installed().endswith(f"\n{ROOT}\n"):
        return False
    found = subprocess.run([str(PYTHON), "-I", "-c", FIND_BROKEN], capture_output=True, text=True)
    return found.returncode == 0 and not found.stdout.strip()


def make_venv() -> None:
    """Leave a sound .venv there, a new one where the present one is missing or broken."""
    if is_sound():
        return
    if VENV.is_symlink() or VENV.exists() and not (VENV / "pyvenv.cfg").exists():
        raise InstallError(f"{VENV} is there but is no Python environment: move it away and repeat.")
    if not os.access(ROOT, os.W_OK):
        raise InstallError(f"The folder {ROOT} cannot be written: copy the course to a folder of your own and repeat.")
    if VENV.exists():
        say("Removing a broken .venv ...")
        shutil.rmtree(VENV)
    say("1/4 Making .venv ...")
    # Started from .venv's own Python, the one below it makes the new environment.
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        words = (made.stdout + made.stderr).strip().splitlines() or ["no reason given"]
        raise InstallError(f"{base} could not make {VENV}: {words[-1]}")


def pip(*arguments: str) -> None:
    """Run pip in .venv, its words going to the log. InstallError with a sentence where it fails."""
    environment = {**os.environ, "PIP_USER": "0"}
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        environment.pop(name, None)
    command = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", *arguments]
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        start = log.tell()
        code = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log).returncode
    if code:
        with LOG.open(encoding="utf-8", errors="replace") as log:
            log.seek(start)
            raise InstallError(explain(log.read()))


def explain(words: str) -> str:
    """One sentence for what pip printed before it failed."""
    where = f"pip's own words are in {LOG}."
    if "No space left on device" in words:
        return f"The disk is full: free about 2 GB and repeat; {where}"
    if NO_NETWORK.search(words):
        return f"The packages could not be fetched: connect to the internet (or set PIP_INDEX_URL) and repeat; {where}"
    errors = re.findall(r"^ERROR: (.*)", words, re.MULTILINE) or words.strip().splitlines()[-1:] or ["no reason given"]
    return f"pip failed: {errors[-1].rstrip('.')}; {where}"


def torch_index() -> str:
    """The package index that PyTorch comes from; "" for pip's default one."""
    if "TORCH_INDEX" in os.environ:
        return os.environ["TORCH_INDEX"]
    has_gpu = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists()
    return CPU_INDEX if platform.system() == "Linux" and not has_gpu else ""


def fill_venv() -> None:
    """Install the locked versions and the course's own packages into .venv."""
    install = ("install", "--progress-bar", "off", "--retries", "2", "--timeout", "15")
    index = torch_index()
    if index:
        lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
        torch = re.search(r"^torch==\S+", lock, re.MULTILINE)
        if not torch:
            raise InstallError("requirements.lock names no torch: get a fresh copy of it.")
        say("2/4 Installing PyTorch for the CPU (about 200 MB) ...")
        pip(*install, "--no-deps", "--index-url", index, torch[0])
    say("3/4 Installing the other packages (about 300 MB; a few minutes the first time) ...")
    pip(*install, "-r", "requirements.lock")
    say("4/4 Installing the course itself ...")
    pip(*install, "--no-deps", "--no-build-isolation", "-e", ".")
    pip("check")


def main() -> int:
    """Bring .venv up to date; 0 when it is, 2 with a sentence when it cannot be."""
    if len(sys.argv) > 1:
        print(f"tools/install.py takes no arguments, and got {sys.argv[1]!r}: run it alone.", file=sys.stderr)
        return 2
    started = time.monotonic()
    try:
        check_python()
        stamp = wanted()
        if installed() == stamp:
            if "MAKELEVEL" not in os.environ:
                say(".venv is up to date.")
            return 0
        make_venv()
        STAMP.unlink(missing_ok=True)
        LOG.write_text("", encoding="utf-8")
        fill_venv()
        STAMP.write_text(stamp, encoding="utf-8")
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    except FileNotFoundError as error:
        print(f"{error.filename} is missing: get a fresh copy of the course.", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or VENV} cannot be written ({error.strerror}): mend that and repeat.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted: the same command goes on where this one stopped.", file=sys.stderr)
        return 130
    say(f".venv is ready, after {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
