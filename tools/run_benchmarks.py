"""Run the side-by-side measurements in benchmarks/ one after the other: what `make bench` runs.

    python tools/run_benchmarks.py [NAME ...]     such as animation; all by default

Writes nothing itself; each benchmark's docstring says what that one does. Exit code 0 when all of them ended well, 1
when one failed, 2 for wrong use.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(names: list[str]) -> int:
    """Run the benchmarks called `names`, or all; returns the exit code."""
    scripts = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("[!_]*.py"))}
    unknown = [name for name in names if name not in scripts]
    if unknown or not scripts:
        wrong = f"There is no benchmark {unknown[0]!r}" if unknown else "benchmarks/ holds no benchmark"
        print(f"{wrong}: choose from {', '.join(scripts) or 'a fresh copy of the course'}.", file=sys.stderr)
        return 2
    failed = []
    for name in names or scripts:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, str(scripts[name])], cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
