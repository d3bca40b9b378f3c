"""Run every test of the course: what `make test` and continuous integration run.

    python tools/run_tests.py                 what is run on every change, in a quarter of an hour
    python tools/run_tests.py --all           each known answer and mutant too (tests/extent.py), in about an hour
    python tools/run_tests.py PYTEST-OPTIONS  only what these options of pytest choose in tests/, for work on one thing

Options of pytest may follow --all.

It runs pytest over tests/; nbval over solutions/, which executes every solved notebook and compares its outputs with
the committed ones; and ruff. It ends with what was skipped and why, the slowest tests, and one line of totals. Exit
code 0 when all that ran passed, 1 otherwise, also when nothing was executed.

What it does to the world: on Debian and Ubuntu it installs the system packages that tests need and that are missing,
as root or with a sudo that asks no password; elsewhere it names the command, and those tests are skipped.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class SystemNeed:
    """A program that is no Python package: any of `programs` will do; `packages` are Debian's, `snap` is Ubuntu's."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    snap: str | None
    tests: str


NEEDS = [
    SystemNeed(
        programs=("chromium", "chromium-browser", "google-chrome"),
        packages=("chromium", "chromium-sandbox", "fonts-liberation"),
        snap="chromium",  # Ubuntu's package of this name only starts snap, which waits for a daemon
        tests="tests/test_browser.py",
    ),
    SystemNeed(
        programs=("bwrap",),
        packages=("bubblewrap",),
        snap=None,
        tests="tests/test_attacks.py",
    ),
    SystemNeed(
        programs=("pg_ctlcluster", "initdb"),  # Debian keeps the server itself off PATH
        packages=("postgresql",),
        snap=None,
        tests="tests/test_postgresql.py",
    ),
]


@dataclass
class Totals:
    """What ran: counts, (seconds, test) pairs, and why tests were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    times: list[tuple[float, str]] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def fail(self, complaint: str) -> None:
        """Count one failure that no test reported."""
        self.failed += 1
        self.complaints.append(complaint)


def debian_family() -> str:
    """The system's family by its own words: "debian", "ubuntu", or "" for any other."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    family = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((name for name in ("ubuntu", "debian") if name in family), "")


def administrator() -> list[str] | None:
    """What to put before a command to run it as root without a question: nothing, sudo, or None where neither works."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def apt_get(*arguments: str, prefix: list[str]) -> bool:
    """Whether apt-get did this, without questions and within ten minutes."""
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    command += ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=120"]
    try:
        done = subprocess.run([*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def provide(need: SystemNeed) -> str:
    """Install what is missing where that may be done; returns what is still to do, as a sentence, or ""."""
    if any(shutil.which(program) for program in need.programs):
        return ""
    family, prefix = debian_family(), administrator()
    if family == "ubuntu" and need.snap:
        return f"{need.tests} needs a program that is not here: `sudo snap install {need.snap}`."
    if family and prefix is not None and shutil.which("apt-get"):
        print(f"Installing {need.packages[0]}, which {need.tests} needs ...", flush=True)
        install = ("install", "--no-install-recommends", *need.packages)
        # A list of packages that is missing or old is the usual reason for a failure.
        if apt_get(*install, prefix=prefix) or apt_get("update", prefix=prefix) and apt_get(*install, prefix=prefix):
            return ""
    if family:
        return f"{need.tests} needs a program that is not here: `sudo apt-get install {' '.join(need.packages)}`."
    return f"{need.tests} needs one of these programs, and none is here: {', '.join(need.programs)}."


def environment() -> dict[str, str]:
    """The environment of the tests: activated (nbgrader starts alembic by its name), free of make's settings."""
    cleared = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS", "PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in cleared}
    return {**kept, "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])}


# Two files at a time; one thread in each, because PyTorch's threads get in each other's way where cores are few.
PARALLEL = ["--numprocesses=2", "--dist=loadfile"]
EVERYTHING = {"EMBEDLAB_TEST_ALL": "1"}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_pytest(what: str, arguments: list[str], totals: Totals) -> None:
    """Run pytest, its output shown as it comes, and add what its report says to `totals`."""
    print(f"\n== {what}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
        code = subprocess.run(command, cwd=ROOT, env=environment() | ONE_THREAD).returncode
        failed, passed = totals.failed, totals.passed
        if report.exists():
            add_report(report, totals)
    if totals.passed == passed:
        totals.fail(f"Nothing was executed by {what}.")
    elif code and totals.failed == failed:
        totals.fail(f"pytest ended with exit code {code} in {what}.")


def add_report(report: Path, totals: Totals) -> None:
    """Add the tests of a JUnit report to `totals`."""
    for test in ElementTree.parse(report).iter("testcase"):
        totals.times.append((float(test.get("time", 0)), f"{test.get('classname')}::{test.get('name')}"))
        skipped = test.find("skipped")
        if test.find("failure") is not None or test.find("error") is not None:
            totals.failed += 1
        elif skipped is not None:
            totals.skipped += 1
            totals.reasons[skipped.get("message") or "no reason given"] += 1
        else:
            totals.passed += 1


def run_ruff(totals: Totals) -> None:
    """Run ruff over the whole project, as one test."""
    print("\n== ruff", flush=True)
    if subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT).returncode:
        totals.fail("ruff found something to mend.")
    else:
        totals.passed += 1


def compared_exactly() -> bool:
    """Whether this is the platform whose outputs are committed."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def run_every_file(totals: Totals) -> list[str]:
    """All files of tests, into `totals`; returns what there is to say about this machine."""
    notes = [note for note in map(provide, NEEDS) if note]
    if not EVERYTHING.items() <= os.environ.items():
        notes.append("Some tests tried a part of their cases, and some were left out: `make test-all` runs all.")
    run_pytest("pytest over tests/", [*PARALLEL, "--no-loadscope-reorder", "tests"], totals)  # see conftest.py
    nbval = ["--nbval", *PARALLEL, "--nbval-current-env", "--nbval-cell-timeout=300", "solutions"]
    nbval.append("--nbval-sanitize-with=tests/nbval_sanitize.cfg")
    if not compared_exactly():
        nbval[0] = "--nbval-lax"
        notes.append(
            "The solved notebooks were executed but their outputs were not compared: they come from Linux on x86_64, "
            f"and this is {platform.system()} on {platform.machine()}."
        )
    run_pytest("nbval over solutions/", nbval, totals)
    run_ruff(totals)
    return notes


def summary(totals: Totals, notes: list[str]) -> str:
    """The closing words: the slowest tests, what was skipped and why, what went wrong, and the totals."""
    lines = ["", "Slowest tests:"]
    lines += [f"  {seconds:6.1f} s  {test}" for seconds, test in sorted(totals.times, reverse=True)[:10]]
    lines.append("Skipped:" if totals.reasons else "Skipped: nothing.")
    lines += [f"  {count} because {reason}" for reason, count in totals.reasons.most_common()]
    lines += [*notes, *totals.complaints]
    lines.append(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the tests, or those that `arguments` choose; 0 if all that ran passed and something did."""
    totals = Totals()
    if arguments[:1] == ["--all"]:
        os.environ.update(EVERYTHING)
        arguments = arguments[1:]
    if arguments:
        run_pytest("pytest " + " ".join(arguments), arguments, totals)
        notes = ["Only a part of the tests was asked for."]
    else:
        notes = run_every_file(totals)
    print(summary(totals, notes), flush=True)
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
