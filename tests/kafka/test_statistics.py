# SPDX-License-Identifier: Apache-2.0
"""What the line of counters takes from librdkafka's statistics: round trip and lag."""
import contextlib
import os
import struct
import uuid

import pytest
from confluent_kafka import Producer

from harness import captures, traffic, wait
from harness.witness import Topic

pytestmark = pytest.mark.library

OFF = ('-X', 'statistics.interval.ms=0')
OFTEN = ('-X', 'statistics.interval.ms=200')


def until_stats(process, condition, what, timeout=20):
    """The counters of the first line, each asked for by SIGUSR1, that meet the condition."""
    def ask():
        counters = process.stats()
        return counters if condition(counters) else None
    return wait.until(ask, timeout, lambda: f'{what}\n{process.describe()}')


@pytest.mark.parametrize('interval', [(), OFTEN])
def test_the_round_trip_of_a_capture(topic, pair, producer, interval):
    process = producer(pair, topic, *interval)
    traffic.send(pair, 100, 1000)
    topic.wait_count(100)
    counters = until_stats(process, lambda c: 'rtt_ms' in c, 'a round trip')
    assert 0 < counters['rtt_ms'] < 10000
    assert process.stop() == 0, process.describe()
    assert process.counts() == (100, 100)


def test_the_round_trip_is_the_longest_since_the_line_before(outage_broker, pair, producer):
    topic = Topic(outage_broker, outage_broker.topic())
    process = producer(pair, topic, *OFTEN)
    traffic.send(pair, 10, 100)
    until_stats(process, lambda c: c['delivered'] == 10 and c.get('rtt_ms', 1e9) < 1000,
                'short round trips')
    outage_broker.pause()
    traffic.send(pair, 10, 100)
    wait.elapse(1.5)
    outage_broker.resume()
    topic.wait_count(20)
    # Shorter ones follow; the long one is in the next line, and in that one only.
    wait.elapse(1)
    long = process.stats()
    assert 1200 < long['rtt_ms'] < 30000, process.describe()
    until_stats(process, lambda c: c.get('rtt_ms', 1e9) < 1000, 'short round trips again')


def test_without_statistics_a_round_trip_is_unknown(topic, pair, producer):
    process = producer(pair, topic, *OFF)
    traffic.send(pair, 100, 1000)
    counters = until_stats(process, lambda c: c['delivered'] == 100, 'all delivered')
    assert 'rtt_ms' not in counters and counters['received'] == 100
    assert ' rtt_ms=unknown packets/s=' in process.grep('received=100')[-1]
    assert process.stop() == 0, process.describe()


@pytest.mark.parametrize('interval', [(), OFF, OFTEN])
def test_the_lag_is_what_is_not_read_yet(make_topic, consumer, interval):
    topic = make_topic(2)
    for partition in range(2):
        topic.produce(captures.sample(4000, size=1000), partition=partition)
    reader, writer = os.pipe()
    process = consumer(topic, '-o', 'begin', '--reorder', '0', *interval, stdout=writer)
    os.close(writer)
    assert len(os.read(reader, 24)) == 24
    # The pipe is full, and the first fetch of both partitions has told their ends.
    counters = until_stats(process, lambda c: c['read'] > 10 and c.get('lag', 0) > 4000, 'a lag')
    counters = process.stats()
    assert counters['lag'] == 8000 - counters['read']
    while os.read(reader, 65536) and process.stats()['read'] < 8000:
        pass
    assert process.stats()['lag'] == 0
    os.close(reader)


@pytest.mark.parametrize('interval, lag', [(OFTEN, 0), (OFF, None)])
def test_a_group_that_has_read_all_has_no_lag(topic, consumer, interval, lag):
    """Of a partition of which nothing came yet only the statistics know where the group is."""
    argv = ('-o', 'stored', '-X', f'group.id=group-{topic.name}')
    topic.produce(captures.sample(50, size=80))
    assert consumer(topic, *argv, '-m', '40').wait(30) == 0
    assert topic.group_offsets(f'group-{topic.name}', [0]) == {0: 40}
    assert consumer(topic, *argv, '-e').wait(30) == 0
    process = consumer(topic, *argv, *interval)
    process.wait_line('group: reading 1 partition', 30)
    if lag is None:
        wait.stays(lambda: 'lag' not in process.stats(), 2, process.describe)
    else:
        until_stats(process, lambda c: c.get('lag') == lag, f'a lag of {lag}')
        assert process.stats()['read'] == 0


@contextlib.contextmanager
def open_transaction(topic, packets):
    producer = Producer({'bootstrap.servers': topic.broker.bootstrap,
                         'transactional.id': str(uuid.uuid4())})
    producer.init_transactions(60)
    producer.begin_transaction()
    for p in packets:
        producer.produce(topic.name, p.data, key=struct.pack('!Q', p.time_us))
    assert producer.flush(30) == 0
    yield
    producer.abort_transaction(60)


@pytest.mark.parametrize('isolation, readable', [('read_committed', 20),
                                                 ('read_uncommitted', 25)])
def test_what_an_open_transaction_holds_back_is_no_lag(topic, consumer, isolation, readable):
    topic.produce(captures.sample(20, size=80))
    with open_transaction(topic, captures.sample(5, size=80)):
        process = consumer(topic, '-o', 'begin', *OFTEN, '-X', f'isolation.level={isolation}')
        process.wait_stdout(24)
        until_stats(process, lambda c: c['read'] == readable and c['lag'] == 0,
                    f'{readable} read, none left')


def test_a_client_id_that_spoils_the_statistics_costs_the_round_trip_only(topic, pair, producer):
    process = producer(pair, topic, *OFTEN, '-X', 'client.id=a"b\\', '-X', 'debug=broker')
    traffic.send(pair, 100, 1000)
    topic.wait_count(100)
    wait.stays(lambda: 'rtt_ms' not in process.stats(), 1, process.describe)
    assert process.stop() == 0, process.describe()
    assert process.counts() == (100, 100)
    assert 'hi_offset' not in process.stderr
