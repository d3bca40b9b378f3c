"""Confine this process for good: namespaces of its own, nothing to write but a small /tmp, limits, no new processes.

What it does to the world: takes powers from the process that calls it, and from nothing else; nothing gives them back.
Linux only (x86-64 and AArch64). Called in a freshly forked child with one thread, before hostile code runs there; the
outer sandbox (`autograder.sandbox`) has already taken away the network, the file system and the environment.
Raises OSError where the system does not let it, so that nothing ever runs half confined. After `only_limits`, for which
somebody has to ask (`--unsafe`), nothing of this happens but the limits.
"""

import ctypes
import os
import platform
import resource
import struct
from errno import ENOSYS, EPERM

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
CLONE_THREAD = 0x10000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 1, 2, 4, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
SIGKILL = 9

SCRATCH_BYTES = 64 * 2**20
SHARED_MEMORY_BYTES = 16 * 2**20
NOBODY = 65534
MAX_FILES = 64
MOST_DESCRIPTORS = 4096
MAX_FILE_BYTES = 32 * 2**20

# What an answer has no business to call, by the kernel's numbers on x86-64 and AArch64 (None: not there).
# Each gives "operation not permitted"; clone is allowed for threads alone, clone3 does not exist (libraries fall back).
DENIED = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190),
    "msgget": (68, 186), "mq_open": (240, 180), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "fanotify_init": (300, 262), "personality": (135, 92),
}  # fmt: skip
CLONE, CLONE3, PRCTL = (56, 220), (435, 435), (157, 167)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Wanted:
    """Whether this process and those that it forks are to be confined."""

    everything = True


def only_limits() -> None:
    """Let this process, and those that it forks from now on, keep their powers; only `limit` still does something."""
    _Wanted.everything = False


def call(name: str, *arguments) -> int:
    """Call a function of the C library; raises OSError where it returns -1."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def become_subreaper() -> None:
    """Make this process the parent of descendants whose own parent ends."""
    call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def drop_root() -> None:
    """Become nobody when started as root: no limit on processes or files holds for root."""
    if os.getuid() == 0 and _Wanted.everything:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)


def new_namespaces() -> None:
    """Move into new user, mount and ipc namespaces; the next child is the first process of a new pid namespace."""
    if not _Wanted.everything:
        return
    uid, gid = os.getuid(), os.getgid()
    call("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)


def private_files(*, hide_processes: bool) -> None:
    """Give this process its own empty /tmp and /dev/shm, both sized, and work in /tmp; hide /proc if so wanted."""
    if not _Wanted.everything:
        return
    call("unshare", CLONE_NEWNS)
    _tmpfs(b"/tmp", MS_NOSUID | MS_NODEV, f"size={SCRATCH_BYTES},nr_inodes=4096,mode=0700")
    _tmpfs(b"/dev/shm", MS_NOSUID | MS_NODEV, f"size={SHARED_MEMORY_BYTES},nr_inodes=256,mode=0700")
    if hide_processes:
        _tmpfs(b"/proc", MS_RDONLY, "size=4096,nr_inodes=2")
    os.chdir("/tmp")


def _tmpfs(place: bytes, flags: int, options: str) -> None:
    call("mount", b"tmpfs", place, b"tmpfs", flags, options.encode())


def limit(memory: int, cpu_seconds: int) -> None:
    """Cap memory (bytes beyond what is mapped now), processor time, open files and the size of a file.

    Where the machine's memory runs out all the same, this process is the first that the kernel ends.
    """
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")
    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, mapped + memory),
        (resource.RLIMIT_CPU, used_cpu_seconds() + cpu_seconds),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def used_cpu_seconds() -> int:
    """Whole seconds of processor time that this process has used, rounded up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int(usage.ru_utime + usage.ru_stime) + 1


def give_up_powers() -> None:
    """Drop all capabilities, die with the parent, refuse what `DENIED` lists; from here on hostile code may run."""
    if not _Wanted.everything:
        return
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    call("capset", header, nothing)
    call("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    program = _filter(platform.machine())
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0)


def _filter(machine: str) -> bytes:
    """The seccomp program (classic BPF, seccomp(2)) for an architecture; OSError for one that is not known."""
    if machine not in ARCHITECTURES:
        raise OSError(ENOSYS, f"no sandbox for the processor {machine}: grade on x86_64 or aarch64")
    column, audit = ARCHITECTURES[machine]
    load, equal, at_least, any_bit, back = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, refuse = 0x7FFF0000, 0x80000000, 0x00050000

    def instruction(code, value, if_true=0, if_false=0):
        return struct.pack("HBBI", code, if_true, if_false, value)

    lines = [
        instruction(load, 4),
        instruction(equal, audit, 1, 0),
        instruction(back, kill),
        instruction(load, 0),
        instruction(at_least, 0x40000000, 0, 1),
        instruction(back, kill),
    ]
    for numbers, error in [*((numbers, EPERM) for numbers in DENIED.values()), (CLONE3, ENOSYS)]:
        if numbers[column] is not None:
            lines += [instruction(equal, numbers[column], 0, 1), instruction(back, refuse | error)]
    lines += [
        instruction(equal, CLONE[column], 0, 4),
        instruction(load, 16),
        instruction(any_bit, CLONE_THREAD, 0, 1),
        instruction(back, allow),
        instruction(back, refuse | EPERM),
        instruction(equal, PRCTL[column], 0, 3),
        instruction(load, 16),
        instruction(equal, PR_SET_PDEATHSIG, 0, 1),
        instruction(back, refuse | EPERM),
        instruction(back, allow),
    ]
    return b"".join(lines)
