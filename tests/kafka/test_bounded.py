# SPDX-License-Identifier: Apache-2.0
"""A run that has an end never hangs; one without waits, says so once, and recovers by itself."""
import re

import pytest

from harness import captures, traffic, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.witness import Topic

STALL = 3


@pytest.fixture
def nowhere():
    """The address of a broker that is not there."""
    return f'127.0.0.1:{free_port()}'


@pytest.fixture
def capture_file(tmp_path):
    return captures.write(tmp_path / 'in.pcap', captures.sample(20))


def assert_gave_up(process, waited_for, status=1):
    """One line says what it waited for; no other end than that."""
    assert process.status == status, process.describe()
    lines = process.grep(rf'^ERROR:root:No progress for {STALL} s, giving up; waited for ')
    assert len(lines) == 1, process.describe()
    assert re.search(f'waited for {waited_for}', lines[0]), lines[0]
    assert re.search(f'^ERROR:root:.*waited for {waited_for}', process.lines[-1]), (
        process.describe())


def run(*argv):
    return pycapa(*argv, '--stall-timeout', f'{STALL}s', timeout=STALL + 10)


def test_replay_without_a_broker(nowhere, capture_file):
    process = run('-p', '-r', capture_file, '-k', nowhere)
    assert_gave_up(process, f'(the )?broker {nowhere}')
    assert process.counts() == (20, 0)


def test_replay_without_a_topic(broker, capture_file):
    process = run('-p', '-r', capture_file, '-k', broker.bootstrap, '-t', 'no-such-topic')
    assert_gave_up(process, 'topic no-such-topic')
    assert process.counts() == (20, 0)


def test_capture_of_n_packets_without_a_broker(nowhere, pair, spawn):
    process = spawn('-p', '-i', pair.inside, '-k', nowhere, '-m', '10', '--stall-timeout',
                    f'{STALL}s').wait_capturing()
    traffic.send(pair, 10, 1000)
    process.wait(STALL + 10)
    assert_gave_up(process, f'(the )?broker {nowhere}')
    assert process.counts() == (10, 0)


def test_capture_of_a_silent_interface_without_a_broker(nowhere, pair, spawn):
    process = spawn('-p', '-i', pair.inside, '-k', nowhere, '-m', '10', '--stall-timeout',
                    f'{STALL}s')
    process.wait(STALL + 10)
    assert_gave_up(process, f'the broker {nowhere}')
    assert process.counts() == (0, 0)


def test_a_silent_interface_is_no_reason_to_give_up(topic, pair, producer):
    process = producer(pair, topic, '-m', '3', '--stall-timeout', '1s')
    wait.stays(process.running, 4, process.describe)
    traffic.send(pair, 3, 0)
    assert process.wait(20) == 0 and process.counts() == (3, 3), process.describe()


def test_a_short_stall_timeout_is_no_false_alarm(topic, consumer):
    process = consumer(topic, '-o', 'begin', '-m', '3', '--stall-timeout', '1500ms')
    wait.stays(process.running, 5, process.describe)
    topic.produce(captures.sample(3))
    assert process.wait(20) == 0 and process.counts() == (3, 3), process.describe()


def test_a_stall_is_told_with_its_unit(nowhere, capture_file):
    process = pycapa('-p', '-r', capture_file, '-k', nowhere, '--stall-timeout', '1500ms')
    assert process.status == 1
    assert process.grep('^ERROR:root:No progress for 1500 ms, giving up'), process.describe()


