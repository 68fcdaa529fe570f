# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: a producer under traffic, its account, and what the topic holds."""
import fcntl
import os
import re
import struct
import time
from collections import namedtuple

from confluent_kafka import TopicPartition

from . import captures, daemon, traffic, wait
from .broker import Broker
from .net import Pair, free_port
from .proc import run
from .proxy import Proxy
from .witness import Topic

# In a long run more of both: what a fault costs the machine, and the run.
PPS, OUTAGE = (20000, 20) if os.environ.get('PYCAPA_LONG') else (10000, 14)  # a second; seconds
BEFORE = 3   # seconds of traffic before the fault
AFTER = 6    # and after it
COUNT = (BEFORE + OUTAGE + AFTER) * PPS
SIZE = 128
FLOWS = 50
PARTITIONS = 4
JAVA = ('-Xmx256m', '-Xms128m')

# What the producers of a test write: see the fixture `record`.
producing = {'record': 'packet'}

# counts: how often each number is in the topic; homes: {flow: its partitions, in their order}
Content = namedtuple('Content', 'records counts homes')


def content(topic, count, check=None, timeout=120):
    """
    Reads the topic with a client that is not ours. Numbers of a flow must come in their order
    within a partition (what comes again is not looked at), and keys must not: live packets may be
    sent again. `check` is called with each record. Returns how many packets there are, not records.
    """
    counts, last, homes, records = bytearray(count), {}, {}, 0
    marks = {p: m for p, m in topic.watermarks().items() if m[1] > m[0]}
    ends = {p: high for p, (_, high) in marks.items()}
    consumer = topic.consumer()
    try:
        consumer.assign([TopicPartition(topic.name, p, low) for p, (low, _) in marks.items()])

        def some():
            nonlocal records
            for m in consumer.consume(20000, 0.5):
                assert not m.error(), m.error()
                partition = m.partition()
                if check:
                    check(m)
                for value in captures.packets_of(m):
                    number, flow = captures.sequence(value), value[26:38]
                    records += 1
                    if not counts[number]:
                        before = last.get((partition, flow), -1)
                        assert number > before, f'{number} after {before} in {partition}'
                        last[partition, flow] = number
                        home = homes.setdefault(flow, [])
                        if partition not in home:
                            home.append(partition)
                    counts[number] += 1
                if m.offset() + 1 >= ends[partition]:
                    ends.pop(partition)
            return not ends
        wait.until(some, timeout, lambda: f'the end of {topic.name}: {records} read, {ends} left')
    finally:
        consumer.close()
    return Content(records, counts, homes)


def missing(counts):
    """The runs of numbers that are not in the topic: [(first, after the last)]."""
    return [(m.start(), m.end()) for m in re.finditer(b'\0+', bytes(counts))]


def doubles(counts):
    return sum(n - 1 for n in counts if n > 1)


def assert_exact(stats):
    """The account of one stats line."""
    into = stats['received'] + stats['recovered']
    out = sum(stats[n] for n in ('delivered', 'queued', 'spooled', 'failed', 'dropped', 'own'))
    assert into == out, stats
    if 'passed' in stats:
        assert stats['passed'] == stats['received'] + stats['dropped_kernel'], stats


def assert_ended(process):
    """
    The account at the exit and in every line before it; returns that of the exit. No line of
    counters at the end means that all but received and delivered is zero.
    """
    lines = process.grep(daemon.STATS)
    for line in lines:
        assert_exact(daemon.parse_stats(line))
    after = process.stderr.split("packet(s) in, '", 1)[1]
    if re.search(daemon.STATS, after):
        return daemon.parse_stats(lines[-1])
    taken, delivered = process.counts()
    names = ('recovered', 'queued', 'spooled', 'failed', 'dropped', 'dropped_kernel',
             'dropped_interface', 'own', 'doubled')
    stats = {'received': taken, 'delivered': delivered, **dict.fromkeys(names, 0)}
    assert_exact(stats)
    return stats


def assert_all_in_order(process, topic, count, may_double=False):
    """Once each; `may_double`: or more, as often as is counted."""
    stats = assert_ended(process)
    assert stats['delivered'] == count and (may_double or stats['doubled'] == 0), stats
    got = content(topic, count)
    assert missing(got.counts) == [] and doubles(got.counts) <= stats['doubled'], process.describe()


