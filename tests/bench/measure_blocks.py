# SPDX-License-Identifier: Apache-2.0
"""What tests/bench/figures measures of block records: one function a figure."""
import collections
import glob
import os
import random
import re
import time

from harness import captures, traffic, wait
from harness.daemon import BINARY, environment
from harness.proc import Process, run
from measure import (FLOWS, PACE, PRODUCER, SIZES, callgrind, finish, latency_of, produce_paced,
                     produce_watched)

BLOCK_TIME = RETIRE = 20  # ms, as pycapa has them
LINGER = 5


# ---- producers ----

def producer(bench):
    """Full speed: short runs that take turns, as the machine changes."""
    for size, bar in zip(SIZES, (0.40, 0.55, 0.80)):
        kinds = ['bare', 'block', 'bare blocks'] + (['flow'] if size < 1500 else [])
        us, whole = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
        for i in range(2 * bench.runs):
            for kind in kinds[i % 3:] + kinds[:i % 3]:
                cpu, broker = produce_watched(bench, kind, 400000, size)
                us[kind].append(cpu)
                whole[kind].append(cpu + broker)
        where = f'{size} bytes, full speed'
        bench.add(f'producer of blocks, {where}', us['block'], 'us/packet')
        add_ratio(bench, us, 'block', 'bare', where, bar)
        add_ratio(bench, us, 'block', 'bare blocks', where, 1.15)
        if size < 1500:
            bench.add(f'producer and broker, packets, {where}', whole['flow'], 'us/packet')
            add_ratio(bench, whole, 'block', 'flow', f'{where}, with the broker')


def add_ratio(bench, us, kind, floor, where, bar=None):
    bench.add(f'{kind} / {floor}, {where}', [a / b for a, b in zip(us[kind], us[floor])], bar=bar)


def paced(bench):
    for size in (64, 385):
        us = {'bare': [], 'block': []}
        for _ in range(max(1, bench.runs - 1)):
            for kind, values in produce_paced(bench, list(us), size).items():
                us[kind] += values
        add_ratio(bench, us, 'block', 'bare', f'{size} bytes, {PACE}/s', 0.80)


def instructions(bench):
    """As measure.instructions() counts them; at its rate a block holds some 30 packets."""
    for size in (64, 1500):
        for kind in ('bare blocks', 'block'):
            runs = [callgrind(bench, kind, count, size) for count in (4000, 24000)]
            whole, capturing, _ = ((b - a) / 20000 for a, b in zip(*runs))
            bench.add(f'instructions, {kind}, {size} bytes', [whole], 'a packet')
            bench.add(f'instructions, {kind}, capturing thread, {size} bytes', [capturing],
                      'a packet')


# ---- consumers ----

def consumer(bench):
    """A topic of blocks beside one of the same packets: what it costs to read them."""
    count = 1000000
    for size, bar in ((64, 0.35), (385, 0.9)):
        topics = {}
        for kind, more in (('packets', ()), ('blocks', ('blocks',))):
            topics[kind] = bench.topic()
            run(bench.bare('produce_loop'), bench.broker.bootstrap, topics[kind], count, size,
                bench.flows, *more, *PRODUCER, timeout=120)
        ways = [(kind, how) for how in ('pcapng', 'pcap', 'ordered') for kind in topics]
        us = {way: [] for way in ways}
        for i in range(bench.runs):
            for kind, how in ways[i:] + ways[:i]:
                us[kind, how].append(read_all(bench, topics[kind], count, how))
        for topic in topics.values():
            bench.broker.delete_topic(topic)
        for how in ('pcapng', 'pcap', 'ordered'):
            where = f'{how}, {size} bytes'
            bench.add(f'consumer of blocks, {where}', us['blocks', how], 'us/packet')
            bench.add(f'consumer of blocks / of packets, {where}',
                      [a / b for a, b in zip(us['blocks', how], us['packets', how])],
                      bar=None if how == 'ordered' else bar)


