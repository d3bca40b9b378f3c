"""Frames of bytes between two processes over a Unix socket, with a deadline, and the passing of open files.

A frame is one byte that says its kind, the length of its content and the content. Nothing is interpreted here.
"""

import array
import socket
import struct
import time

from autograder.wire_types import MAX_BYTES

HEADER = struct.Struct("<cQ")
MAX_FRAME = MAX_BYTES + 4096


class ChannelClosed(Exception):
    """The process at the other end is gone, or sent what is no frame."""


class Channel:
    """One end of a socket; `deadline` (seconds on the monotonic clock, or None) holds for sending and receiving.

    Both raise TimeoutError when the deadline passes, and ChannelClosed when nobody is at the other end.
    """

    def __init__(self, end: socket.socket, deadline: float | None = None):
        self.socket, self.deadline = end, deadline

    def send(self, kind: bytes, content: bytes = b"", file: int | None = None) -> None:
        """Send one frame of `kind`, one byte; `file` is a descriptor to send along."""
        data = memoryview(HEADER.pack(kind, len(content)) + content)
        files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))] if file is not None else []
        try:
            self._wait()
            sent = self.socket.sendmsg([data], files)
            while sent < len(data):
                self._wait()
                sent += self.socket.send(data[sent:])
        except TimeoutError:
            raise
        except OSError:
            raise ChannelClosed from None

    def receive(self) -> tuple[bytes, bytes]:
        """Kind and content of the next frame."""
        kind, length = HEADER.unpack(self._exactly(HEADER.size))
        if length > MAX_FRAME:
            raise ChannelClosed
        return kind, self._exactly(length)

    def receive_file(self) -> tuple[bytes, bytes, int | None]:
        """Kind, content and descriptor (None if none was sent along) of the next frame."""
        try:
            self._wait()
            start, files, *_ = socket.recv_fds(self.socket, 1, 1)
        except TimeoutError:
            raise
        except OSError:
            raise ChannelClosed from None
        if not start:
            raise ChannelClosed
        kind, length = HEADER.unpack(start + self._exactly(HEADER.size - 1))
        return kind, self._exactly(min(length, MAX_FRAME)), files[0] if files else None

    def close(self) -> None:
        """Close this end."""
        self.socket.close()

    def _exactly(self, length: int) -> bytes:
        parts, missing = [], length
        while missing:
            try:
                self._wait()
                part = self.socket.recv(min(missing, 1 << 20))
            except TimeoutError:
                raise
            except OSError:
                raise ChannelClosed from None
            if not part:
                raise ChannelClosed
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _wait(self) -> None:
        """Give the next operation on the socket what is left of the time."""
        if self.deadline is None:
            self.socket.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