def told(process, words):
    """How many packets pycapa said, at its end, that this is so of."""
    found = [re.search(r'(\d+) packet\(s\) ' + words, line) for line in process.lines]
    return sum(int(m.group(1)) for m in found if m)


def unanswered(process):
    """Kafka may have them: they were sent without an answer."""
    return told(process, 'were sent without an answer')


def sent_again(process):
    """Kafka has them, and the next start sends them again."""
    return told(process, 'that Kafka has are sent again')


# Before 2.4 librdkafka takes what was on its way when it lost its broker for acknowledged. When
# that is refused later, as the broker does not lead yet, what follows is out of order, and the
# client declares itself dead: another sends again what Kafka may have (librdkafka#4438).
DESYNCHRONIZED = r'sequence desynchronization|rewound sequence number'


def doubled_by_library(process, stats):
    """How many may have doubled as that happened; mostly none."""
    return stats['doubled'] if process.grep(DESYNCHRONIZED) else 0


def peak_rss(process):
    """The most memory that the process ever had resident, bytes."""
    with open(f'/proc/{process.pid}/status') as f:
        return int(re.search(r'^VmHWM:\s+(\d+) kB', f.read(), re.M).group(1)) * 1024


class Trial:
    """A producer on a pair of its own, numbered traffic, and a topic."""

    def __init__(self, broker, pair, spawn, topic, spool=None):
        self.broker, self.pair, self.spawn = broker, pair, spawn
        self.topic = Topic(broker, topic)
        self.spool = spool
        self.sent = 0
        self.process = self.generator = None

    def start(self, *argv, **kwargs):
        """Starts pycapa (again) and waits until it captures."""
        if self.spool:
            argv = ('--spool-directory', self.spool, *argv)
        self.process = self.spawn('-p', '-i', self.pair.inside, '-k', self.broker.bootstrap,
                                  '-t', self.topic.name, *argv, **kwargs).wait_capturing()
        return self.process

    def send(self, count=COUNT, pps=PPS, size=SIZE):
        first, self.sent = self.sent, self.sent + count
        self.generator = traffic.start(self.pair, count, pps, size=size, flows=FLOWS, first=first)

    def wait_received(self, seconds, process=None):
        """Waits until so many seconds' worth of packets were received; returns the stats."""
        return self.wait_stats(lambda s: s['received'] >= seconds * PPS, seconds + 20, process)

    def wait_stats(self, condition, timeout, process=None):
        process = process or self.process

        def look():
            wait.elapse(0.1)  # the question itself is no load worth speaking of
            stats = process.stats()
            return stats if condition(stats) else None
        return wait.until(look, timeout, process.describe)

    def wait_flowing(self):
        """Waits until traffic has gone through for a while: the moment of the fault."""
        return self.wait_stats(lambda s: s['received'] >= BEFORE * PPS and s['delivered'] > PPS,
                               BEFORE + 20)

    def assert_waiting(self):
        """The fault was one: what came since is not in Kafka."""
        stats = self.process.stats()
        assert stats['queued'] + stats['spooled'] > OUTAGE / 4 * PPS, stats

    def wait_still(self):
        """Waits until nothing was delivered for a second; returns the stats."""
        seen = []  # (time, delivered) of each look that saw more

        def still(stats):
            if not seen or seen[-1][1] != stats['delivered']:
                seen.append((time.monotonic(), stats['delivered']))
            return time.monotonic() - seen[-1][0] > 1
        return self.wait_stats(still, 30)

    def finish(self, timeout=180):
        """Waits until all is sent and delivered, ends pycapa; returns its account."""
        assert self.generator.wait(timeout) == 0, self.generator.describe()
        self.wait_stats(lambda s: s['queued'] == s['spooled'] == 0, timeout)
        peak = peak_rss(self.process)
        assert peak <= 400 << 20, f'{peak >> 20} MiB'
        self.process.stop(timeout=60)
        return assert_ended(self.process)

    def assert_once(self, stats, doubled=0):
        """All that was sent is in the topic once; more only where it is said that they doubled."""
        doubled = max(doubled, doubled_by_library(self.process, stats))
        assert self.process.status == 0, self.process.describe()
        assert stats['dropped_kernel'] == 0, stats
        assert stats['received'] == self.sent == stats['delivered'], self.process.describe()
        assert stats['doubled'] <= doubled, self.process.describe()
        got = content(self.topic, self.sent)
        assert missing(got.counts) == [], self.process.describe()
        assert doubles(got.counts) <= doubled, f'{doubles(got.counts)} doubled, {stats}'
        return got


