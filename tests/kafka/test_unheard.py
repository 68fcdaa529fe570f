# SPDX-License-Identifier: Apache-2.0
"""What is said never waits for who should read it."""
import os
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
    assert topic.count() == 2000


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
    assert process.wait(20) == 1, process.describe()
    assert process.stderr == 'ERROR:root:?[2J?.pcap: No such file or directory\n'


def closed(*numbers):
    """The arguments of spawn() for a pycapa that starts without these descriptors."""
    closing = ' '.join(f'{number}>&-' for number in numbers)
    return {'prefix': ['sh', '-c', f'exec "$@" {closing}', 'sh']}


def test_closed_descriptors_are_not_used_for_something_else(topic, pair, spawn, tmp_path):
    path = captures.write(tmp_path / 'in.pcap', captures.sample(100))
    sent = spawn('-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name, **closed(0, 1, 2))
    assert sent.wait(30) == 0
    got = spawn('-c', '-e', '-w', str(tmp_path / 'out.pcap'), '-k', topic.broker.bootstrap,
                '-t', topic.name, **closed(0, 1, 2))
    assert got.wait(30) == 0
    assert captures.read(tmp_path / 'out.pcap') == captures.read(path)


@pytest.mark.parametrize('words', [
    ['-c', '-e', '-X', 'group.id=shut', '-o', 'stored'],
    ['-c', '-e', '-X', 'group.id=shut', '-o', 'stored', '-pp', '1'],
    ['-p', '-i', 'lo', '-pp', '1'],
])
def test_without_a_standard_output_nothing_is_written_or_committed(topic, spawn, words):
    topic.produce(captures.sample(10))
    process = spawn(*words, '-k', topic.broker.bootstrap, '-t', topic.name, **closed(1))
    assert process.wait(30) == 1
    assert process.lines == [
        'ERROR:root:cannot open standard output for writing: it is closed'], process.describe()
    assert topic.group_offsets('shut', [0])[0] < 0 and topic.count() == 10


@pytest.mark.parametrize('word', ['--help', '--version', '--list-interfaces'])
def test_what_cannot_be_printed_is_an_error(spawn, word):
    process = spawn(word, **closed(1))
    assert process.wait(10) == 1
    assert process.lines == [
        'ERROR:root:cannot write to standard output: Bad file descriptor'], process.describe()


@pytest.mark.parametrize('limit', [8, 9, 10, 11, 40])
def test_too_few_descriptors_are_the_reason(spawn, limit):
    process = spawn('-p', '-i', 'lo', '-k', '127.0.0.1:9', '-t', 'pcap',
                    prefix=['sh', '-c', f'ulimit -n {limit}; exec "$@"', 'sh'])
    assert process.wait(10) == 1
    line, = process.lines
    assert f'only {limit} files may be open' in line and 'ulimit -n' in line
