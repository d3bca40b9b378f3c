"""Frames between two processes: they arrive whole, in time, or not at all."""

import os
import socket
import threading
import time

import pytest

from autograder.channel import HEADER, MAX_FRAME, Channel, ChannelClosed, pair


@pytest.fixture
def ends():
    """Two connected channels without a deadline."""
    one, other = (Channel(end) for end in pair())
    yield one, other
    one.close()
    other.close()


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)), os.urandom(3_000_000)], ids=len)
def test_a_frame_arrives_as_it_was_sent(ends, content):
    one, other = ends
    sender = threading.Thread(target=one.send, args=(b"Q", content))
    sender.start()
    assert other.receive() == (b"Q", content)
    sender.join()


def test_frames_keep_their_order_and_their_borders(ends):
    one, other = ends
    for number in range(50):
        one.send(b"V", str(number).encode() * number)
    assert [other.receive() for _ in range(50)] == [(b"V", str(number).encode() * number) for number in range(50)]


def test_a_descriptor_travels_with_its_frame(ends):
    one, other = ends
    reader, writer = os.pipe()
    one.send(b"K", b"content", file=writer)
    os.close(writer)
    kind, content, received = other.receive_file()
    os.write(received, b"hello")
    os.close(received)
    assert (kind, content, os.read(reader, 10)) == (b"K", b"content", b"hello")
    os.close(reader)
    one.send(b"X", b"more")
    assert other.receive_file() == (b"X", b"more", None)


@pytest.mark.parametrize("receive", [Channel.receive, Channel.receive_file])
def test_nobody_at_the_other_end_is_said(ends, receive):
    one, other = ends
    one.close()
    with pytest.raises(ChannelClosed):
        receive(other)
    with pytest.raises(ChannelClosed):
        other.send(b"Q", b"x")


@pytest.mark.parametrize("sent", [b"Q", HEADER.pack(b"Q", 10) + b"123", HEADER.pack(b"Q", MAX_FRAME + 1), b"\xff" * 40])
def test_what_is_no_frame_ends_the_connection(ends, sent):
    one, other = ends
    one.socket.sendall(sent)
    one.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(ChannelClosed):
        other.receive()


def test_a_length_beyond_the_cap_is_refused_before_anything_is_read(ends):
    one, other = ends
    other.deadline = time.monotonic() + 5
    one.socket.sendall(HEADER.pack(b"Q", 2**63))
    with pytest.raises(ChannelClosed):
        other.receive()


@pytest.mark.parametrize("receive", [Channel.receive, Channel.receive_file])
def test_receiving_ends_with_the_deadline(ends, receive):
    other = ends[1]
    for seconds in (0.05, -1):
        start = time.monotonic()
        other.deadline = start + seconds
        with pytest.raises(TimeoutError):
            receive(other)
        assert max(seconds, 0) <= time.monotonic() - start < 2


def test_a_sender_that_trickles_gains_no_time(ends):
    one, other = ends
    stopped = threading.Event()

    def trickle():
        one.socket.sendall(HEADER.pack(b"Q", 10_000))
        while not stopped.wait(0.01):
            one.socket.send(b"x")

    sender = threading.Thread(target=trickle)
    sender.start()
    other.deadline = time.monotonic() + 0.2
    with pytest.raises(TimeoutError):
        other.receive()
    stopped.set()
    sender.join()


def test_sending_to_who_does_not_read_ends_with_the_deadline(ends):
    one = ends[0]
    one.deadline = time.monotonic() + 0.1
    with pytest.raises(TimeoutError):
        one.send(b"Q", bytes(20_000_000))
