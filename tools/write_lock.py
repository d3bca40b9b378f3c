"""Write requirements.lock: the exact version of everything that pyproject.toml needs, directly or through others.

What it does to the world: writes requirements.lock. Versions are those installed in the environment that runs it.
Packages that only another system needs (appnope on macOS, pywinpty on Windows) are not installed here: they keep
their version in the present lock, and a new one is looked up with `pip index versions` and taken as needing nothing
more itself.

To move to newer versions: edit the pins in pyproject.toml, install them, run this, and `make test`.
"""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
SYSTEMS = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}
PYTHONS = ("3.11", "3.12", "3.13")
# Markers in the order in which they are preferred; a package whose environments none of them describes is an error.
MARKERS = [
    'sys_platform == "win32"',
    'sys_platform == "darwin"',
    'sys_platform == "linux"',
    'sys_platform != "win32"',
    'sys_platform != "darwin"',
    'python_version < "3.12"',
    'python_version < "3.13"',
    'python_version >= "3.12"',
    'python_version >= "3.13"',
]
# What PyTorch's builds for NVIDIA devices bring along; the course needs no GPU.
GPU_PACKAGES = ("nvidia-", "cuda-", "triton")
HEADER = """\
# Exact versions of everything the course needs, on Linux, macOS and Windows with Python 3.11 to 3.13.
# Written by tools/write_lock.py from pyproject.toml; do not edit.
"""


def environments() -> dict[tuple[str, str], dict[str, str]]:
    """Every (system, Python version) that the course runs on, with the values that markers are evaluated against."""
    return {
        (system, python): {
            "sys_platform": system,
            "os_name": SYSTEMS[system][0],
            "platform_system": SYSTEMS[system][1],
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        for system, python in product(SYSTEMS, PYTHONS)
    }


def direct_requirements(root: Path = ROOT) -> list[Requirement]:
    """pyproject.toml's dependencies, those of its extras, and its build requirements (for `pip install -e .`)."""
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    extras = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    return [Requirement(line) for line in project["dependencies"] + extras + pyproject["build-system"]["requires"]]


def closure(environment: dict[str, str], direct: list[Requirement]) -> dict[str, set[str]]:
    """Canonical names of all packages needed in `environment`, each with the extras that are asked of it."""
    needed: dict[str, set[str]] = {}
    queue = list(direct)
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        new_extras = requirement.extras - needed.get(name, set())
        if name.startswith(GPU_PACKAGES) or name in needed and not new_extras:
            continue
        needed.setdefault(name, set()).update(new_extras)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for line in lines:
            child = Requirement(line)
            asked = [""] + sorted(needed[name])
            if not child.marker or any(child.marker.evaluate({**environment, "extra": extra}) for extra in asked):
                queue.append(child)
    return needed


def read_lock(text: str) -> dict[str, tuple[str, str, str]]:
    """The lines of a lock as {canonical name: (name, version, marker or "")}."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    parsed = [Requirement(line) for line in lines]
    return {
        canonicalize_name(one.name): (one.name, next(iter(one.specifier)).version, str(one.marker or ""))
        for one in parsed
    }


def newest_version(name: str) -> str:
    """The newest version of a package that is not installed here. SystemExit where pip cannot find one."""
    found = subprocess.run([sys.executable, "-m", "pip", "index", "versions", name], capture_output=True, text=True)
    match = re.search(r"\((.+?)\)", found.stdout)
    if not match:
        raise SystemExit(f"pip found no version of {name}: {found.stderr.strip()}")
    return match[1]


def marker(name: str, where: set[tuple[str, str]]) -> str:
    """The shortest marker that is true exactly in the environments `where`; "" where that is all of them."""
    every = environments()
    if where == set(every):
        return ""
    for candidate in MARKERS:
        evaluated = Requirement(f"x; {candidate}").marker
        if where == {key for key, values in every.items() if evaluated.evaluate(values)}:
            return candidate
    raise SystemExit(f"No marker in tools/write_lock.py describes where {name} is needed: {sorted(where)}; add one.")


def supports_oldest_patch(name: str) -> None:
    """SystemExit where the installed `name` refuses a Python of PYTHONS in its first patch release (Debian: 3.11.2)."""
    try:
        metadata_of = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return
    asked = metadata_of.get("Requires-Python") or ""
    for python in PYTHONS:
        if not SpecifierSet(asked).contains(f"{python}.0"):
            raise SystemExit(f"{name} {metadata_of['Version']} needs Python {asked}: install an older version of it.")


def lock_text(present: str = "") -> str:
    """The text of requirements.lock; `present` is the present lock, for packages that are not installed here."""
    direct = direct_requirements()
    where: dict[str, set[tuple[str, str]]] = {}
    for key, environment in environments().items():
        for name in closure(environment, direct):
            where.setdefault(name, set()).add(key)
    locked = read_lock(present)
    lines = []
    for name in sorted(where):
        try:
            package = metadata.distribution(name)
            shown, version = package.name, package.version.split("+")[0]
        except metadata.PackageNotFoundError:
            shown, version = locked[name][:2] if name in locked else (name, newest_version(name))
        condition = marker(name, where[name])
        supports_oldest_patch(name)
        lines.append(f"{shown}=={version}" + (f"; {condition}" if condition else ""))
    return HEADER + "\n".join(lines) + "\n"


def main() -> None:
    """Write requirements.lock and say how many packages it holds."""
    text = lock_text(LOCK.read_text(encoding="utf-8") if LOCK.exists() else "")
    LOCK.write_text(text, encoding="utf-8", newline="\n")
    print(f"Wrote requirements.lock: {len(read_lock(text))} packages.")


if __name__ == "__main__":
    main()
