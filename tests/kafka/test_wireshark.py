# SPDX-License-Identifier: Apache-2.0
"""pycapa as an extcap: by Wireshark's own calls, and by a real tshark."""
import os
import re
import select
import signal
import struct
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness import captures, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.proc import run
from harness.wireshark import HANGING_KINIT, Tshark, of_values



class Window:
    """What is at the other end of a capture: the fifo, and the control pipes if asked for."""

    def __init__(self, directory, controls=False):
        self.fifo = os.path.join(directory, 'fifo')
        os.mkfifo(self.fifo, 0o600)
        self.reader = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.argv = ['--capture', '--extcap-interface', 'pycapa', '--fifo', self.fifo]
        self.control = None
        if controls:
            paths = [os.path.join(directory, name) for name in ('to-us', 'to-window')]
            for path in paths:
                os.mkfifo(path, 0o600)
            self.argv += ['--extcap-control-in', paths[0], '--extcap-control-out', paths[1]]
            self.paths = paths

    def read(self, size, timeout=10):
        """At least `size` bytes; fewer at the end of the capture."""
        data = b''
        deadline = time.monotonic() + timeout
        while len(data) < size:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.reader], [], [], left)[0], data
            try:
                more = os.read(self.reader, 1 << 16)
            except BlockingIOError:
                continue
            if not more:
                break
            data += more
        return data

    def close(self):
        if self.reader is not None:
            os.close(self.reader)
        self.reader = None


@pytest.fixture
def window(tmp_path):
    w = Window(str(tmp_path))
    yield w
    w.close()


@pytest.fixture
def capture(spawn, window, broker):
    """Starts the capture of a topic as Wireshark does."""
    def start(name, *argv, brokers=None):
        return spawn(*window.argv, '--brokers', brokers or broker.bootstrap, '--topic', name, *argv)
    return start


def now_us():
    return time.time_ns() // 1000


def packets(first, count=1):
    return [captures.Packet(now_us(), captures.udp(i), 64) for i in range(first, first + count)]


# ---- calls ----

def test_the_list_of_interfaces_contacts_no_broker(tmp_path):
    (tmp_path / 'site.cfg').write_text('mode = "consumer";\nkafka-broker = "192.0.2.1:9092";\n'
                                       'kafka-topic = "elsewhere";\n')
    (tmp_path / 'eth0.cfg').write_text('kafka-topic = "pcap";\n')
    began = time.monotonic()
    listed = pycapa('--extcap-interfaces', '--extcap-version=4.0',
                    env={'CONFIGURATION_DIRECTORY': str(tmp_path)})
    assert time.monotonic() - began < 1
    assert listed.status == 0 and listed.stderr == '', listed.describe()
    names = re.findall(r'^interface {value=(.*?)}{display=(.*?)}$', listed.stdout.decode(), re.M)
    assert names == [
        ('pycapa', 'Kafka topic (pycapa)'),
        ('pycapa-site', 'Kafka topic elsewhere at 192.0.2.1:9092 (pycapa, site.cfg)')]


def test_the_reload_button_lists_the_topics(broker, topic):
    listed = pycapa('--extcap-config', '--extcap-interface', 'pycapa', '--extcap-reload-option',
                    'topic', '--brokers', broker.bootstrap, '--topic', topic.name)
    assert listed.status == 0 and listed.stderr == '', listed.describe()
    lines = listed.stdout.decode().splitlines()
    assert f'value {{arg=1}}{{value={topic.name}}}{{display={topic.name}}}{{default=true}}' in lines
    assert all(line.startswith('value {arg=1}{value=') for line in lines)
    assert not any('value=__' in line for line in lines)


def test_the_reload_button_says_why_there_is_no_list():
    absent = f'127.0.0.1:{free_port()}'
    listed = pycapa('--extcap-config', '--extcap-interface', 'pycapa', '--extcap-reload-option',
                    'topic', '--brokers', absent, '--topic', 'mine')
    assert listed.status == 0 and listed.stderr == '', listed.describe()
    assert re.fullmatch(r'value {arg=1}{value=mine}{display=Cannot list the topics: .*'
                        r'Connection refused.*}{default=true}\n', listed.stdout.decode())


@pytest.mark.parametrize('expression, said', [
    ('tcp port 80', r''), ('tcp prot 80', r'.*syntax error.*\n'),
    ('inbound', r'inbound is for a live capture.*\n')])
def test_the_window_asks_whether_a_filter_is_right(expression, said):
    asked = pycapa('--extcap-interface', 'pycapa', '--extcap-capture-filter', expression)
    assert asked.status == 0 and asked.stderr == '', asked.describe()
    assert re.fullmatch(said, asked.stdout.decode()), asked.stdout


