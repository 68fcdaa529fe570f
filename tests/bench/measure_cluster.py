# SPDX-License-Identifier: Apache-2.0
"""What docs/sizing.md reckons with: what a packet costs pycapa, and three brokers that hold it."""
import glob
import os
import time

from harness import wait
from harness.cluster import Cluster
from harness.daemon import Pycapa
from harness.proc import Process
from measure import PACE
from measure_blocks import made_up

COUNT = 200000
SECONDS = 5
PARTITIONS = 4
CODECS = ('none', 'lz4', 'zstd')
# Many partitions get few packets at a time, unless they wait longer.
MANY, MANY_FLOWS = 60, 1000
WAITS = {'packet': ('linger.ms', ('5', '100', '500')), 'block': ('block-time', ('20ms', '500ms'))}


def cpu(process):
    """Seconds, with those of threads that have ended."""
    return time.clock_gettime(~process.pid << 3 | 2)  # its CPU-time clock


def loopback():
    """Bytes that went over it, each counted once."""
    with open('/sys/class/net/lo/statistics/tx_bytes') as f:
        return int(f.read())


def disk_of(node, topic):
    return sum(map(os.path.getsize, glob.glob(
        os.path.join(node.directory, 'data', topic + '-*', '*.log'))))


class Look:
    """What was used up to now."""

    def __init__(self, cluster, process=None):
        self.brokers = sum(cpu(node.process) for node in cluster.nodes.values())
        self.pycapa = cpu(process) if process else 0
        self.network = loopback()
        self.packets = process.stats()['delivered'] if process else 0


def idle(bench, cluster):
    wait.elapse(2)
    before = Look(cluster)
    wait.elapse(SECONDS)
    bench.add('CPU of three idle brokers', [(Look(cluster).brokers - before.brokers) / SECONDS],
              'cores')


def paced(bench, cluster, path, where, argv, partitions=PARTITIONS):
    """At 20,000 packets a second, from the middle of the traffic."""
    topic = cluster.topic(partitions)
    p = Pycapa('-p', '-i', bench.pair.inside, '-k', cluster.bootstrap, '-t', topic, *argv,
               directory=bench.directory).wait_capturing()
    generator = Process(bench.pair.command('tcpreplay', f'--pps={PACE}', '--preload-pcap', '-i',
                                           bench.pair.outside, path), directory=bench.directory)
    wait.until(lambda: p.stats()['delivered'] > 2 * PACE, 30, p.describe)
    before = Look(cluster, p)
    wait.elapse(SECONDS)
    after = Look(cluster, p)
    assert generator.wait(60) == 0, generator.describe()
    wait.until(lambda: p.stats()['delivered'] == COUNT, 30, p.describe)
    assert p.stop() == 0, p.describe()
    n = after.packets - before.packets
    for name, unit, scale in (('pycapa', 'us/packet', 1e6), ('brokers', 'us/packet', 1e6),
                              ('network', 'bytes/packet', 1)):
        used = getattr(after, name) - getattr(before, name)
        bench.add(f'{name}, {where}', [used * scale / n], unit)
    bench.add(f'disk of a replica, {where}', [disk_of(cluster.nodes[1], topic) / COUNT],
              'bytes/packet')
    cluster.delete_topic(topic)


def full_speed(bench, cluster, path, where, argv):
    topic = cluster.topic(PARTITIONS)
    before = Look(cluster)
    p = Pycapa('-p', '-r', path, '-k', cluster.bootstrap, '-t', topic, *argv,
               directory=bench.directory)
    assert p.wait(120) == 0, p.describe()
    seconds, used = time.monotonic() - p.started, Look(cluster).brokers - before.brokers
    bench.add(f'brokers, full speed, {where}', [used * 1e6 / COUNT], 'us/packet')
    bench.add(f'rate, full speed, {where}', [COUNT / seconds], 'packets/s')
    cluster.delete_topic(topic)


def by_codec(bench, cluster, path):
    for kind in WAITS:
        for codec in CODECS:
            argv = ('--record', kind, '-X', f'compression.codec={codec}')
            paced(bench, cluster, path, f'{kind}, {codec}', argv)
            full_speed(bench, cluster, path, f'{kind}, {codec}', argv)


def by_partitions(bench, cluster, path):
    for kind, (setting, waits) in WAITS.items():
        for wait_for in waits:
            argv = (('-X', f'{setting}={wait_for}') if kind == 'packet' else
                    (f'--{setting}', wait_for))
            paced(bench, cluster, path, f'{kind}, lz4, {MANY} partitions, {setting} {wait_for}',
                  ('--record', kind, '-X', 'compression.codec=lz4', *argv), MANY)


def costs(bench):
    path = os.path.join(bench.directory, 'words.pcap')
    made_up(path, 'words', COUNT // 2, MANY_FLOWS)
    cluster = Cluster(os.path.join(bench.directory, 'cluster'))
    try:
        cluster.start()
        idle(bench, cluster)
        by_codec(bench, cluster, path)
        by_partitions(bench, cluster, path)
    finally:
        cluster.kill()


FIGURES = {'cluster': costs}
