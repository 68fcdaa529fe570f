# SPDX-License-Identifier: Apache-2.0
"""What a consumer waits for, when it gives up, and how it goes on; stored offsets to the record."""
import os
import re
import signal
import struct
import time
import uuid

import pytest
from confluent_kafka import Producer

from harness import captures, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.witness import Topic

pytestmark = pytest.mark.library


def consume(topic, *argv, **kwargs):
    return pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, **kwargs)


def numbers(blob):
    return [captures.sequence(p.data) for p in captures.parse(blob)[1]]


def whole(count, size):
    """How long a capture of `count` packets is."""
    return 24 + count * (16 + size)


@pytest.fixture
def absent():
    """The address of a broker that is not there."""
    return f'127.0.0.1:{free_port()}'


@pytest.mark.parametrize('bound', [['-e'], ['-m', '5']])
def test_a_bounded_run_without_a_broker_gives_up(absent, bound):
    before = time.monotonic()
    process = pycapa('-c', '-k', absent, '-t', 'none', '--stall-timeout', '2s', *bound)
    assert process.status == 1, process.describe()
    assert 1.5 < time.monotonic() - before < 12
    assert process.grep(f'^ERROR:root:.*{absent}'), process.describe()


def test_a_bounded_run_without_its_topic_gives_up(broker):
    process = pycapa('-c', '-k', broker.bootstrap, '-t', 'missing', '-e', '--stall-timeout', '2s')
    assert process.status == 1, process.describe()
    assert process.grep('^ERROR:root:.*missing'), process.describe()
    assert len(process.grep('missing does not exist')) == 1, 'said once'


def test_a_live_run_waits_for_its_topic_and_says_so_once(broker, spawn):
    name = f'later-{uuid.uuid4()}'
    process = spawn('-c', '-k', broker.bootstrap, '-t', name, '-o', 'begin',
                    '--stall-timeout', '1s')
    process.wait_line('does not exist')
    topic = Topic(broker, broker.topic(name=name))
    topic.produce(captures.sample(10, size=80))
    process.wait_stdout(whole(10, 80))
    assert process.stop() == 0 and numbers(process.stdout) == list(range(10))
    assert len(process.grep('does not exist')) == 1, process.describe()


def test_a_quiet_topic_is_no_reason_to_give_up(topic, consumer):
    process = consumer(topic, '-o', 'begin', '-m', '3', '--stall-timeout', '1s')
    wait.stays(process.running, 4, process.describe)
    topic.produce(captures.sample(3, size=80))
    assert process.wait(20) == 0 and process.counts() == (3, 3), process.describe()


@pytest.mark.parametrize('bound', [[], ['-e'], ['-m', '5'], ['-o', 'stored']])
def test_sigint_ends_a_wait_for_the_broker_at_once(absent, spawn, bound):
    """What was asked for to its end was not read: that is a failure, and the last line says so."""
    process = spawn('-c', '-k', absent, '-t', 'none', *bound)
    process.wait_line(absent)
    before = time.monotonic()
    bounded = bound in (['-e'], ['-m', '5'])
    assert process.stop(signal.SIGINT) == (1 if bounded else 0), process.describe()
    assert time.monotonic() - before < 3
    assert process.counts() == (0, 0)
    cut = '^ERROR:root:Cut short by a signal: .*; waited for broker ' + absent
    assert bool(re.search(cut, process.lines[-1])) == bounded, process.describe()


def test_a_read_to_the_end_that_is_interrupted_says_what_is_left(topic, consumer):
    count = 20000
    topic.produce(captures.sample(count, size=1000))
    reader, writer = os.pipe()
    process = consumer(topic, '-e', stdout=writer)
    os.close(writer)
    with open(reader, 'rb') as pipe:
        pipe.read(24 + 1016 * 100)
        process.send_signal(signal.SIGINT)
        got = 100 + len(pipe.read()) // 1016
    assert process.wait(20) == 1, process.describe()
    left = f'Cut short by a signal: {count - got} record(s) of topic {topic.name} not read'
    assert process.lines[-1] == f'ERROR:root:{left}', process.describe()
    assert process.counts() == (got, got)


def test_a_number_of_packets_that_is_interrupted_says_how_many_came(topic, consumer):
    topic.produce(captures.sample(3, size=80))
    process = consumer(topic, '-o', 'begin', '-m', '5')
    process.wait_stdout(whole(3, 80))
    assert process.stop() == 1, process.describe()
    assert process.lines[-1] == 'ERROR:root:Cut short by a signal: 3 of 5 packet(s) read'


def test_a_fatal_error_is_the_last_word(topic, consumer):
    """Another member takes this one's place in the group, which librdkafka does not survive."""
    group = ['-o', 'stored', '-X', f'group.id=group-{topic.name}', '-X', 'group.instance.id=one']
    first = consumer(topic, *group)
    first.wait_line('group: reading')
    second = consumer(topic, *group)
    assert first.wait(40) == 1, first.describe()
    assert re.search('^ERROR:root:Given up: .*fenced', first.lines[-1]), first.describe()
    second.wait_line('group: reading')
    assert second.stop() == 0, second.describe()


@pytest.mark.parametrize('offset', ['begin', 'stored'])
def test_an_outage_of_the_broker_loses_and_doubles_nothing(outage_broker, spawn, offset):
    topic = Topic(outage_broker, outage_broker.topic(partitions=2))
    sample = captures.sample(200, size=80)
    topic.produce(sample[:100])
    process = spawn('-c', '-k', outage_broker.bootstrap, '-t', topic.name, '-o', offset)
    process.wait_stdout(whole(100, 80))
    outage_broker.stop()
    process.wait_line(r'^(WARNING|ERROR):root:')
    outage_broker.start()
    topic.produce(sample[100:])
    process.wait_stdout(whole(200, 80), timeout=60)
    assert process.stop() == 0, process.describe()
    assert sorted(numbers(process.stdout)) == list(range(200))
    assert len(process.grep('^(ERROR|WARN)')) < 10, 'no flood\n' + process.describe()


