# SPDX-License-Identifier: Apache-2.0
"""Independent witnesses: another Kafka client, kcat, tshark, tcpdump, capinfos."""
import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import uuid
from collections import namedtuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from . import wait
from .proc import Process, run

Record = namedtuple('Record', 'partition offset key value headers timestamp')


def key_time(key):
    """The microseconds in a key; it must be exactly 8 bytes."""
    assert len(key) == 8, f'key {key!r}'
    return struct.unpack('!Q', key)[0]


class Topic:
    """Reads and writes a topic with a client that is not ours."""

    def __init__(self, broker, name):
        self.broker = broker
        self.name = name

    def consumer(self):
        return Consumer({'bootstrap.servers': self.broker.bootstrap, 'group.id': str(uuid.uuid4()),
                         'enable.auto.commit': False, 'isolation.level': 'read_uncommitted',
                         'enable.partition.eof': False, 'auto.offset.reset': 'error'})

    def watermarks(self):
        """{partition: (low, high)}"""
        consumer = self.consumer()

        def ask():
            try:
                known = consumer.list_topics(self.name, timeout=30).topics[self.name].partitions
                return [{p: consumer.get_watermark_offsets(TopicPartition(self.name, p), timeout=30)
                         for p in sorted(known)}]
            except KafkaException as e:
                # A broker that is a new leader may not know it for a moment, nor our client which
                # partitions there are after it.
                if e.args[0].code() not in (KafkaError.LEADER_NOT_AVAILABLE,
                                            KafkaError.NOT_LEADER_FOR_PARTITION,
                                            KafkaError._UNKNOWN_PARTITION):
                    raise
                return None
        try:
            return wait.until(ask, 30, f'a leader of {self.name}')[0]
        finally:
            consumer.close()

    def count(self):
        return sum(high - low for low, high in self.watermarks().values())

    def wait_count(self, count, timeout=30):
        last = [None]

        def enough():
            last[0] = self.count()
            return last[0] >= count
        wait.until(enough, timeout, lambda: f'{count} records in {self.name}, it has {last[0]}')

    def records(self, timeout=120):
        """All records between the watermarks of now, by partition and offset."""
        consumer = self.consumer()
        try:
            marks = self.watermarks()
            left = {p for p, (low, high) in marks.items() if high > low}
            consumer.assign([TopicPartition(self.name, p, marks[p][0]) for p in left])
            out = []

            def some():
                for message in consumer.consume(20000, 0.5):
                    assert not message.error(), message.error()
                    p = message.partition()
                    if message.offset() < marks[p][1]:
                        out.append(Record(p, message.offset(), message.key(), message.value(),
                                          message.headers() or [], message.timestamp()))
                    if message.offset() + 1 >= marks[p][1]:
                        left.discard(p)
                for position in consumer.position([TopicPartition(self.name, p) for p in left]):
                    if position.offset >= marks[position.partition][1]:
                        left.discard(position.partition)
                return not left
            wait.until(some, timeout, lambda: f'the end of {self.name}: {len(out)} read, {left} left')
            return sorted(out, key=lambda r: (r.partition, r.offset))
        finally:
            consumer.close()

    def produce(self, packets, partition=None, **config):
        """Writes packets as the record contract says; `packets` have time_us, data, wirelen."""
        self.produce_raw([(struct.pack('!Q', p.time_us), p.data,
                           [('wirelen', str(p.wirelen).encode())]
                           if p.wirelen != len(p.data) else None,
                           p.time_us // 1000) for p in packets], partition, **config)

    def produce_raw(self, rows, partition=None, **config):
        """Writes (key, value, headers, timestamp in ms) as they are."""
        failed = []
        producer = Producer({'bootstrap.servers': self.broker.bootstrap, 'linger.ms': 5,
                             'enable.idempotence': True, **config})
        for key, value, headers, timestamp in rows:
            kwargs = {} if partition is None else {'partition': partition}
            if headers:
                kwargs['headers'] = headers
            if timestamp:
                kwargs['timestamp'] = timestamp
            producer.produce(self.name, value=value, key=key, **kwargs,
                             on_delivery=lambda err, _: failed.append(err) if err else None)
            producer.poll(0)
        assert producer.flush(60) == 0, 'not delivered by the other client'
        assert not failed, failed[0]

    def transaction(self, packets, commit=True):
        """Writes packets in one transaction: its marker takes an offset of its own at the end."""
        producer = Producer({'bootstrap.servers': self.broker.bootstrap,
                             'transactional.id': str(uuid.uuid4())})
        before = self.watermarks()[0][1]
        producer.init_transactions(60)
        producer.begin_transaction()
        for p in packets:
            producer.produce(self.name, value=p.data, key=struct.pack('!Q', p.time_us),
                             timestamp=p.time_us // 1000, partition=0)
        if commit:
            producer.commit_transaction(60)
        else:
            assert producer.flush(60) == 0
            producer.abort_transaction(60)
        # The marker follows the answer; only then can a reader see the end.
        wait.until(lambda: self.watermarks()[0][1] > before + len(packets), 30, 'the marker')

    def commit(self, group, offsets):
        """Commits {partition: offset} in the name of the group, which has no members."""
        consumer = Consumer({'bootstrap.servers': self.broker.bootstrap, 'group.id': group,
                             'enable.auto.commit': False})
        try:
            consumer.commit(offsets=[TopicPartition(self.name, p, o) for p, o in offsets.items()],
                            asynchronous=False)
        finally:
            consumer.close()

    def group_offsets(self, group, partitions):
        consumer = Consumer({'bootstrap.servers': self.broker.bootstrap, 'group.id': group,
                             'enable.auto.commit': False})
        try:
            got = consumer.committed([TopicPartition(self.name, p) for p in partitions], timeout=30)
            return {c.partition: c.offset for c in got}
        finally:
            consumer.close()


def kcat(broker, topic, *argv):
    """The records as kcat shows them: dictionaries of its JSON envelope."""
    out = run('kcat', '-C', '-b', broker.bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q', '-J',
              *argv, text=False).stdout
    return [json.loads(line.decode('utf-8', 'surrogateescape')) for line in out.splitlines()]


def kcat_format(broker, topic, form, *argv):
    """kcat's own -f formatting, as bytes."""
    return run('kcat', '-C', '-b', broker.bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q',
               '-f', form, *argv, text=False).stdout


def tshark_fields(path, *fields, options=()):
    """One tuple of field values a packet."""
    argv = ['tshark', '-n', '-r', path, *options, '-T', 'fields']
    for field in fields:
        argv += ['-e', field]
    return [tuple(line.split('\t')) for line in run(*argv).stdout.splitlines()]


def tshark_packets(path):
    """What tshark says of each packet: both lengths, time, link type, and all its bytes."""
    frames = tshark_fields(path, 'frame.len', 'frame.cap_len', 'frame.time_epoch',
                           'frame.encap_type')
    dump = run('tshark', '-n', '-r', path, '-x', '--hexdump', 'frames').stdout
    blocks, current = [], []
    for line in dump.splitlines() + ['']:
        row = re.match(r'[0-9a-f]{4,8}  ((?:[0-9a-f]{2} )*[0-9a-f]{2}) {2,}', line)
        if row:
            current.append(row.group(1))
        elif current:
            blocks.append(' '.join(current))
            current = []
    assert len(blocks) == len([f for f in frames if f[1] != '0']), f'{path}: {len(blocks)} dumps'
    dumps = iter(blocks)
    return [frame + ('' if frame[1] == '0' else next(dumps),) for frame in frames]


def capinfos(path):
    """{name: value} of capinfos -M."""
    out = run('capinfos', '-M', path).stdout
    return {name.strip(): value.strip()
            for name, _, value in (line.partition(':') for line in out.splitlines()) if value}


def tcpdump_rewrite(source, target):
    """The file as libpcap reads it, written again."""
    run('tcpdump', '-Z', 'root', '-r', source, '-w', target)
    return target


class Tcpdump:
    """A tcpdump that captures beside pycapa."""

    def __init__(self, interface, path, *expression):
        self.path = str(path)
        self.process = Process(['tcpdump', '-Z', 'root', '-n', '-i', interface, '-B', '131072',
                                '-s', '65535', '-w', self.path, *expression])
        self.process.wait_line('listening on')

    def captured(self):
        """How many packets it has read so far."""
        before = len(self.process.lines)
        self.process.send_signal(signal.SIGUSR1)

        def answer():
            found = re.findall(r'(\d+) packets captured', '\n'.join(self.process.lines[before:]))
            return found and (int(found[-1]),)
        return wait.until(answer, 10, 'an answer of tcpdump')[0]

    def stop(self, expected=1):
        """Ends it when it has read what is expected; nothing may have been dropped."""
        wait.until(lambda: self.captured() >= expected, 30,
                   lambda: f'{expected} packets in tcpdump: {self.process.lines[-3:]}')
        self.process.stop()
        assert self.process.grep('^0 packets dropped by kernel'), self.process.stderr
        return self.path


Pipeline = namedtuple('Pipeline', 'stdout stderr statuses')


def pipeline(command, env=None, timeout=60):
    """Runs a pipeline as a user types it; the exit statuses of all its parts come with it."""
    with tempfile.NamedTemporaryFile('r') as statuses:
        done = subprocess.run(
            ['bash', '-c', f'{command}\necho "${{PIPESTATUS[@]}}" > "$STATUSES"'],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
            env={**(env or os.environ), 'STATUSES': statuses.name})
        return Pipeline(done.stdout, done.stderr.decode(errors='replace'),
                        [int(s) for s in statuses.read().split()])