def read_all(bench, topic, count, how):
    """CPU microseconds a packet: as they come, in a format, or in order of time."""
    argv = [BINARY, '-c', '-k', bench.broker.bootstrap, '-t', topic, '-w', '/dev/null']
    if how == 'ordered':
        argv += ['-e']
    else:
        argv += ['-o', 'begin', '-m', count, '--reorder', '0', '--format', how]
    p = Process(argv, env=environment(), directory=bench.directory)
    cpu = finish(p)
    assert f"'{count}' packet(s) out" in p.stderr, p.describe()
    return cpu * 1e6 / count


def latency(bench):
    p50, p99 = latency_of(bench, 'block', RETIRE)
    bench.add('latency p50, blocks', p50, 'ms')
    bench.add('latency p99, blocks', p99, 'ms', bar=RETIRE + BLOCK_TIME + LINGER + 10)


# ---- the highest rate ----

class Cores:
    """The generator in real time on one core, all else on the other."""

    def __init__(self, bench):
        self.bench = bench
        self.allowed = ','.join(map(str, os.sched_getaffinity(0)))

    def __enter__(self):
        self.bind('1')
        return self

    def __exit__(self, *_):
        self.bind(self.allowed)

    def bind(self, cores):
        """This process, and with it all that it starts; and the broker."""
        for pid in (os.getpid(), self.bench.broker.process.pid):
            run('taskset', '-a', '-c', '-p', cores, pid)

    def send(self, count, pps, size):
        """Returns the rate that it came to."""
        start = time.monotonic()
        run('chrt', '-f', '1', 'taskset', '-c', '0',
            *self.bench.pair.command(traffic.PKTGEN, self.bench.pair.outside, count, pps, size,
                                     FLOWS, 0), timeout=60)
        return count / (time.monotonic() - start)


def lost_by_tcpdump(bench, cores, count, pps, size):
    path = '/dev/shm/pycapa-bench.pcap'
    p = Process(['tcpdump', '-i', bench.pair.inside, '-n', '-B', '65536', '-w', path],
                directory=bench.directory)
    try:
        p.wait_line('listening on', 30)
        rate = cores.send(count, pps, size)
        wait.elapse(1)  # packets wait in the kernel until their block is retired
        p.stop()
        return int(re.search(r'(\d+) packets dropped by kernel', p.stderr).group(1)), rate
    finally:
        p.kill()
        os.unlink(path)


def threads(process):
    """CPU seconds of its threads so far, by what they are called."""
    seconds = collections.Counter()
    for task in glob.glob(f'/proc/{process.pid}/task/*'):
        try:
            with open(f'{task}/comm') as comm, open(f'{task}/schedstat') as stat:
                name = re.sub(r'[-#:/]?[0-9]+.*', '', comm.read().strip())
                seconds[name] += int(stat.read().split()[0]) / 1e9
        except OSError:  # it has ended
            pass
    return seconds


class Shares:
    """What the threads of the producer and of the broker had of their core, while it lasted."""

    def __init__(self, bench, producer):
        self.processes = {'pycapa': producer, 'broker': bench.broker.process}

    def __enter__(self):
        self.start = time.monotonic()
        self.before = {name: threads(p) for name, p in self.processes.items()}
        return self

    def __exit__(self, *_):
        wall = time.monotonic() - self.start
        self.of = {(name, thread): (seconds - self.before[name][thread]) / wall
                   for name, p in self.processes.items() for thread, seconds in threads(p).items()}

    def add(self, bench, where):
        for (name, thread), share in sorted(self.of.items(), key=lambda s: -s[1]):
            if share >= 0.01:
                bench.add(f'share of the core, {where}, {name}: {thread}', [share])


def lost_by(bench, cores, kind, count, pps, size, show=''):
    """Packets that did not come to Kafka."""
    topic = bench.topic()
    p = bench.start_producer(bench.producer_argv(kind, topic, 0, '--stats-interval', '0'))
    try:
        with Shares(bench, p) as shares:
            rate = cores.send(count, pps, size)
        if show:
            shares.add(bench, show)
        assert p.stop() == 0, p.describe()
        delivered = int(re.search(r"'(\d+)' packet\(s\) out", p.stderr).group(1))
    finally:
        p.kill()
    bench.broker.delete_topic(topic)
    return count - delivered, rate


