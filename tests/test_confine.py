"""What a confined process still can do, tried from inside one, in the outer sandbox as in grading."""

import json
import platform
import subprocess
import textwrap

import pytest
from sandboxed import needs_sandbox

from autograder import confine, sandbox

pytestmark = needs_sandbox

MEMORY = 200 * 2**20
CONFINED = """
import ctypes, errno, json, os, sys, traceback
from autograder import confine
outside = os.path.exists("/proc/self/status")
confine.drop_root()
confine.new_namespaces()
child = os.fork()
if child == 0:
    confine.limit({memory}, {cpu_seconds})
    confine.private_files(hide_processes=True)
    confine.give_up_powers()
    libc = ctypes.CDLL(None, use_errno=True)

    def attempt(action, *arguments):
        try:
            return action(*arguments)
        except Exception as error:
            return errno.errorcode[error.errno] if isinstance(error, OSError) else type(error).__name__

    def syscall(number, *arguments):
        ctypes.set_errno(0)
        result = libc.syscall(number, *arguments)
        return result if result >= 0 else errno.errorcode[ctypes.get_errno()]

    try:
        found = None
{code}
        print(json.dumps(found), flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)
status = os.waitpid(child, 0)[1]
sys.exit(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
"""


def confined(code, cpu_seconds=10):
    """What the confined code left in `found`, and the signal that ended its process, 0 if none did."""
    program = CONFINED.format(
        memory=MEMORY, cpu_seconds=cpu_seconds, code=textwrap.indent(textwrap.dedent(code), " " * 8)
    )
    ran = subprocess.run([*sandbox.command(), "-c", program], capture_output=True, text=True, env={})
    assert "Traceback" not in ran.stderr, ran.stderr
    return json.loads(ran.stdout or "null"), ran.returncode


def test_everything_on_the_list_is_refused():
    column = confine.ARCHITECTURES[platform.machine()][0]
    numbers = {name: pair[column] for name, pair in confine.DENIED.items() if pair[column] is not None}
    found, signal = confined(f"found = {{name: syscall(number, 0, 0, 0, 0, 0) for name, number in {numbers}.items()}}")
    assert signal == 0 and found == dict.fromkeys(numbers, "EPERM")


def test_threads_start_and_processes_do_not():
    found, _ = confined("""
        import subprocess, threading
        done = []
        thread = threading.Thread(target=done.append, args=(1,))
        thread.start()
        thread.join()
        spawned = attempt(os.posix_spawn, "/bin/true", ["true"], {})
        found = [done, attempt(os.fork), attempt(subprocess.run, ["true"]), spawned]
    """)
    assert found == [[1], "EPERM", "EPERM", "EPERM"]


def test_the_newer_way_to_clone_is_not_there_and_the_death_signal_stays():
    clone3, prctl = (pair[confine.ARCHITECTURES[platform.machine()][0]] for pair in (confine.CLONE3, confine.PRCTL))
    found, _ = confined(f"found = [syscall({clone3}, 0, 0), syscall({prctl}, 1, 0), syscall({prctl}, 3)]")
    assert found == ["ENOSYS", "EPERM", 0]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are x86-64's other ways to call the kernel")
@pytest.mark.parametrize(
    "code",
    ["syscall(0x40000000 + 39)", "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"],
    ids=["x32", "32 bit"],
)
def test_another_architectures_system_calls_end_the_process(code):
    assert confined(f"""
        import mmap
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
        found = {code}
    """) == (None, 31)


def test_files_can_be_written_in_tmp_alone_and_only_so_many():
    found, _ = confined("""
        def write(path, megabytes):
            with open(path, "wb", buffering=0) as file:
                for _ in range(megabytes):
                    if file.write(bytes(2**20)) < 2**20:
                        raise OSError(errno.EFBIG, "short")
            return "written"
        places = ["/", "/usr", "/course", "/course/embedlab", "/etc", "/proc", "/environment", "/dev"]
        found = {
            "places": [attempt(write, os.path.join(place, "left"), 1) for place in places],
            "tmp": os.getcwd(), "empty": os.listdir("/tmp") + os.listdir("/dev/shm"),
            "large": attempt(write, "large", 33),
            "rest": [attempt(write, "a", 30), attempt(write, "b", 10)],
            "shared": attempt(write, "/dev/shm/c", 20),
            "many": attempt(lambda: [write(f"file{number}", 0) for number in range(5000)]),
            "open": attempt(lambda: [open("/dev/null") for _ in range(100)]),
        }
    """)
    assert set(found["places"]) <= {"EROFS", "EACCES", "EPERM", "ENOENT"}
    assert (found["tmp"], found["empty"]) == ("/tmp", [])
    assert found["large"] == "EFBIG" and found["rest"] == ["written", "ENOSPC"]
    assert found["shared"] == "ENOSPC" and found["many"] == "ENOSPC" and found["open"] == "EMFILE"


def test_memory_ends_at_the_limit_however_it_is_asked_for():
    found, signal = confined("""
        import mmap
        def hoard(make):
            kept = []
            try:
                while True:
                    kept.append(make())
            except (MemoryError, OSError):
                return len(kept)
        found = [hoard(lambda: bytearray(2**20)), hoard(lambda: mmap.mmap(-1, 2**20)), attempt(bytearray, 2**38)]
    """)
    megabytes = MEMORY // 2**20
    assert signal == 0 and found[2] == "MemoryError"
    assert all(megabytes // 2 < count <= megabytes for count in found[:2])


def test_it_goes_first_where_the_machines_memory_runs_out():
    program = "from autograder import confine\nconfine.limit(10**9, 9)\nprint(open('/proc/self/oom_score_adj').read())"
    ran = subprocess.run([*sandbox.command(), "-c", program], capture_output=True, text=True, env={})
    assert ran.stdout.strip() == "1000", ran.stderr


def test_processor_time_ends_at_the_limit():
    assert confined("while True: pass", cpu_seconds=1) == (None, 9)


def test_limits_powers_and_the_user_cannot_be_changed():
    found, _ = confined("""
        import resource
        status = ctypes.create_string_buffer(24)
        libc.capget(ctypes.create_string_buffer((0x20080522).to_bytes(4, "little") + bytes(4)), status)
        found = {
            "memory": attempt(resource.setrlimit, resource.RLIMIT_AS, (-1, -1)),
            "time": attempt(resource.setrlimit, resource.RLIMIT_CPU, (-1, -1)),
            "user": [attempt(os.setuid, 0), attempt(os.setgid, 0), attempt(os.setgroups, [0])],
            "capabilities": status.raw.strip(b"\\0").hex(),
            "root": 0 in (os.getuid(), os.geteuid()),
            "processes": os.listdir("/proc"),
            "signal": [attempt(os.kill, pid, 0) for pid in (2, 3, 4)],
        }
    """)
    assert found["memory"] == found["time"] == "ValueError", "a limit may not be raised"
    assert set(found["user"]) == {"EINVAL", "EPERM"} and found["capabilities"] == "" and not found["root"]
    assert found["processes"] == [] and set(found["signal"]) == {"ESRCH"}


def test_an_unknown_processor_is_refused():
    with pytest.raises(OSError, match="no sandbox for the processor riscv64"):
        confine._filter("riscv64")


def test_a_call_that_fails_says_which():
    with pytest.raises(OSError, match="prctl: "):
        confine.call("prctl", 9999, 0, 0, 0, 0)
