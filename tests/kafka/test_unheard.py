# SPDX-License-Identifier: Apache-2.0
"""What is said never waits for who should read it."""
import os
import re
import signal
import socket

import pytest

from harness import captures, traffic, wait


def fill(write):
    """Writes until there is no room."""
    try:
        while True:
            write()
    except BlockingIOError:
        pass


@pytest.fixture
def full_pipe():
    """(reader, writer) of a pipe that has no room, whose writer waits as a shell's would."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fill(lambda: os.write(writer, b'x' * 4096))
    os.set_blocking(writer, True)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def with_stderr(fd):
    """The arguments of spawn() for a pycapa whose descriptor 2 is `fd`."""
    return {'prefix': ['bash', '-c', 'fd=$1; shift; exec "$@" 2>&"$fd"', 'bash', str(fd)],
            'pass_fds': [fd]}


@pytest.fixture
def quiet_manager(tmp_path):
    """A service manager that reads nothing, its queue full; (path, socket)."""
    path = str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        manager.bind(path)
        manager.setblocking(False)
        other.setblocking(False)
        fill(lambda: other.sendto(b'X', path))
        yield path, manager


def test_a_log_that_nobody_reads_costs_no_packet_and_no_signal(topic, spawn, full_pipe, tmp_path):
    reader, writer = full_pipe
    path = captures.write(tmp_path / 'in.pcap', captures.sample(2000))
    stdin, feed = os.pipe()
    process = spawn('-p', '-r', '-', '-k', topic.broker.bootstrap, '-t', topic.name, stdin=stdin,
                    **with_stderr(writer))
    os.close(stdin)
    with open(path, 'rb') as source, open(feed, 'wb') as f:
        f.write(source.read())
        f.flush()
        topic.wait_count(2000)
        assert process.stop(signal.SIGTERM, timeout=20) == 0


def test_a_manager_that_reads_nothing_costs_no_packet_and_is_told_later(topic, pair, producer,
                                                                        quiet_manager):
    path, manager = quiet_manager
    process = producer(pair, topic, env={'NOTIFY_SOCKET': path, 'WATCHDOG_USEC': '200000'})
    traffic.send(pair, 1000, 5000)
    topic.wait_count(1000)
    told = []

    def hear():
        try:
            while True:
                told.append(manager.recv(4096).decode())
        except BlockingIOError:
            return {line.split('=')[0] for text in told for line in text.splitlines()}
    wait.until(lambda: {'READY', 'STATUS', 'WATCHDOG'} <= hear(), 10, lambda: told[-20:])
    assert process.stop(signal.SIGTERM, timeout=20) == 0, process.describe()
    assert 'STOPPING' in hear()


def test_foreign_text_steers_no_terminal(spawn):
    process = spawn('-p', '-r', '\x1b[2J\x9b.pcap', '-k', '127.0.0.1:9', '-t', 'pcap')
    assert process.wait(20) != 0
    assert not re.search('[\x00-\x09\x0b-\x1f\x7f-\x9f]', process.stderr), process.describe()
