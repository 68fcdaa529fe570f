# SPDX-License-Identifier: Apache-2.0
"""-L: which topics hold packets, and what of them a few records tell."""
import datetime
import json
import re
import signal
import socket
import struct
import time

import pytest

from harness import captures
from harness.daemon import pycapa
from harness.net import free_port

pytestmark = pytest.mark.library

SOON = 5  # seconds within which what is not there is told


def listed(topic, *argv, status=0):
    """The document of -L --json."""
    process = pycapa('-L', '--json', '-k', topic.broker.bootstrap, *argv)
    assert process.status == status, process.describe()
    return json.loads(process.stdout)


def row_of(document, name):
    row, = [t for t in document['topics'] if t['topic'] == name]
    return row


def us_of(text):
    """Microseconds of an RFC 3339 text, without floating point."""
    at = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // (
        datetime.timedelta(microseconds=1))


def annotated(packets):
    return [(struct.pack('!Q', p.time_us), p.data,
             [('linktype', b'101'), ('host', b'sensor "\xff1"'),
              ('interface', f'eth{i % 2}'.encode())], p.time_us // 1000)
            for i, p in enumerate(packets)]


def test_topics_that_hold_packets_are_listed(make_topic):
    packets = captures.sample(1000)
    plain, named, foreign, empty = make_topic(partitions=4), make_topic(), make_topic(), make_topic()
    plain.produce(packets)
    named.produce_raw(annotated(packets[:100]))
    foreign.produce_raw([(struct.pack('!Q', i), b'an order', None, None) for i in range(50)]
                        + [(b'key', b'an order', None, None)] * 50)
    document = listed(plain)
    assert document['brokers'] == plain.broker.bootstrap and document['complete'] is True
    names = [t['topic'] for t in document['topics']]
    assert plain.name in names and named.name in names
    assert foreign.name not in names and empty.name not in names
    row = row_of(document, plain.name)
    assert (row['partitions'], row['records'], row['packets']) == (4, 1000, 1000)
    assert row['records_exact'] and row['packets_exact'] and row['error'] is None
    assert row['times_exact'] is False
    assert (row['first_us'], row['last_us']) == (packets[0].time_us, packets[-1].time_us)
    assert us_of(row['first']) == row['first_us'] and us_of(row['last']) == row['last_us']
    assert (row['linktypes'], row['hosts'], row['interfaces']) == ([1], [], [])
    size = sum(8 + len(p.data) for p in packets)
    assert size * 0.8 < row['size_estimate'] < size * 1.2
    row = row_of(document, named.name)
    assert (row['linktypes'], row['interfaces']) == ([101], ['eth0', 'eth1'])
    assert row['hosts'] == ['sensor "\ufffd1"']
    everything = listed(plain, '--all')
    for topic, records in ((foreign, 100), (empty, 0)):
        row = row_of(everything, topic.name)
        assert (row['has_packets'], row['records'], row['packets']) == (False, records, 0)
        assert row['first'] is None and row['last_us'] is None


def test_people_get_a_table(make_topic):
    packets = captures.sample(200)
    topic, empty = make_topic(partitions=2), make_topic()
    topic.produce_raw(annotated(packets))
    process = pycapa('-L', '-k', topic.broker.bootstrap, env={'TZ': 'UTC'})
    assert process.status == 0 and process.lines == [], process.describe()
    head, *rows = process.stdout.decode().splitlines()
    assert head.split() == ('TOPIC PARTITIONS RECORDS SIZE FIRST PACKET LAST PACKET LINK TYPES '
                            'HOSTS INTERFACES').split() or 'PACKETS' in head
    row, = [r for r in rows if r.startswith(topic.name + ' ')]
    assert ' ~2023-11-14 22:13:20 UTC ' in row and ' 101 (RAW) ' in row
    assert re.search(r'  sensor "\?1" +eth0, eth1$', row), row  # as wide as other topics need
    assert not [r for r in rows if r.startswith(empty.name + ' ')]


def test_a_topic_by_its_partitions(make_topic):
    """Retention has moved the start of one; a transaction's marker is no packet."""
    packets = captures.sample(300)
    topic = make_topic(partitions=3)
    topic.produce(packets, partition=0)
    topic.produce(packets[:100], partition=1)
    topic.broker.delete_records(topic.name, 0, 120)
    topic.transaction(packets[:10])
    row = row_of(listed(topic, topic.name), topic.name)
    first, second, third = row['by_partition']
    assert (first['partition'], first['begin'], first['end']) == (0, 120, 311)
    assert (first['records'], first['records_exact']) == (191, False)
    assert first['first_us'] == packets[0].time_us and first['last_us'] == packets[-1].time_us
    assert (second['begin'], second['end'], second['records_exact']) == (0, 100, True)
    assert second['last_us'] == packets[99].time_us
    assert (third['records'], third['has_packets'], third['leader']) == (0, False, 1)
    assert (row['records'], row['records_exact']) == (291, False)
    shown = pycapa('-L', topic.name, '-k', topic.broker.bootstrap, env={'TZ': 'UTC'})
    head, *rows = shown.stdout.decode().splitlines()
    assert shown.status == 0 and head.split()[:5] == ['PARTITION', 'LEADER', 'BEGIN', 'END', 'RECORDS']
    assert [r.split()[:5] for r in rows[:3]] == [['0', '1', '120', '311', '~191'],
                                                 ['1', '1', '0', '100', '100'],
                                                 ['2', '1', '0', '0', '0']]
    assert rows[3].split()[:2] == ['all', '~291']


def test_records_of_a_compacted_topic_are_an_estimate(make_topic):
    topic = make_topic(cleanup_policy='compact')
    topic.produce(captures.sample(200))
    row = row_of(listed(topic, topic.name), topic.name)
    assert (row['records'], row['records_exact'], row['packets']) == (200, False, 200)


def test_blocks_count_by_their_packets(topic):
    t = 1700000000000000
    sample = captures.sample(200 * 40, size=64, start_us=t, step_us=1000)
    topic.produce_raw([captures.block_record(sample[i:i + 40], linktype=(1, 113)[i % 80 // 40])
                       for i in range(0, len(sample), 40)])
    row = row_of(listed(topic, topic.name), topic.name)
    assert (row['records'], row['packets'], row['packets_exact']) == (200, 8000, False)
    assert (row['first_us'], row['last_us']) == (sample[0].time_us, sample[-1].time_us)
    assert row['linktypes'] == [1, 113]
    head, line, _ = pycapa('-L', topic.name, '-k', topic.broker.bootstrap).stdout.decode().splitlines()
    assert head.split()[5] == 'PACKETS' and line.split()[5] == '~8000'


def test_packets_and_blocks_are_reckoned_by_kind(topic):
    """Packets, blocks, and packets again."""
    sample = captures.sample(3000 + 200 * 40 + 1000, size=64)
    topic.produce(sample[:3000])
    topic.produce_raw([captures.block_record(sample[i:i + 40]) for i in range(3000, 11000, 40)])
    topic.produce(sample[11000:])
    row = row_of(listed(topic, topic.name), topic.name)
    assert (row['records'], row['packets_exact'], row['error']) == (4200, False, None)
    assert 10500 < row['packets'] < 13500


def test_it_leaves_nothing_behind_and_says_at_once_what_is_not_there(own_broker, tmp_path):
    """A broker that would create what it is asked for; the file is that of a producer."""
    own_broker.configure(**{'auto.create.topics.enable': 'true'})
    own_broker.start()
    name = own_broker.topic(partitions=2)
    config = tmp_path / 'eth0.cfg'
    config.write_text(f'kafka-broker = "{own_broker.bootstrap}";\nkafka-topic = "not-there";\n'
                      'snaplen = 100;\nfilter = "tcp";\nspool-size = "1G";\n'
                      'kafka-config = ( "acks=all", "allow.auto.create.topics=true",\n'
                      '                 "group.id=pycapa" );\n')
    before = set(own_broker.admin().list_topics(timeout=20).topics)
    process = pycapa('-L', '--all', '-C', config)
    assert process.status == 0 and process.lines == [], process.describe()
    assert name in process.stdout.decode()
    began = time.monotonic()
    process = pycapa('-L', 'missing', '-C', config)
    assert process.status == 1 and time.monotonic() - began < SOON
    assert process.lines == [f'ERROR:root:Topic missing does not exist at {own_broker.bootstrap}; '
                             'pycapa -L --all lists all topics'], process.describe()
    # No coordinator was looked for either: that would have made __consumer_offsets.
    assert set(own_broker.admin().list_topics(timeout=20).topics) == before
    own_broker.pause()
    began = time.monotonic()
    process = pycapa('-L', '-C', config)
    assert process.status == 1 and time.monotonic() - began < SOON
    assert len(process.lines) == 1 and 'no answer within' in process.stderr, process.describe()
    own_broker.resume()


@pytest.mark.parametrize('host,said', [
    ('127.0.0.1', 'Connection refused$'),
    ('no-such-broker.invalid', "Failed to resolve .*: check --kafka-broker and DNS$"),
])
def test_a_broker_that_is_not_there_is_one_line(host, said):
    address = f'{host}:{free_port()}'
    began = time.monotonic()
    process = pycapa('-L', '-k', address)
    assert process.status == 1 and time.monotonic() - began < SOON, process.describe()
    assert len(process.lines) == 1 and process.stdout == b'', process.describe()
    assert process.grep(f'^ERROR:root:Cannot list the topics of {address}: .*{said}')


def test_an_interrupt_ends_it_at_once(spawn):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        silent.settimeout(20)
        process = spawn('-L', '-k', f'127.0.0.1:{silent.getsockname()[1]}')
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == -signal.SIGINT
        assert process.lines == [] and process.stdout == b''
        connection.close()
