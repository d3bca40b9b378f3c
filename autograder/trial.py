"""One answer against one exercise's tests: two confined processes that talk to each other and to nobody else.

`tests_process` is what a forked child of the lesson's process becomes; it forks the answer's process before it reads
what it has to do, so that nothing of the tests was ever in the memory of the process that runs the answer. Neither
returns. The verdict on each test is sent to the grader, as the tests' process saw it; what the answer sends is only
ever read as values (`autograder.wire`).

Frames from the grader: b"T" the task. Frames to the grader: b"V" a verdict, b"E" the end. Between the two: b"R" run
cells and b"r" what came of it, b"Q" a request and b"q" its reply, b"C" a callback and b"c" its reply.
"""

import contextlib
import gc
import io
import os
import signal
import socket
import time
from dataclasses import asdict, replace

from autograder import confine
from autograder.answers import Answers, error_lines
from autograder.channel import Channel, ChannelClosed, pair
from autograder.lesson import Cell
from autograder.protocol import MAX_PRINTED, clean, describe_error, rebuild_error
from autograder.proxies import RemoteAnswer
from autograder.results import Verdict
from autograder.verdict import blame, cell_failed, no_verdict, remote, verdict
from autograder.wire import WireError, pack, unpack
from embedlab import check

MEMORY = 2 * 2**30
TESTS_CPU_SECONDS = 120
OUT_OF_TIME, ENDED = "OutOfTime", "AnswerEnded"
ANSWER = "<answer>"
HIDDEN = "### BEGIN HIDDEN TESTS"


class AnswerEnded(BaseException):
    """The answer's process is of no further use; no `except Exception` of a test stops this. `reason` is a sentence."""

    def __init__(self, error: str = ENDED, reason: str = ""):
        super().__init__(reason)
        self.error, self.reason = error, reason


def tests_process(end: socket.socket, namespace: dict) -> None:
    """Be the tests' side of one trial, for the grader at the other end of `end`; ends the process."""
    grader = Channel(end)
    own, other = pair()
    confine.new_namespaces()
    child = os.fork()
    if child == 0:
        own.close()
        end.close()
        answer_process(other, namespace)
    other.close()
    try:
        confine.limit(MEMORY, TESTS_CPU_SECONDS)
        confine.private_files(hide_processes=False)
        kind, task = grader.receive()
        if kind == b"T":
            _Trial(grader, Channel(own), child, namespace, unpack(task)).run()
    finally:
        os._exit(0)