class FarBroker(Broker):
    """A broker behind a veth pair, whose link can be cut."""

    def __init__(self, directory):
        self.pair = Pair()
        address, port, control = self.pair.outside_address, free_port(), free_port()
        super().__init__(directory, {
            'controller.quorum.voters': f'1@127.0.0.1:{control}',
            'listeners': f'PLAINTEXT://{address}:{port},CONTROLLER://127.0.0.1:{control}',
            'advertised.listeners': f'PLAINTEXT://{address}:{port}'}, java=JAVA)
        self.bootstrap = f'{address}:{port}'

    def start(self, wait_ready=True):
        self.process = self.pair.start(*self.command(), directory=self.directory)
        if wait_ready:
            self.wait_ready()
        return self

    def cut(self):
        self.pair.run('ip', 'link', 'set', self.pair.outside, 'down')

    def mend(self):
        self.pair.run('ip', 'link', 'set', self.pair.outside, 'up')
        self.pair.up()

    def kill(self):
        super().kill()
        self.pair.remove()


DISTANCE = 0.05  # seconds


class DistantBroker(Broker):
    """A broker to which a packet travels for 50 ms: much is on its way when a refusal comes."""

    def __init__(self, directory):
        super().__init__(directory, java=JAVA)
        self.proxy = Proxy(self.port, delay=DISTANCE)
        self.bootstrap = f'127.0.0.1:{self.proxy.port}'
        self.configure(**{'advertised.listeners': f'PLAINTEXT://{self.bootstrap}'})

    def kill(self):
        super().kill()
        self.proxy.close()


class SecondBroker(Broker):
    """A second node of another broker's cluster; a broker only, no controller."""

    def __init__(self, directory, first):
        port = free_port()
        super().__init__(directory, {
            'process.roles': 'broker', 'node.id': '2',
            'controller.quorum.voters': first.properties['controller.quorum.voters'],
            'listeners': f'PLAINTEXT://127.0.0.1:{port}',
            'advertised.listeners': f'PLAINTEXT://127.0.0.1:{port}'},
            java=JAVA, cluster=first.cluster)
        self.bootstrap = f'127.0.0.1:{port}'


class Tmpfs:
    """A small disk."""

    def __init__(self, path, megabytes):
        self.path = str(path)
        os.makedirs(self.path)
        run('mount', '-t', 'tmpfs', '-o', f'size={megabytes}m', 'tmpfs', self.path)

    def remove(self):
        run('umount', '-l', self.path, check=False)


class Ext4:
    """A disk whose power can be cut: what is not synced is gone then. Nothing else writes it out."""
    SHUTDOWN, NO_LOG_FLUSH = 0x8004587d, 2  # ext4's ioctl, and of its kinds that of a power failure

    def __init__(self, directory, megabytes):
        self.image, self.path = f'{directory}/image', f'{directory}/disk'
        os.mkdir(self.path)
        with open(self.image, 'wb') as f:
            f.truncate(megabytes << 20)
        run('mkfs.ext4', '-q', '-F', self.image)
        self.mount()

    def mount(self):
        run('mount', '-o', 'loop,commit=300', self.image, self.path)

    def cut_power(self):
        fd = os.open(self.path, os.O_RDONLY)
        fcntl.ioctl(fd, self.SHUTDOWN, struct.pack('I', self.NO_LOG_FLUSH))
        os.close(fd)

    def restore(self):
        """Once nobody has a file of it open: its journal is replayed."""
        run('umount', self.path)
        self.mount()

    def remove(self):
        run('umount', '-l', self.path, check=False)