def test_a_secret_is_nowhere_in_proc(window, spawn):
    process = spawn(*window.argv, '--brokers', '192.0.2.1:9092', '--topic', 'pcap', '--protocol',
                    'sasl_plaintext', '--mechanism', 'PLAIN', '--username', 'u', '--password',
                    'hunter2', '--properties', 'ssl.key.password=hunter2')
    window.read(28)
    with open(f'/proc/{process.pid}/cmdline', 'rb') as f:
        words = f.read()
    assert b'--password\0*******\0' in words and b'hunter2' not in words


# ---- a capture ----

def test_a_packet_is_there_within_100_ms(capture, window, topic):
    process = capture(topic.name)
    window.read(28)
    took = []

    def first_comes():
        topic.produce(packets(0))
        return select.select([window.reader], [], [], .2)[0]
    wait.until(first_comes, 20, lambda: f'the first packet\n{process.describe()}')
    window.read(1)
    for i in range(10):
        topic.produce(packets(i), **{'linger.ms': 0})
        began = time.monotonic()  # Kafka has it
        window.read(64)
        took.append(time.monotonic() - began)
    assert sorted(took)[len(took) // 2] < .1, took
    assert process.stop(signal.SIGTERM) == 0
    assert process.stderr == '', process.describe()


CASES = ['traffic', 'quiet', 'broker away', 'kinit hangs']


@pytest.mark.parametrize('way', ['SIGTERM', 'reader gone'])
@pytest.mark.parametrize('case', CASES)
def test_it_stops_at_once_and_says_nothing(capture, window, topic, case, way):
    argv, brokers = [], None
    if case == 'broker away':
        brokers = f'127.0.0.1:{free_port()}'
    elif case == 'kinit hangs':
        argv = ['--properties', HANGING_KINIT]
    elif case == 'traffic':
        argv = ['--start', 'begin']
        topic.produce(captures.sample(20000, 200))
    process = capture(topic.name, *argv, brokers=brokers)
    window.read(100000 if case == 'traffic' else 28)
    if case == 'kinit hangs':
        wait.until(lambda: run('pgrep', '-P', str(process.pid), check=False).stdout, 20, 'a kinit')
    began = time.monotonic()
    if way == 'SIGTERM':
        process.send_signal(signal.SIGTERM)
    else:
        window.close()
    process.wait(10)
    assert time.monotonic() - began < 1
    assert process.status == 0 and process.stderr == '', process.describe()


def test_a_bounded_read_stops_when_its_reader_goes(capture, window):
    process = capture('pcap', '--start', 'begin', '--end', 'end', '--properties', HANGING_KINIT)
    window.read(28)
    began = time.monotonic()
    window.close()
    process.wait(10)
    assert time.monotonic() - began < 1
    assert process.status == 0 and process.stderr == '', process.describe()


WRONG = {
    'broker': ([], r'.*127\.0\.0\.1:\d+: .*Connection refused.*'),
    'topic': ([], r'.*topic no-such-topic: .*Unknown topic.*'),
    'filter': (['--filter', 'tcp prot 80'], r".*filter 'tcp prot 80': .*syntax error.*"),
    'capture filter': (['--extcap-capture-filter', 'tcp prot 80'], r'.*tcp prot 80.*syntax.*'),
    'no topic': (['--topic', ''], r'pycapa: no topic is given: .*'),
    'start': (['--start', 'time', '--starttime', 'noon'], r'.*noon.*'),
    'property': (['--properties', 'linger=5'], r'.*linger.*'),
    'file': (['--config', '/nonexistent.cfg'], r'.*/nonexistent\.cfg.*No such file.*'),
}


@pytest.mark.parametrize('case', WRONG)
def test_what_is_wrong_is_one_line(capture, window, topic, case):
    argv, said = WRONG[case]
    process = capture('no-such-topic' if case == 'topic' else topic.name, *argv,
                      brokers=f'127.0.0.1:{free_port()}' if case == 'broker' else None)
    began = time.monotonic()
    assert process.wait(10) > 0
    assert time.monotonic() - began < 6
    assert re.fullmatch(said + r'\n', process.stderr), process.describe()
    assert 'stall-timeout' not in process.stderr
    # Who reads the fifo would wait for ever if nobody opened it.
    assert window.read(1 << 16).startswith(b'\n\r\r\n')


def read_controls(path, out):
    """Each message of a control pipe: (control, command, text)."""
    with open(path, 'rb') as f:
        while True:
            head = f.read(6)
            if len(head) < 6:
                return
            size = int.from_bytes(head[1:4], 'big')
            out.append((head[4], head[5], f.read(size - 2).decode()))


def test_control_pipes_carry_the_log_and_the_state(tmp_path, spawn, topic):
    window, messages = Window(str(tmp_path), controls=True), []
    # As the window: its opening of each end waits for the other.
    reader = threading.Thread(target=read_controls, args=(window.paths[1], messages), daemon=True)
    writer = threading.Thread(target=lambda: open(window.paths[0], 'wb').close(), daemon=True)
    reader.start()
    writer.start()
    topic.produce(captures.sample(3))
    topic.produce_raw([(b'', b'no packet', None, 0)])
    process = spawn(*window.argv, '--brokers', topic.broker.bootstrap, '--topic', topic.name,
                    '--start', 'begin', '--end', 'end')
    writer.join(5)
    assert not writer.is_alive()
    window.read(1 << 20)
    assert process.wait(10) == 0 and process.stderr == '', process.describe()
    reader.join(5)
    assert not reader.is_alive()
    log = ''.join(text for control, command, text in messages if (control, command) == (0, 2))
    assert "'3' packet(s) in, '3' packet(s) out" in log, log
    assert '1 record(s) skipped that are not packets' in log, log
    states = [text for control, command, text in messages if (control, command) == (255, 6)]
    assert any(f'topic {topic.name}' in text for text in states), messages
    window.close()


# ---- tshark ----

@pytest.fixture
def tshark():
    running = []
    # Where others may go, unlike pytest's own folders.
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)

        def start(user, *argv, **kwargs):
            running.append(Tshark(Path(directory) / 'home', user, *argv, **kwargs))
            return running[-1]
        yield start
        for process in running:
            process.kill()


