# SPDX-License-Identifier: Apache-2.0
"""Signals: how a run ends, and when it does not."""
import os
import re
import signal
import socket
import time

import pytest

from harness import captures, traffic, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.witness import Topic

pytestmark = pytest.mark.library

CLOSING = [
    r'^INFO:root:Clean shutdown process started$',
    r"^INFO:root:Waiting for '\d+' message\(s\) to flush$",
    r"^INFO:root:'\d+' packet\(s\) in, '\d+' packet\(s\) out$",
]


def assert_closing(process):
    positions = []
    for pattern in CLOSING:
        found = process.grep(pattern)
        assert len(found) == 1, process.describe()
        positions.append(process.lines.index(found[0]))
    assert positions == sorted(positions)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_capture_and_all_is_delivered(topic, pair, producer, number):
    process = producer(pair, topic)
    traffic.send(pair, 2000, 0)
    # At once: what is still in the ring belongs to it too.
    assert process.stop(number) == 0, process.describe()
    assert process.counts() == (2000, 2000)
    assert topic.count() == 2000
    assert_closing(process)


def test_a_hang_up_that_was_ignored_at_the_start_stays_ignored(topic, pair, producer):
    process = producer(pair, topic,
                       preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    traffic.send(pair, 100, 1000)
    topic.wait_count(100)
    assert process.running()
    assert process.stop() == 0, process.describe()
    assert process.counts() == (100, 100)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_quiet_consumer_at_once(topic, consumer, number):
    process = consumer(topic)
    process.wait_stdout(24)
    before = time.monotonic()
    assert process.stop(number) == 0, process.describe()
    assert time.monotonic() - before < 2
    assert process.counts() == (0, 0)


def test_a_signal_ends_a_consumer_that_never_found_a_broker(spawn):
    process = spawn('-c', '-k', '127.0.0.1:1', '-t', 'pcap')
    process.wait_line('(?i)connect|broker|waiting')
    before = time.monotonic()
    assert process.stop() == 0, process.describe()
    assert time.monotonic() - before < 3


def test_usr1_prints_the_stats_line(topic, pair, producer):
    process = producer(pair, topic)
    traffic.send(pair, 300, 0)
    topic.wait_count(300)
    wait.until(lambda: process.stats()['delivered'] == 300, 10, process.describe)
    stats = process.stats()
    assert stats['received'] == 300 and stats['queued'] == 0 and stats['failed'] == 0
    assert {'dropped_kernel', 'dropped_interface', 'own', 'packets/s', 'bits/s'} <= set(stats)
    assert process.stop() == 0


def test_usr1_prints_the_stats_line_of_a_consumer(topic, consumer):
    topic.produce(captures.sample(100, size=80))
    process = consumer(topic, '-o', 'begin')
    process.wait_stdout(24 + 100 * 96)
    wait.until(lambda: process.stats()['written'] == 100, 10, process.describe)
    stats = process.stats()
    assert stats['read'] == 100 and stats['skipped'] == 0
    assert process.stop() == 0


def test_stats_interval(topic, pair, producer):
    process = producer(pair, topic, '--stats-interval', '1')
    wait.until(lambda: len(process.grep(r'^INFO:root:.*\breceived=\d+')) >= 3, 20, process.describe)
    assert process.stop() == 0, process.describe()


def stalled_producer(broker, pair, spawn, *argv, **kwargs):
    """A producer with packets that nobody takes: its broker stands still."""
    name = broker.topic()
    process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', name, *argv,
                    **kwargs)
    process.wait_capturing()
    traffic.send(pair, 10, 0)
    wait.until(lambda: process.stats()['delivered'] == 10, 30, process.describe)
    broker.pause()
    traffic.send(pair, 50, 0, first=10)
    wait.until(lambda: process.stats()['queued'] == 50, 20, process.describe)
    return process


def assert_lost_50(process):
    """The last line says how many."""
    assert process.lines[-1].startswith('ERROR:root:50 packet(s) not delivered'), process.describe()


def test_a_second_interrupt_gives_up_the_wait(outage_broker, pair, spawn):
    process = stalled_producer(outage_broker, pair, spawn)
    process.send_signal(signal.SIGINT)
    process.wait_line("Waiting for '50' message")
    wait.stays(process.running, 1, process.describe)
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 1, process.describe()
    assert time.monotonic() - before < 4
    assert process.counts() == (60, 10)
    assert_lost_50(process)


