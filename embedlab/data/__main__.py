"""python -m embedlab.data list | fetch NAME ... | verify: what a classroom needs before the network is gone.

list     the data sets with size, terms, and whether they are in the cache
fetch    takes data sets into the cache, from EMBEDLAB_MIRROR where that is set, else from the public hosts
verify   compares every file that is in the cache, and in a mirror that is a folder, with its checksum

A cache filled by `EMBEDLAB_CACHE=FOLDER python -m embedlab.data fetch NAME ...` is a mirror for others:
EMBEDLAB_MIRROR=FOLDER. Exit code 0: all is well; 1: a file could not be had or is damaged; 2: wrong use.
"""

import argparse
import signal
import sys
from pathlib import Path

from embedlab.data import files


def show_list():
    """Print the registry and what of it is in the cache; 0."""
    print(f"Cache: {files.cache_folder()}\nMirror: {files.mirror() or 'none, files come from their public hosts'}\n")
    for name, dataset in files.registry().items():
        whole = [file for file in dataset.files if file.url]
        bytes_known = sum(file.size or 0 for file in whole)
        size = f"{bytes_known / 1e6:,.1f} MB" if bytes_known else "size unknown"
        there = sum((files.cache_folder() / file.name).is_file() for file in whole)
        subset = any((files.cache_folder() / file.name).is_file() for file in dataset.files if file.subset_of)
        print(f"{name}: {dataset.about}")
        print(f"    {size}; in the cache: {there} of {len(whole)} files{', and a subset' if subset else ''}")
        print(f"    terms: {dataset.licence}; {dataset.home}")
    return 0


def fetch(names):
    """Take data sets into the cache, going on after a file that fails; 0, 1 where one failed, 2 for unknown names."""
    unknown = [name for name in names if name not in files.registry()]
    if unknown:
        known = ", ".join(files.registry())
        print(f"There is no data set {', '.join(unknown)}: choose from {known}.", file=sys.stderr)
        return 2
    failures = []
    for name in names:
        for file in files.registry()[name].files:
            if not file.url:
                continue
            try:
                for path in files.locate(file.name):
                    print(f"{name}: {path}")
            except files.DataError as error:
                failures.append(error)
    for error in failures:
        print(error, file=sys.stderr)
    return 1 if failures else 0


def verify():
    """Compare the files in the cache and in a mirror folder with their checksums; 0, or 1 where one is damaged."""
    folders = [place for place in (files.cache_folder(), files.mirror()) if isinstance(place, Path)]
    sound, damaged = 0, []
    for folder in folders:
        for file in files.all_files().values():
            path = folder / file.name
            try:
                wrong = files.problem(path, file) if path.exists() else None
            except OSError as error:
                wrong = f"it cannot be read: {error.strerror}"
            if wrong:
                damaged.append(f"{path} is not the registered file ({wrong}): remove it and fetch it again.")
            sound += wrong == ""
    print(f"{sound} files are as registered, {len(damaged)} are not.")
    for sentence in damaged:
        print(sentence, file=sys.stderr)
    return 1 if damaged else 0


def main(arguments):
    """Run one command; returns the exit code (argparse itself exits with 2 for wrong use)."""
    parser = argparse.ArgumentParser(
        prog="python -m embedlab.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | fetch | verify")
    commands.add_parser("list", help="show the data sets")
    command = commands.add_parser("fetch", help="take data sets into the cache")
    command.add_argument("names", nargs="+", metavar="NAME", help="a data set as `list` shows it")
    commands.add_parser("verify", help="compare what is there with the checksums")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "fetch":
            return fetch(chosen.names)
        return show_list() if chosen.command == "list" else verify()
    except files.DataError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped: the files that were complete are in the cache, and nothing of the others is.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
