"""Grade courses in processes that can be killed, one after the other; for the tests of interrupted runs.

Reads lines "WORKERS COURSE LOG" (folder and file, without spaces), forks for each, answers with the process id and,
when it has ended, with its exit status. Importing everything once, it costs a start only what grading costs.
A forked grading appends to LOG, as it happens: "marking STUDENT", "delivered STUDENT", "finished".
"""

import functools
import os
import sys
from pathlib import Path

from autograder import grade as grading
from autograder import workers
from autograder.version import environment


def note(log: Path, words: str) -> None:
    """Append a line in one system call, so that it is there even if the next moment ends this process."""
    with open(log, "ab", buffering=0) as file:
        file.write(f"{words}\n".encode())


def run_noting(run, log: Path, lesson, identity, notebook, key):
    """Mark one submission, here or on a worker, and note that first."""
    note(log, f"marking {identity[1]}")
    return run(lesson, identity, notebook, key)


def grade(root: Path, log: Path, count: int) -> None:
    """Grade, and note what is done."""
    deliver = grading.deliver

    def noting_deliver(course, gradebook, submission, *what):
        deliver(course, gradebook, submission, *what)
        note(log, f"delivered {submission.student}")

    workers.run = functools.partial(run_noting, workers.run, log)
    grading.deliver = noting_deliver
    grading.grade(root, workers=count)
    note(log, "finished")


def main() -> None:
    """Serve until there is no more to read."""
    environment()  # once for all gradings, so that an edit of the grader in the meantime is not what is tested
    for line in sys.stdin:
        count, root, log = line.split()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                grade(Path(root), Path(log), int(count))
                status = 0
            finally:
                os._exit(status)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