def test_the_wait_at_the_end_has_a_deadline(outage_broker, pair, spawn):
    process = stalled_producer(outage_broker, pair, spawn, '--shutdown-timeout', '2s')
    before = time.monotonic()
    assert process.stop(timeout=30) == 1, process.describe()
    assert 1.5 < time.monotonic() - before < 8
    assert process.counts() == (60, 10)
    assert_lost_50(process)


def test_a_shutdown_timeout_of_0_gives_up_at_once(outage_broker, pair, spawn):
    process = stalled_producer(outage_broker, pair, spawn, '--shutdown-timeout', '0')
    before = time.monotonic()
    assert process.stop(timeout=20) == 1, process.describe()
    assert time.monotonic() - before < 4
    assert process.counts() == (60, 10)
    assert_lost_50(process)


def test_a_stop_does_not_wait_for_kafka_when_all_is_in_the_spool(outage_broker, pair, spawn,
                                                                 tmp_path):
    """Within the 30 s of --shutdown-timeout Kafka would hardly be back, and it need not."""
    process = stalled_producer(outage_broker, pair, spawn,
                               '--spool-directory', tmp_path / 'spool')
    outage_broker.kill()
    process.wait_line('^WARNING:root:Kafka is out of reach')
    before = time.monotonic()
    assert process.stop(signal.SIGTERM) == 0, process.describe()
    assert time.monotonic() - before < 5, process.describe()
    assert process.account()['spooled'] == 50, process.describe()
    outage_broker.start()
    topic = Topic(outage_broker, process.argv[process.argv.index('-t') + 1])
    again = spawn(*process.argv[1:]).wait_capturing()
    topic.wait_count(60)
    assert again.stop() == 0, again.describe()
    assert sorted(captures.sequence(r.value) for r in topic.records()) == list(range(60))


@pytest.fixture
def ending(spawn, tmp_path):
    """Starts a replay that has read its file and waits for a broker that is not there."""
    def start(*argv):
        path = captures.write(tmp_path / 'in.pcap', captures.sample(20))
        process = spawn('-p', '-r', path, '-k', f'127.0.0.1:{free_port()}', *argv)
        process.wait_line("Waiting for '20' message")
        return process
    return start


def test_the_first_interrupt_of_a_run_that_is_ending_begins_the_wait(ending):
    process = ending()
    process.send_signal(signal.SIGINT)
    process.wait_line('^INFO:root:Clean shutdown process started$')
    process.wait_line(r'^INFO:root:Waiting for the broker 127\..*; for 29 s more at most, '
                      'a second signal gives up at once$', 5)
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 1, process.describe()
    assert time.monotonic() - before < 4
    assert process.counts() == (20, 0)


def test_an_interrupt_gives_a_run_that_is_ending_its_deadline(ending):
    process = ending('--shutdown-timeout', '2s')
    before = time.monotonic()
    assert process.stop(signal.SIGINT, timeout=30) == 1, process.describe()
    assert 1.5 < time.monotonic() - before < 8
    assert re.search('20 packet.* not delivered, waited for the broker', process.lines[-1])


def test_a_reader_that_stands_still_costs_dumps_but_no_packet(topic, pair, producer):
    reader, writer = os.pipe()
    process = producer(pair, topic, '-pp', '1', stdout=writer)
    os.close(writer)
    count = 20000  # 12 MB of dumps
    traffic.send(pair, count, 10000, size=200)
    topic.wait_count(count)
    before = time.monotonic()
    assert process.stop(timeout=30) == 0, process.describe()
    assert time.monotonic() - before < 10
    assert process.counts() == (count, count)
    told = re.search(r'^WARNING:root:(\d+) dump\(s\) of --pretty-print were left out', process.stderr,
                     re.M)
    assert told and count // 2 < int(told.group(1)) < count, process.describe()
    with open(reader, 'rb') as f:
        shown = [int(n) for n in re.findall(rb'^(\d+) packet\(s\) received$', f.read(), re.M)]
    assert shown == list(range(1, len(shown) + 1)) and shown


