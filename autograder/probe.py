"""Try, in the outer sandbox, whether a process can be confined as a trial is. Exit code 0 if so; leaves nothing."""

import os
import sys

from autograder import confine


def main() -> int:
    """Fork a child that takes all the steps; returns its exit code."""
    confine.drop_root()
    confine.new_namespaces()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            confine.limit(2**30, 5)
            confine.private_files(hide_processes=True)
            confine.give_up_powers()
            code = 0
        except OSError as error:
            print(error, file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