def test_the_last_line_says_why_packets_were_refused(make_topic, tmp_path):
    topic = make_topic(max_message_bytes=1000)
    path = captures.write(tmp_path / 'in.pcap', captures.sample(5, size=1400))
    process = pycapa('-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert process.status == 1, process.describe()
    assert re.search(r'^ERROR:root:5 packet\(s\) not delivered; 5 refused by Kafka for good: .*'
                     'too large', process.lines[-1]), process.describe()


@pytest.mark.parametrize('bound', [['-e'], ['-m', '5'], ['-e', '-o', 'stored']])
def test_consumer_without_a_broker(bound, nowhere):
    process = run('-c', '-k', nowhere, *bound)
    assert_gave_up(process, f'(the )?broker {nowhere}')
    assert captures.parse(process.stdout) == (1, []), 'the header and nothing else'


@pytest.mark.parametrize('bound', [['-e'], ['-m', '5']])
def test_consumer_without_a_topic(bound, broker):
    process = run('-c', '-k', broker.bootstrap, '-t', 'no-such-topic', *bound)
    assert_gave_up(process, 'topic no-such-topic')


def test_a_topic_that_is_there_but_empty_is_no_wait_with_e(topic):
    process = run('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e')
    assert process.status == 0, process.describe()
    assert not process.grep('^(WARN|ERROR)'), process.describe()
    assert captures.parse(process.stdout) == (1, [])


def test_a_slow_run_that_makes_progress_is_not_given_up(topic, consumer):
    process = consumer(topic, '-o', 'begin', '-m', '5', '--stall-timeout', f'{STALL}s')
    sample = captures.sample(5)
    # Pauses that together are twice as long; each leaves time for a producer on a busy machine.
    for n, packet in enumerate(sample, 1):
        topic.produce([packet])
        process.wait_stdout(24 + sum(16 + len(p.data) for p in sample[:n]))
        if n < 5:
            wait.elapse(STALL / 2)
    assert process.wait(10) == 0 and process.counts() == (5, 5), process.describe()
    assert captures.parse(process.stdout) == (1, sample)


@pytest.mark.parametrize('role', ['producer', 'consumer'])
def test_a_broker_that_is_absent_for_8_s_makes_no_flood(role, nowhere, pair, spawn):
    argv = ['-p', '-i', pair.inside] if role == 'producer' else ['-c']
    process = spawn(*argv, '-k', nowhere)
    process.wait_line('^WARNING:root:Kafka is out of reach .* waiting for it')
    if role == 'producer':
        traffic.send(pair, 100, 1000)
    wait.elapse(8)
    assert process.running(), process.describe()
    assert len(process.grep('out of reach')) == 1, process.describe()
    assert len(process.lines) <= 6, process.describe()
    counted = process.stats()
    if role == 'producer':
        assert counted['received'] == counted['queued'] == 100, process.describe()
    else:
        assert counted['read'] == 0, process.describe()


def test_a_producer_waits_for_its_topic(broker, pair, spawn):
    name = f'late-{pair.inside}'
    process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', name).wait_capturing()
    traffic.send(pair, 10, 1000)
    process.wait_line(rf'^(WARNING|ERROR):root:.*{name}', timeout=60)
    assert process.stats()['delivered'] == 0
    broker.topic(name=name)
    wait.until(lambda: process.stats()['delivered'] == 10, 30, process.describe)
    assert len(process.grep(rf'^(WARNING|ERROR):root:.*{name}')) == 1, process.describe()
    assert process.stop() == 0, process.describe()
    assert Topic(broker, name).count() == 10


def test_a_consumer_waits_for_its_topic(broker, spawn, tmp_path):
    name = f'late-{tmp_path.name}'
    process = spawn('-c', '-k', broker.bootstrap, '-t', name, '-o', 'begin')
    process.wait_line(rf'^WARNING:root:.*{name}')
    topic = Topic(broker, broker.topic(name=name))
    packets = captures.sample(10)
    topic.produce(packets)
    process.wait_stdout(24 + sum(16 + len(p.data) for p in packets))
    assert len(process.grep(rf'^(WARNING|ERROR):root:.*{name}')) == 1, process.describe()
    assert process.stop() == 0, process.describe()
    assert captures.parse(process.stdout) == (1, packets)


def test_a_consumer_waits_for_its_broker(outage_broker, spawn):
    topic = Topic(outage_broker, outage_broker.topic())
    packets = captures.sample(10)
    topic.produce(packets)
    outage_broker.stop()
    process = spawn('-c', '-k', outage_broker.bootstrap, '-t', topic.name, '-o', 'begin')
    process.wait_line('^WARNING:root:Kafka is out of reach')
    outage_broker.start()
    outage_broker.wait_taking()
    process.wait_stdout(24 + sum(16 + len(p.data) for p in packets), timeout=5)
    assert process.stop() == 0, process.describe()
    assert len(process.grep('out of reach')) == 1, process.describe()
    assert captures.parse(process.stdout) == (1, packets)
