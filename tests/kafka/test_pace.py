# SPDX-License-Identifier: Apache-2.0
"""A capture file replayed at the speed of its time stamps."""
import time

from harness import captures, wait


def start(spawn, topic, source, *argv):
    return spawn('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name, *argv)


def test_packets_come_when_they_are_due(topic, spawn, tmp_path):
    packets = captures.sample(41, size=100, step_us=500000)
    source = captures.write(tmp_path / 'in.pcap', packets)
    process = start(spawn, topic, source, '--pace', '10').wait_capturing()
    begin = time.monotonic()
    topic.wait_count(5)
    assert topic.count() < 41, process.describe()
    assert process.wait(30) == 0, process.describe()
    assert 1.5 <= time.monotonic() - begin < 10
    assert process.counts() == (41, 41)
    assert [r.value for r in topic.records()] == [p.data for p in packets]


def test_a_wait_costs_nothing_and_ends_at_once(topic, spawn, tmp_path):
    packets = captures.sample(2, size=100, step_us=3600 * 1000000)
    source = captures.write(tmp_path / 'in.pcap', packets)
    process = start(spawn, topic, source, '--pace', '--stall-timeout', '1s')
    process.wait_line(r'in\.pcap: the next packet is due in 3600 s \(--pace\)$')
    topic.wait_count(1)
    before = process.cpu(first_thread=True)
    wait.elapse(2)
    assert process.cpu(first_thread=True) - before < 0.1
    assert process.running(), 'a wait is no stall: ' + process.describe()
    begin = time.monotonic()
    process.stop()
    assert time.monotonic() - begin < 2, process.describe()
    assert process.counts() == (1, 1)
