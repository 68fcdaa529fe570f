# SPDX-License-Identifier: Apache-2.0
"""What tests/bench/figures measures of block records: one function a figure."""
from harness.daemon import BINARY, environment
from harness.proc import Process, run
from measure import PRODUCER, finish


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


FIGURES = {'blocks_consumer': consumer}