def highest(rates, lost):
    """The first of the rates, from the highest on, at which nothing is lost; what it came to."""
    for pps in rates:
        missing, rate = lost(pps)
        if missing == 0:
            return pps, rate
    return 0, 0


def real_time(bench):
    rates = [900000, 800000, 700000, 600000, 500000, 400000, 300000, 200000, 150000, 100000, 50000]
    for size in (64, 385):
        with Cores(bench) as cores:
            pps, most = highest(
                rates, lambda pps: lost_by_tcpdump(bench, cores, pps * 2, pps, size))
            assert pps, 'tcpdump loses packets at any rate'
            bench.add(f'tcpdump without loss beside the generator in real time, {size} bytes',
                      [most], 'packets/s')
            for kind in ('block', 'flow'):
                missing = lost_by(bench, cores, kind, pps * 2, pps, size,
                                  f'{kind}, {size} bytes')[0]
                bench.add(f'lost there, of {pps * 2}, {kind}', [missing],
                          bar=0 if kind == 'block' else None)
                rate = most
                if missing:
                    rate = highest(
                        [r for r in rates if r < pps],
                        lambda r: lost_by(bench, cores, kind, r * 2, r, size))[1]
                bench.add(f'rate without loss / tcpdump, {kind}, {size} bytes', [rate / most])


# ---- bytes ----

def made_up(path, content, count, flows=FLOWS):
    """A savefile of packets of 385 bytes: words, as of logs and names; or random bytes."""
    rng = random.Random(1)
    with open(__file__) as f:
        text = ' '.join(rng.choices(f.read().split(), k=200000)).encode()
    packets = captures.sample(count, size=385, flows=flows)
    for i, p in enumerate(packets):
        at = rng.randrange(len(text) - 335)
        tail = rng.randbytes(335) if content == 'random' else text[at:at + 335]
        packets[i] = p._replace(data=p.data[:50] + tail)
    captures.write(path, packets * 2)


def disk_of(bench, topic):
    return sum(os.path.getsize(path) for path in glob.glob(
        os.path.join(bench.broker.directory, 'data', topic + '-*', '*.log')))


def replayed(bench, path, count, kind, codec):
    """Bytes on disk and CPU microseconds a packet, from a savefile."""
    topic = bench.topic()
    p = Process([BINARY, '-p', '-r', path, '-k', bench.broker.bootstrap, '-t', topic, '--record',
                 kind, '-X', f'compression.codec={codec}'],
                env=environment(), directory=bench.directory)
    before = bench.broker_cpu()
    cpu = finish(p)
    broker = bench.broker_cpu() - before
    size = disk_of(bench, topic)
    bench.broker.delete_topic(topic)
    return size / count, cpu * 1e6 / count, broker * 1e6 / count


def compression(bench):
    count = 200000
    for content, runs in (('words', bench.runs), ('random', 1)):
        path = os.path.join(bench.directory, content + '.pcap')
        made_up(path, content, count // 2)
        for codec in ('none', 'lz4', 'zstd'):
            for kind in ('packet', 'block'):
                disk, cpu, broker = zip(*(replayed(bench, path, count, kind, codec)
                                          for _ in range(runs)))
                where = f'{kind}, {codec}, {content}'
                bench.add(f'disk, {where}', disk[:1], 'bytes/packet')
                bench.add(f'CPU, {where}', cpu, 'us/packet')
                bench.add(f"broker's CPU, {where}", broker, 'us/packet')


FIGURES = {'blocks': producer, 'blocks_paced': paced, 'blocks_instructions': instructions,
           'blocks_consumer': consumer, 'blocks_latency': latency, 'blocks_rate': real_time,
           'blocks_disk': compression}