def test_a_reader_that_goes_away_costs_no_packet(topic, pair, producer):
    reader, writer = os.pipe()
    process = producer(pair, topic, '-pp', '1', stdout=writer)
    os.close(writer)
    os.close(reader)
    traffic.send(pair, 2000, 5000, size=200)
    topic.wait_count(2000)
    assert process.stop() == 0, process.describe()
    assert process.counts() == (2000, 2000) and not process.grep('dump'), process.describe()


def test_a_slow_reader_of_a_run_that_ends_gets_all_that_was_put(topic, spawn, tmp_path):
    """More than the pipe holds, less than pycapa keeps: what waits at the end is not lost."""
    path = captures.write(tmp_path / 'in.pcap', captures.sample(1000, size=200))
    reader, writer = os.pipe()
    process = spawn('-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name, '-pp', '1',
                    stdout=writer)
    os.close(writer)
    topic.wait_count(1000)
    with open(reader, 'rb') as f:
        shown = re.findall(rb'^(\d+) packet\(s\) received$', f.read(), re.M)
    assert process.wait(10) == 0, process.describe()
    assert len(shown) == 1000 and not process.grep('dump'), process.describe()


class Manager:
    """What a service manager is told (sd_notify)."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []

    def messages(self):
        try:
            while True:
                self.told.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode())
        except BlockingIOError:
            return self.told

    def wait(self, pattern):
        wait.until(lambda: any(re.search(pattern, m) for m in self.messages()), 20,
                   lambda: f'{pattern!r} among {self.told}')


@pytest.fixture
def managed(outage_broker, pair, spawn, tmp_path):
    """A stalled producer with a file, under a manager; (process, file, manager)."""
    file, manager = tmp_path / 'one.cfg', Manager(tmp_path / 'notify')
    file.write_text('stats-interval = 60;\n')
    process = stalled_producer(outage_broker, pair, spawn, '-C', str(file),
                               env={'NOTIFY_SOCKET': manager.path})
    yield process, file, manager
    manager.socket.close()


def test_a_reload_of_an_instance_that_stops_does_not_take_that_back(managed):
    process, file, manager = managed
    process.send_signal(signal.SIGTERM)
    manager.wait('^STOPPING=1')
    process.send_signal(signal.SIGHUP)
    process.wait_line('^ERROR:root:Reload refused.*is being stopped')
    told = '|'.join(manager.messages())
    assert not re.search('STOPPING.*(READY|RELOADING)', told, re.S), told
    assert process.stop(signal.SIGTERM) == 1


def test_the_status_names_what_is_waited_for(managed):
    process, file, manager = managed
    manager.wait(r'^STATUS=capturing on \S+(:|$)')
    # The connection stands and nothing is taken; then it is given up.
    manager.wait(r'^STATUS=capturing on \S+, waiting for topic ')
    process.wait_line('^WARNING:root:No packet has been delivered for 5 s: waiting for topic ')
    assert process.stop(signal.SIGTERM, timeout=60) == 1, process.describe()


def test_a_reload_tells_its_changes_whatever_the_level(managed):
    process, file, manager = managed
    file.write_text('stats-interval = 60;\nlog-level = "ERROR";\nsnaplen = 1000;\n')
    process.send_signal(signal.SIGHUP)
    process.wait_line('^INFO:root:reload: snaplen: 65535 -> 1000$')
    file.write_text('stats-interval = 60;\nlog-level = "INFO";\nsnaplen = 2000;\n')
    process.send_signal(signal.SIGHUP)
    process.wait_line('^INFO:root:reload: snaplen: 1000 -> 2000$')
    process.wait_line('^INFO:root:Reloaded ')


def test_a_configuration_that_is_a_fifo_holds_up_nothing(managed):
    process, file, manager = managed
    file.unlink()
    os.mkfifo(file)
    process.send_signal(signal.SIGHUP)
    process.wait_line('^ERROR:root:Reload refused, the old settings stay: .*it is a fifo')
    checked = pycapa('-C', file, '--check-config', timeout=10)
    assert checked.status == 2 and 'it is a fifo' in checked.stderr, checked.describe()
    file.unlink()
    file.write_text('stats-interval = 60;\nsnaplen = 1000;\n')
    process.send_signal(signal.SIGHUP)
    process.wait_line('^INFO:root:reload: snaplen: 65535 -> 1000$')
