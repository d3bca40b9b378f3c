"""The process that runs a lesson once for a class: started in the sandbox as `python -m autograder.lesson_process FD`.

It executes the lesson's cells and reference solutions as the grader streams them in. Before an exercise's reference
solution it forks a checkpoint, a process that knows the lesson up to there; for each submission the checkpoint forks a
trial (`autograder.trial`), kills what is left of it in the end, and stays as it was.

Frames from the grader: b"X" a cell to execute, answered b"x"; b"K" (with a socket) a checkpoint. To a checkpoint:
b"J" (with a socket) a trial, answered b"j" when nothing of it is left.
"""

import contextlib
import ctypes
import gc
import importlib
import io
import os
import select
import signal
import socket
import sys
import warnings

from autograder import confine
from autograder.answers import error_lines, run_cell
from autograder.channel import Channel, ChannelClosed
from autograder.sandbox import UNSAFE
from autograder.trial import tests_process
from autograder.wire import pack, unpack
from embedlab import check
from embedlab.describe import raised

MADV_COLLAPSE = 25
CHECKS = ("embedlab.check", "autograder.verdict")


def main(descriptor: int, *options: str) -> None:
    """Serve the grader at the other end of the socket `descriptor` until it hangs up."""
    if UNSAFE in options:
        confine.only_limits()
    confine.drop_root()
    confine.become_subreaper()
    warnings.simplefilter("ignore")
    for name in CHECKS:
        importlib.import_module(name)
    importlib.import_module("tqdm").tqdm.monitor_interval = 0
    link = Channel(socket.socket(fileno=descriptor))
    namespace, memory = {"__name__": "__main__"}, []
    link.send(b"h")
    with contextlib.suppress(ChannelClosed):
        while True:
            kind, content, file = link.receive_file()
            if kind == b"X":
                link.send(b"x", pack(execute(namespace, *unpack(content))))
            elif kind == b"K":
                memory = settle(memory)
                fork_checkpoint(link, file, namespace)


def execute(namespace: dict, source: str, filename: str) -> str:
    """Run one cell of the lesson; returns "" or what went wrong."""
    if "torch" in source:
        importlib.import_module("torch").set_num_threads = lambda number: None  # it would start threads
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            check.seed(0)
            run_cell(source, namespace, filename)
    except BaseException as error:
        return f"{raised(error)}\n{error_lines(error, filename)}"
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return ""


def fork_checkpoint(link: Channel, file: int, namespace: dict) -> None:
    """Leave a copy of this process behind that starts trials for the socket `file`."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        link.send(b"k", pack(f"the lesson runs {threads} threads, and only a process with one can be forked safely"))
        return
    if os.fork() == 0:
        link.close()
        try:
            checkpoint(Channel(socket.socket(fileno=file)), namespace)
        finally:
            os._exit(0)
    os.close(file)
    link.send(b"k", pack(""))


def settle(known: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Make this process cheap to fork: collect garbage for good, give free memory back, and use larger pages.

    Forking copies an entry for each page, and most of what grading an answer costs is forking. Only memory that is new
    since `known`, what this returned the last time, gets larger pages: the rest is shared with checkpoints by now, and
    would be copied. Where the kernel cannot do it (Linux before 6.1), pages stay as they are.
    """
    gc.collect()
    gc.freeze()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
    with open("/proc/self/maps", encoding="utf-8") as file:
        mappings = [line.split()[:5] for line in file]
    places = [place.split("-") for place, rights, _, _, inode in mappings if rights == "rw-p" and inode == "0"]
    own = [(int(start, 16), int(end, 16)) for start, end in places]
    for start, end in without(own, known):
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_COLLAPSE)
    return own


def without(ranges: list[tuple[int, int]], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of the ranges (start, end) that lie in no range of `known`."""
    for start, end in known:
        parts = [part for low, high in ranges for part in ((low, min(high, start)), (max(low, end), high))]
        ranges = [(low, high) for low, high in parts if low < high]
    return ranges


def checkpoint(link: Channel, namespace: dict) -> None:
    """Start a trial for each socket that comes, one at a time."""
    confine.become_subreaper()
    gc.disable()
    with contextlib.suppress(ChannelClosed):
        while True:
            _, content, file = link.receive_file()
            child = os.fork()
            if child == 0:
                link.close()
                tests_process(socket.socket(fileno=file), namespace)
            os.close(file)
            _end(child, unpack(content))
            link.send(b"j")


def _end(child: int, seconds: float) -> None:
    """Wait so long for the trial to end, then kill it; return when no process of it is left."""
    handle = os.pidfd_open(child)
    if not select.select([handle], [], [], seconds)[0]:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