def of(source, **arguments):
    """-i and -o of a capture of the topic."""
    return of_values(**{'brokers': source.broker.bootstrap, 'topic': source.name, **arguments})


FIELDS = ['-l', '-T', 'fields', '-e', 'udp.port', '-e', 'data.data']
USERS = ['', 'nobody']


@pytest.mark.parametrize('user', USERS)
def test_tshark_lists_and_captures_live(tshark, topic, user):
    listed = tshark(user, '-D')
    assert listed.wait(30) == 0, listed.describe()
    assert re.search(rb'^\d+\. pycapa \(Kafka topic \(pycapa\)\)$', listed.stdout, re.M), \
        listed.stdout
    process = tshark(user, *of(topic), *FIELDS)

    def comes():
        topic.produce(packets(0))
        return process.stdout
    wait.until(comes, 30, lambda: f'a packet\n{process.describe()}')
    began = time.monotonic()
    process.stop(signal.SIGINT, 10)
    assert time.monotonic() - began < 3
    assert 'extcap' not in process.stderr, process.describe()


def test_tshark_captures_a_range(tshark, topic):
    topic.produce(captures.sample(100, 64, start_us=1700000000 * 10**6, step_us=10**6))
    process = tshark('', *of(topic, start='time', starttime='1700000010', end='time',
                             endtime='1700000030', filter='udp', reorder='100',
                             protocol='plaintext', mechanism='PLAIN', username='u',
                             properties='client.id=x; fetch.wait.max.ms=10'), '-T', 'fields',
                     '-e', 'frame.time_epoch')
    assert process.wait(30) == 0, process.describe()
    assert [int(float(line)) for line in process.stdout.split()] == [
        *range(1700000010, 1700000030)], process.describe()


def test_tshark_captures_by_a_configuration_file(tshark, topic, tmp_path):
    (tmp_path / 'site.cfg').write_text(
        f'mode = "consumer";\nkafka-broker = "{topic.broker.bootstrap}";\n'
        f'kafka-topic = "{topic.name}";\nkafka-offset = "stored";\nwrite-file = "/nonexistent";\n')
    topic.produce(captures.sample(10, 64))
    process = tshark('', '-i', 'pycapa-site', '-o', 'extcap.pycapa_site.start:begin', '-o',
                     'extcap.pycapa_site.end:end', '-f', 'udp port 5003', *FIELDS,
                     env={'CONFIGURATION_DIRECTORY': str(tmp_path)})
    assert process.wait(30) == 0, process.describe()
    expected = [p for p in captures.sample(10, 64) if struct.unpack_from('!H', p.data, 34)[0] == 5003]
    assert len(process.stdout.splitlines()) == len(expected) > 0, process.describe()


def test_tshark_captures_by_the_configuration_file_of_the_dialog(tshark, topic, tmp_path):
    file = tmp_path / 'any name.cfg'
    file.write_text(f'mode = "consumer";\nkafka-broker = "{topic.broker.bootstrap}";\n'
                    f'kafka-topic = "{topic.name}";\n')
    topic.produce(captures.sample(10, 64))
    process = tshark('', *of_values(brokers='', topic='', config=file, start='begin', end='end'),
                     *FIELDS)
    assert process.wait(30) == 0, process.describe()
    assert len(process.stdout.splitlines()) == 10, process.describe()


def test_tshark_shows_one_line_for_what_is_wrong(tshark, topic):
    process = tshark('', *of(topic, topic='no-such-topic'))
    process.wait(30)
    assert len(process.grep('topic no-such-topic: .*Unknown topic')) == 1, process.describe()
