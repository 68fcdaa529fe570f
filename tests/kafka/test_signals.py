# SPDX-License-Identifier: Apache-2.0
"""Signals: how a run ends, and when it does not."""
import signal
import time

import pytest

from harness import captures, traffic, wait

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
    process.wait_line(r'^INFO:root:.*\breceived=\d+', timeout=10)
    assert process.stop() == 0


def stalled_producer(broker, pair, spawn, *argv):
    """A producer with packets that nobody takes: its broker stands still."""
    broker.start()
    name = broker.topic()
    process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', name, *argv)
    process.wait_capturing()
    traffic.send(pair, 10, 0)
    wait.until(lambda: process.stats()['delivered'] == 10, 30, process.describe)
    broker.pause()
    traffic.send(pair, 50, 0, first=10)
    wait.until(lambda: process.stats()['queued'] == 50, 20, process.describe)
    return process


@pytest.mark.waits
def test_a_second_interrupt_gives_up_the_wait(own_broker, pair, spawn):
    process = stalled_producer(own_broker, pair, spawn)
    process.send_signal(signal.SIGINT)
    process.wait_line("Waiting for '50' message")
    wait.stays(process.running, 1, process.describe)
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 1, process.describe()
    assert time.monotonic() - before < 4
    assert process.counts() == (60, 10)
    assert '50' in process.lines[-1] and process.lines[-1].startswith('ERROR'), process.describe()


@pytest.mark.waits
def test_the_wait_at_the_end_has_a_deadline(own_broker, pair, spawn):
    process = stalled_producer(own_broker, pair, spawn, '--shutdown-timeout', '2s')
    before = time.monotonic()
    assert process.stop(timeout=30) == 1, process.describe()
    assert 1.5 < time.monotonic() - before < 8
    assert process.counts() == (60, 10)
    assert '50' in process.lines[-1], 'the last line says how many\n' + process.describe()
