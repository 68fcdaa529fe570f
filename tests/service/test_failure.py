# SPDX-License-Identifier: Apache-2.0
"""Watchdog, kill, stop: how the service ends and comes back."""
import time

import pytest

from harness import traffic, wait
from instance import counters
from outer import numbers

UNDELIVERED = 'MESSAGE_ID=b4a334d492644a9badc91587da5bf1fa'


def test_shipped_unit_has_a_watchdog(producer):
    assert producer.show('WatchdogUSec') == '20s'
    first = producer.show('WatchdogTimestampMonotonic')
    wait.until(lambda: producer.show('WatchdogTimestampMonotonic') != first, 20, 'fed')
    # A stop may take as long as pycapa does by default.
    assert producer.show('TimeoutStopUSec') == '45s'


@pytest.fixture
def unit_settings(host):
    """Sets what a line of the unit says, for this test."""
    path = '/etc/systemd/system/pycapa@.service.d/test.conf'

    def change(*lines):
        host.write(path, '\n'.join(['[Service]', *lines, '']))
        host.systemctl('daemon-reload')
    yield change
    host.run('rm', '-f', path)
    host.systemctl('daemon-reload')


@pytest.fixture
def short_watchdog(unit_settings):
    unit_settings('WatchdogSec=2')


def test_stopped_process_is_restarted_by_the_watchdog(short_watchdog, producer, link, topic):
    assert producer.show('WatchdogUSec') == '2s'
    pid = producer.pid
    producer.kill('SIGSTOP')
    stopped = time.monotonic()
    producer.wait_active(not_pid=pid)
    assert time.monotonic() - stopped < 15, 'not by the watchdog of this test'
    assert producer.messages('(?i)watchdog')
    producer.wait_status('capturing')
    traffic.send(link, 100, 1000)
    topic.wait_count(100)


def test_watchdog_is_fed_while_it_waits(short_watchdog, instances):
    """No broker, no interface: nothing to do, but alive."""
    i = instances('absent1', None, 'pcap', kafka_broker='127.0.0.1:9').start()
    assert i.show('WatchdogUSec') == '2s'
    pid = i.pid
    wait.stays(lambda: i.show('MainPID') == str(pid), 5, 'restarted while it waited')
    assert i.show('NRestarts') == '0'


def test_kill_9_is_restarted_and_the_counters_show_the_gap(producer, link, topic):
    stream = traffic.start(link, 8000, 1000)
    producer.wait_stats(lambda c: c['RECEIVED'] > 500)
    pid = producer.pid
    producer.kill('SIGKILL')
    producer.wait_active(not_pid=pid)
    assert producer.show('NRestarts') == '1'
    assert stream.wait(30) == 0
    wait.until(lambda: 7999 in numbers(topic), 20, producer.story)
    second = producer.wait_stats(lambda c: c['QUEUED'] == 0)
    by_pid = {}
    for entry in producer.stats_entries():
        by_pid.setdefault(entry['_PID'], []).append(entry)
    assert len(by_pid) == 2, 'the lines of both processes'
    first = counters(next(iter(by_pid.values()))[-1])
    # What neither of the two counted is what passed in between.
    assert 0 < first['RECEIVED'] + second['RECEIVED'] < 8000
    # One gap, of what passed and what was in memory; before and after it nothing is missing.
    got = numbers(topic)
    ends = [n for n, after in zip(got, got[1:]) if after != n + 1]
    assert got[0] == 0 and len(ends) == 1, ends
    assert first['DELIVERED'] <= ends[0] + 1
    assert second['RECEIVED'] == 7999 - got[ends[0] + 1] + 1


def test_sigterm_under_load_delivers_everything_captured(producer, link, topic):
    stream = traffic.start(link, 200000, 20000)
    producer.wait_stats(lambda c: c['RECEIVED'] > 20000)
    producer.stop()
    stream.kill()
    assert producer.ended_well(), producer.story()
    line = producer.messages(r"packet\(s\) in, '\d+' packet\(s\) out")[-1]
    received, delivered = [int(n) for n in line.split("'")[1::2]]
    assert received == delivered == topic.count()
    # One run without a gap from what was captured first to what was captured last.
    assert numbers(topic) == list(range(received))
    assert not producer.messages('(?i)sigkill')


def test_stop_without_a_broker_counts_what_is_left(outage_broker, instances, link):
    name = outage_broker.topic()
    i = instances(link.name, outage_broker, name, shutdown_timeout='3s',
                  spool_directory='').start()
    i.wait_status('capturing')
    outage_broker.kill()
    traffic.send(link, 300, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 300)
    start = time.monotonic()
    i.systemctl('stop', check=False)
    assert 3 <= time.monotonic() - start < 10
    assert i.show('ExecMainStatus') == '1'
    entry, = i.entries(UNDELIVERED)
    assert '300' in entry['MESSAGE'] and entry['PRIORITY'] == '3'
    assert not i.messages('(?i)sigkill')


def test_stop_keeps_what_is_left_for_the_next_start(outage_broker, instances, link):
    """A service has a spool without a word on it in its file."""
    from harness.witness import Topic
    topic = Topic(outage_broker, outage_broker.topic())
    i = instances(link.name, outage_broker, topic.name).start()
    i.wait_status('capturing')
    outage_broker.kill()
    traffic.send(link, 300, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 300)
    wait.until(lambda: i.messages('Kafka is out of reach'), 10, i.story)
    start = time.monotonic()
    i.stop()
    assert time.monotonic() - start < 12, 'waited for Kafka, though all is in the spool' + i.story()
    assert i.ended_well(), i.story()
    outage_broker.start()
    i.start()
    topic.wait_count(300)
    i.wait_stats(lambda c: c['SPOOLED'] == c['QUEUED'] == 0)
    assert numbers(topic) == list(range(300))


def test_stop_while_it_waits_for_its_interface_is_immediate(instances, broker, topic):
    i = instances('absent2', broker, topic.name).start()
    start = time.monotonic()
    i.stop()
    assert time.monotonic() - start < 10
    assert i.ended_well(), i.story()
    assert i.messages(r"'0' packet\(s\) in, '0' packet\(s\) out")


def test_stop_with_a_longer_shutdown_timeout_than_the_unit_s(unit_settings, instances, link):
    """pycapa asks systemd for the time that its own deadline takes."""
    unit_settings('TimeoutStopSec=2')
    i = instances(link.name, None, 'pcap', kafka_broker='127.0.0.1:9', shutdown_timeout='6s',
                  spool_directory='').start()
    assert i.show('TimeoutStopUSec') == '2s'
    i.wait_status('capturing')
    traffic.send(link, 100, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 100)
    start = time.monotonic()
    i.systemctl('stop', check=False)
    assert 6 <= time.monotonic() - start < 15, i.story()
    assert i.show('ExecMainStatus') == '1', i.story()
    assert i.show('Result') == 'exit-code'
    entry, = i.entries(UNDELIVERED)
    assert '100' in entry['MESSAGE']