def test_stored_goes_on_at_the_very_next_record(topic):
    argv = ('-o', 'stored', '-X', f'group.id=group-{topic.name}')
    topic.produce(captures.sample(1000, size=80))
    for first in (0, 10, 20):
        process = consume(topic, *argv, '-m', '10')
        assert process.status == 0 and process.counts() == (10, 10), process.describe()
        assert numbers(process.stdout) == list(range(first, first + 10))
        assert topic.group_offsets(f'group-{topic.name}', [0]) == {0: first + 10}
    process = consume(topic, *argv, '-e')
    assert process.status == 0 and numbers(process.stdout) == list(range(30, 1000))
    process = consume(topic, *argv, '-e')
    assert process.status == 0 and numbers(process.stdout) == [], 'nothing is left'


def test_a_plain_consumer_commits_nothing(topic):
    topic.produce(captures.sample(10, size=80))
    assert consume(topic, '-e', '-X', f'group.id=group-{topic.name}').status == 0
    assert topic.group_offsets(f'group-{topic.name}', [0])[0] < 0


def test_what_a_member_leaves_another_takes_over(make_topic, consumer):
    topic = make_topic(2)
    sample = captures.sample(300, size=80)
    argv = ('-o', 'stored', '-X', f'group.id=group-{topic.name}')
    first, second = consumer(topic, *argv), consumer(topic, *argv)
    for process in (first, second):
        process.wait_line(r'group: reading 1 partition')

    def produce(packets):
        for p in (0, 1):
            topic.produce(packets[p::2], partition=p)

    produce(sample[:200])
    for process in (first, second):
        process.wait_stdout(whole(100, 80))
    assert first.stop() == 0, first.describe()
    produce(sample[200:])
    second.wait_stdout(whole(200, 80))
    assert second.stop() == 0, second.describe()
    assert sorted(numbers(first.stdout) + numbers(second.stdout)) == list(range(300))


def test_a_member_keeps_some_partitions_while_another_takes_over_the_rest(make_topic, consumer):
    topic = make_topic(4)
    sample = captures.sample(400, size=80)
    argv = ('-o', 'stored', '-X', f'group.id=group-{topic.name}',
            '-X', 'partition.assignment.strategy=cooperative-sticky')

    def produce(packets):
        for p in range(4):
            topic.produce(packets[p::4], partition=p)

    first = consumer(topic, *argv)
    first.wait_line('group: reading 4 partition')
    produce(sample[:200])
    first.wait_stdout(whole(200, 80))
    second = consumer(topic, *argv)
    second.wait_line('group: reading 2 partition', 30)
    produce(sample[200:])
    first.wait_stdout(whole(300, 80))
    second.wait_stdout(whole(100, 80))
    assert first.stop() == 0, first.describe()
    assert second.stop() == 0, second.describe()
    assert sorted(numbers(first.stdout) + numbers(second.stdout)) == list(range(400))


def test_exit_at_end_before_an_open_transaction(topic):
    topic.produce(captures.sample(20, size=80))
    producer = Producer({'bootstrap.servers': topic.broker.bootstrap,
                         'transactional.id': str(uuid.uuid4())})
    producer.init_transactions(60)
    producer.begin_transaction()
    for p in captures.sample(30, size=80)[20:]:
        producer.produce(topic.name, value=p.data, key=struct.pack('!Q', p.time_us), partition=0)
    assert producer.flush(60) == 0
    process = consume(topic, '-e', timeout=30)
    assert process.status == 0 and numbers(process.stdout) == list(range(20)), process.describe()
    producer.commit_transaction(60)
    wait.until(lambda: topic.watermarks()[0][1] > 30, 30, 'the marker')  # follows the answer
    process = consume(topic, '-e', timeout=30)
    assert process.status == 0 and numbers(process.stdout) == list(range(30)), process.describe()


def test_exit_at_end_of_a_topic_whose_records_are_all_deleted(topic):
    topic.transaction(captures.sample(5, size=80))
    topic.broker.delete_records(topic.name, 0, topic.watermarks()[0][1])
    for argv in ([], ['-o', '2'], ['-o', '-3'], ['-o', '@1'], ['-o', 'stored']):
        process = consume(topic, '-e', *argv, '-X', f'group.id=group-{topic.name}', timeout=30)
        assert process.status == 0 and numbers(process.stdout) == [], process.describe()


@pytest.mark.parametrize('offset', ['1000', '@9999999999', '2100-01-01T00:00:00Z'])
def test_a_start_past_the_end_is_the_end(topic, consumer, offset):
    topic.produce(captures.sample(10, size=80))
    process = consume(topic, '-e', '-o', offset)
    assert process.status == 0 and numbers(process.stdout) == [], process.describe()
    said = process.grep('partition 0 ends at 10: offset 1000 is not there yet')
    assert len(said) == (offset == '1000'), process.describe()


def test_a_look_up_that_hangs_does_not_hold_up_the_end(outage_broker, spawn):
    """The broker takes the connection and is silent: look-ups take their time, up to 8 s."""
    topic = outage_broker.topic()
    outage_broker.pause()
    process = spawn('-c', '-k', outage_broker.bootstrap, '-t', topic)
    wait.elapse(9)  # those of 0.5, 1, 2 and 4 s are over, and one of 8 s has begun
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 0, process.describe()
    assert time.monotonic() - before < 5
    assert process.counts() == (0, 0)
