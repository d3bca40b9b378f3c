"""Pages in a real browser, and a real formgrader to serve them: what the tests need to see whether anything is live."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import SaveAutoGrades

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TOKEN = "for-this-test-only"

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install the package chromium")


@contextlib.contextmanager
def chromium():
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    arguments += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Watched:
    """A page that is open, with what it asked for and did; requests to other machines are refused."""

    def __init__(self, browser, address: str):
        self.page, self.requests, self.dialogs = browser.new_page(), [], []
        self.page.route("**/*", self._route)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.goto(address, wait_until="load")
        self.page.wait_for_timeout(200)
        self.address = self.page.url

    @staticmethod
    def _route(route):
        url = route.request.url
        route.continue_() if url.startswith(("http://127.0.0.1:", "file://", "data:")) else route.abort()

    def elements(self, within: str) -> list[tuple[str, dict]]:
        """(name, attributes) of every element inside those that the selector `within` finds."""
        return self.page.locator(within).evaluate_all(
            "all => all.flatMap(one => [...one.querySelectorAll('*')]).map(one => [one.localName,"
            " Object.fromEntries([...one.attributes].map(a => [a.name, a.value]))])"
        )

    def assert_dead(self):
        """Assert that nothing of tests/hostile.py happened, not even after everything that opens was opened."""
        for summary in self.page.locator("summary").all():
            summary.evaluate("one => one.click()")
        self.page.wait_for_timeout(100)
        assert self.page.evaluate("window.pwned") is None
        assert self.dialogs == [] and self.page.url == self.address
        assert not [url for url in self.requests if "attacker.test" in url or "attachment" in url]

    def close(self):
        self.page.close()


def save(course, student: str, chapter: str, notebook) -> None:
    """Put an autograded notebook where nbgrader keeps it, and its marks into the gradebook."""
    folder = course.folder("autograded") / student / chapter
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{chapter}.ipynb")
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission(chapter, student)
    names = {"notebook": chapter, "assignment": chapter, "student": student, "db_url": course.db_url}
    SaveAutoGrades().preprocess(notebook, {"nbgrader": names})


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyter(module, folder, cwd, **environment):
    """A Jupyter server, `python -m module`, whose root is `folder`; its address."""
    port = free_port()
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}"]
    with serving(command, cwd, port, **environment) as address:
        yield address


@contextlib.contextmanager
def serving(command, cwd, port, **environment):
    """A Jupyter server that `command` starts on `port` with the token TOKEN; its address, once it answers."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    server = subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True, **quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=5)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, f"{command} did not start a server"
                time.sleep(0.3)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server and its kernels
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


@contextlib.contextmanager
def formgrader(course):
    """A Jupyter server with formgrader for the course; a function from student and chapter to a page's address."""
    with jupyter("jupyter_server", course.root, course.root) as address:

        def page(student, chapter):
            with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
                found = gradebook.find_submission_notebook(chapter, chapter, student)
                return f"{address}/formgrader/submissions/{found.id}/?token={TOKEN}"

        yield page
