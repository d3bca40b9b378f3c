"""`python -m embedlab.data list|fetch|verify`: what it prints, its exit codes, and that a kill leaves nothing."""

import http.server
import os
import signal
import subprocess
import sys

import pytest
from data_hosts import OTHER, PARTS, cache, files_in, host, mirror, put

from embedlab.data import files
from embedlab.data.__main__ import main


def test_list_names_size_terms_and_what_is_there(capsys, host):
    files.locate("small/whole.txt")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "small: a small set\n    0.2 MB; in the cache: 1 of 1 files\n    terms: free; https://example.org" in shown
    assert "size unknown; in the cache: 0 of 1 files" in shown


def test_fetch_goes_on_after_a_failure_and_reports_it(cache, host, capsys):
    assert main(["fetch", "small", "other"]) == 0
    assert files_in(cache) == ["other.txt", "small/whole.txt"]
    capsys.readouterr()
    (cache / "small/whole.txt").unlink()
    (cache / "other.txt").unlink()
    del host.files["/public/small.txt"]
    assert main(["fetch", "small", "other"]) == 1
    assert "404 Not Found" in capsys.readouterr().err and files_in(cache) == ["other.txt"]


def test_verify_finds_a_damaged_file_in_the_cache_and_in_the_mirror(cache, mirror, capsys):
    assert main(["verify"]) == 0
    put(mirror, "small/part1.txt", PARTS["small/part1.txt"])
    put(mirror, "other.txt", OTHER)
    files.locate("other.txt")
    assert main(["verify"]) == 0
    assert "3 files are as registered, 0 are not." in capsys.readouterr().out
    put(cache, "other.txt", OTHER + b"x")
    put(mirror, "small/part1.txt", b"")
    assert main(["verify"]) == 1
    shown = capsys.readouterr()
    assert "1 files are as registered, 2 are not." in shown.out
    assert f"{cache / 'other.txt'} is not" in shown.err and f"{mirror / 'small/part1.txt'} is not" in shown.err


def test_wrong_use_has_its_own_exit_code(monkeypatch, capsys):
    assert main(["fetch", "small", "big"]) == 2
    assert "There is no data set big: choose from small, other, packs." in capsys.readouterr().err
    for arguments in ([], ["fetch"], ["drop"], ["list", "small"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    monkeypatch.setenv("EMBEDLAB_MIRROR", "nowhere")
    assert main(["verify"]) == 1
    assert "EMBEDLAB_MIRROR is nowhere" in capsys.readouterr().err


def test_the_command_runs_from_anywhere(root, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(root), "EMBEDLAB_CACHE": str(tmp_path / "none")}
    command = [sys.executable, "-m", "embedlab.data"]
    done = subprocess.run([*command, "list"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "tiny_shakespeare" in done.stdout
    done = subprocess.run([*command, "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "EMBEDLAB_MIRROR" in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_killed_fetch_leaves_nothing(root, tmp_path):
    listening = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{listening.server_port}"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"PYTHONPATH": str(root), "EMBEDLAB_CACHE": str(tmp_path / "c"), "EMBEDLAB_MIRROR": address}
    with listening:
        listening.socket.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "embedlab.data", "fetch", "tiny_shakespeare"],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        connection, _ = listening.socket.accept()
        with connection:
            assert [path.suffix for path in (tmp_path / "c").rglob("*.partial")] == [".partial"]
            process.send_signal(signal.SIGTERM)
            _, words = process.communicate(timeout=30)
    assert process.returncode == 1 and words.startswith("Stopped: ")
    assert files_in(tmp_path / "c") == []
