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


@pytest.fixture
def short_watchdog(host):
    path = '/etc/systemd/system/pycapa@.service.d/test.conf'
    host.write(path, '[Service]\nWatchdogSec=2\n')
    host.systemctl('daemon-reload')
    yield
    host.run('rm', path)
    host.systemctl('daemon-reload')


def test_stopped_process_is_restarted_by_the_watchdog(short_watchdog, producer, link, topic):
    pid = producer.pid
    producer.kill('SIGSTOP')
    producer.wait_active(not_pid=pid)
    assert producer.messages('(?i)watchdog')
    producer.wait_status('capturing')
    traffic.send(link, 100, 1000)
    topic.wait_count(100)


def test_watchdog_is_fed_while_it_waits(short_watchdog, instances, link, tmp_path):
    """No broker, no interface: nothing to do, but alive."""
    i = instances('absent1', None, 'pcap', kafka_broker='127.0.0.1:9').start()
    pid = i.pid
    wait.stays(lambda: i.show('MainPID') == str(pid), 6, 'restarted while it waited')


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
    assert producer.show('Result') == 'success' and producer.show('ExecMainStatus') == '0'
    line = producer.messages(r"packet\(s\) in, '\d+' packet\(s\) out")[-1]
    received, delivered = [int(n) for n in line.split("'")[1::2]]
    assert received == delivered == topic.count()
    # One run without a gap from what was captured first to what was captured last.
    assert numbers(topic) == list(range(received))
    assert not producer.messages('(?i)sigkill')


def test_stop_without_a_broker_counts_what_is_left(own_broker, instances, link):
    own_broker.start()
    name = own_broker.topic()
    i = instances(link.name, own_broker, name, shutdown_timeout='3s', spool_directory='').start()
    i.wait_status('capturing')
    own_broker.kill()
    traffic.send(link, 300, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 300)
    start = time.monotonic()
    i.systemctl('stop', check=False)
    assert time.monotonic() - start < 10
    assert i.show('ExecMainStatus') == '1'
    entry, = i.entries(UNDELIVERED)
    assert '300' in entry['MESSAGE'] and entry['PRIORITY'] == '3'
    assert not i.messages('(?i)sigkill')


def test_stop_keeps_what_is_left_for_the_next_start(own_broker, instances, link):
    """A service has a spool without a word on it in its file."""
    from harness.witness import Topic
    own_broker.start()
    topic = Topic(own_broker, own_broker.topic())
    i = instances(link.name, own_broker, topic.name).start()
    i.wait_status('capturing')
    own_broker.kill()
    traffic.send(link, 300, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 300)
    wait.until(lambda: i.messages('Kafka is out of reach'), 10, i.story)
    start = time.monotonic()
    i.stop()
    assert time.monotonic() - start < 5, 'waited for Kafka, though all is in the spool' + i.story()
    assert i.show('ExecMainStatus') == '0', i.story()
    own_broker.start()
    i.start()
    topic.wait_count(300)
    assert set(numbers(topic)) == set(range(300))


def test_stop_while_it_waits_for_its_interface_is_immediate(instances, broker, topic):
    i = instances('absent2', broker, topic.name).start()
    start = time.monotonic()
    i.stop()
    assert time.monotonic() - start < 3
    assert i.show('Result') == 'success'


def test_stop_with_a_longer_shutdown_timeout_than_the_unit_s(own_broker, instances, link):
    """TimeoutStopSec is 45 s: pycapa asks systemd for the time that its own deadline takes."""
    own_broker.start()
    name = own_broker.topic()
    i = instances(link.name, own_broker, name, shutdown_timeout='55s', spool_directory='').start()
    i.wait_status('capturing')
    own_broker.kill()
    traffic.send(link, 100, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 100)
    i.systemctl('stop', check=False, timeout=90)
    assert i.show('ExecMainStatus') == '1', i.story()
    assert i.show('Result') == 'exit-code'
    assert i.entries(UNDELIVERED)