class _Trial:
    """The tests' side of one trial. `child` is the process id of the answer's side, `task` what the grader sent."""

    def __init__(self, grader, link, child, namespace, task):
        self.grader, self.link, self.child, self.namespace, self.task = grader, link, child, namespace, task
        self.link.deadline = time.monotonic() + task["wall_seconds"]
        self.answer = RemoteAnswer(namespace, self.exchange)
        self.status, self.cpu = None, 0.0

    def run(self):
        """Run the answer's cells, then the tests until one finds the answer's process gone; report each verdict."""
        os.environ["EMBEDLAB_CHECK_KEY"] = self.task["key"]
        tests = [Cell("code", source, grade_id, "test", points, ()) for grade_id, source, points in self.task["tests"]]
        tested = 0
        try:
            failure = self.start()
            for test in tests:
                self.report(blame(self.try_one(test), failure))
                tested += 1
        except AnswerEnded as end:
            self.report(no_verdict(tests[tested], end.error, end.reason or self.why_it_ended()))
        self.reap(0)
        self.grader.send(b"E", pack({"cpu": self.cpu}))

    def start(self):
        """Let the answer's cells run; returns (name of the error, sentence) if the answer's failed, else None."""
        self.frame(b"R", pack({name: self.task[name] for name in ("cells", "after", "cpu_seconds")}))
        try:
            outcome = unpack(self.reply(b"r"))
            if outcome is None:
                return None
            description, lines = outcome
            error = rebuild_error(description)
            return type(error).__name__, cell_failed(error, clean(lines))
        except (WireError, TypeError, ValueError):
            return ENDED, "the cell ended in a way that could not be read"

    def try_one(self, test):
        """The verdict of one test cell, with what the answer printed meanwhile if the student may see it."""
        before = len(self.answer.prints)
        with remote(self.answer), contextlib.redirect_stdout(io.StringIO()):
            check.seed(0)
            found = verdict(test, self.namespace, self.answer, self.task["names"])
        if HIDDEN in test.source:
            return found
        printed = "".join(text for _, text in self.answer.prints[before:])
        return replace(found, printed=clean(printed, MAX_PRINTED))

    def exchange(self, request: bytes) -> bytes:
        """Send a request of the tests to the answer; serve its callbacks until the reply is there."""
        self.frame(b"Q", request)
        return self.reply(b"q")

    def reply(self, wanted: bytes) -> bytes:
        """The answer's next frame of the kind `wanted`."""
        while True:
            try:
                kind, content = self.link.receive()
            except (TimeoutError, ChannelClosed) as error:
                raise self.no_reply(error) from None
            if kind == wanted:
                return content
            if kind != b"C":
                raise AnswerEnded(ENDED, "the answer sent something that is no reply")
            self.frame(b"c", self.answer.serve(content))

    def frame(self, kind, content):
        """Send a frame to the answer."""
        try:
            self.link.send(kind, content)
        except (TimeoutError, ChannelClosed) as error:
            raise self.no_reply(error) from None

    @staticmethod
    def no_reply(error):
        """The AnswerEnded for a link that is late or closed."""
        late = "the answer kept the check waiting and was stopped: a human has to look at it"
        return AnswerEnded(OUT_OF_TIME, late) if isinstance(error, TimeoutError) else AnswerEnded()

    def why_it_ended(self):
        """A sentence on how the answer's process ended, after it closed the link."""
        self.reap(1.0)
        limit = self.task["cpu_seconds"]
        if os.WIFEXITED(self.status):
            return "the answer ended its own process"
        number = os.WTERMSIG(self.status)
        if number != signal.SIGKILL:
            return f"the answer crashed the interpreter ({signal.Signals(number).name})"
        if self.cpu >= limit:
            return f"the answer used more than {limit} s of processor time: does every loop end?"
        return "the answer was stopped: it used too much memory, or closed its connection to the check"

    def reap(self, seconds):
        """Wait for the answer's process to end by itself for so long, then kill it; note its status and CPU time."""
        patience, wait = time.monotonic() + seconds, os.WNOHANG
        while self.status is None:
            pid, status, usage = os.wait4(self.child, wait)
            if pid:
                self.status, self.cpu = status, usage.ru_utime + usage.ru_stime
            elif time.monotonic() >= patience:
                os.kill(self.child, signal.SIGKILL)
                wait = 0  # until it is gone, which cannot take long now
            else:
                time.sleep(0.005)

    def report(self, found: Verdict) -> None:
        """Send a verdict to the grader."""
        self.grader.send(b"V", pack(asdict(found)))


def answer_process(end: socket.socket, namespace: dict) -> None:
    """Be the answer's side: confine this process for good, run the cells, serve the tests; ends the process."""
    try:
        link = Channel(end)
        kind, content = link.receive()
        task = unpack(content)
        silence = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silence, number)
        keep = os.dup2(end.fileno(), 3)
        os.closerange(4, confine.MOST_DESCRIPTORS)
        link = Channel(socket.socket(fileno=keep))
        confine.limit(MEMORY, task["cpu_seconds"])
        confine.private_files(hide_processes=True)
        confine.give_up_powers()
        gc.enable()
        _serve(link, Answers(namespace, ANSWER), task["cells"], task["after"])
    finally:
        os._exit(0)


def _serve(link, answers, cells, after):
    """Run the cells, the last of them the answer, and those after it; then do what the tests ask, until they hang up.

    Of errors only the answer's is told.
    """
    outcomes = [_outcome(answers, cell) for cell in (*cells, *after)]

    def call_back(request: bytes) -> bytes:
        link.send(b"C", request)
        while True:
            kind, content = link.receive()
            if kind == b"c":
                return content
            link.send(b"q", answers.serve(content))

    answers.exchange = call_back
    link.send(b"r", pack(outcomes[len(cells) - 1]))
    with contextlib.suppress(ChannelClosed):
        while True:
            _, content = link.receive()
            link.send(b"q", answers.serve(content))


def _outcome(answers, cell):
    """Run a cell as silently as it lets itself; returns None, or its error's description and lines."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            answers.run(cell)
    except BaseException as error:
        return describe_error(error), error_lines(error, ANSWER)
