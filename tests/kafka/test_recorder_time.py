# SPDX-License-Identifier: Apache-2.0
"""
A full topic of two sensors, read from its beginning into a file for each minute of its packets:
across midnight, and across the hour that summer time leaves out.
"""
import mmap
import os
import struct

import pytest

from harness import captures
from harness.daemon import pycapa
from harness.proc import run

ZONE = 'CET-1CEST,M3.5.0,M10.5.0/3'
MIDNIGHT = 1774738800  # 2026-03-29 there, when 2:00 is 3:00
STARTS = MIDNIGHT - 30, MIDNIGHT + 7200 - 30
LASTS = 75  # seconds, from each
SIZE = 64
IN_BLOCK = 1000
EPB = 32 + SIZE  # of a packet
PCAP = 16 + SIZE
FILES = {  # where each file begins, seconds from the start of its stretch, and its name
    'duration:60': [(0, '2026-03-28T23:59:30'), (60, '2026-03-29T00:00:30'),
                    (0, '2026-03-29T01:59:30'), (60, '2026-03-29T03:00:30')],
    'interval:60': [(0, '2026-03-28T23:59:30'), (30, '2026-03-29T00:00:00'),
                    (0, '2026-03-29T01:59:30'), (30, '2026-03-29T03:00:00')],
}


class Traffic:
    """Packets by turns from two sensors, so many a minute, numbered; each knows its time."""

    def __init__(self, a_minute):
        self.step_us = 60 * 10**6 // a_minute
        self.stretch = LASTS * a_minute // 60
        self.count = len(STARTS) * self.stretch
        self.frames = [captures.udp(0, SIZE, flow=sensor) for sensor in (0, 1)]

    def time_us(self, n):
        return STARTS[n // self.stretch] * 10**6 + n % self.stretch * self.step_us

    def block(self, sensor, numbers):
        """A record of a sensor's packets, as its producer writes it."""
        epb = captures.packet_block('<', 0, 0, self.frames[sensor])
        body = bytearray(epb * len(numbers))
        assert len(body) == EPB * len(numbers)
        for at, n in zip(range(0, len(body), EPB), numbers):
            high, low = divmod(self.time_us(n) * 1000, 1 << 32)
            struct.pack_into('<II', body, at + 12, high, low)
            struct.pack_into('!Q', body, at + 28 + 42, n)
        section = captures.section_block('<') + captures.block('<', 1, struct.pack(
            '<HHIHH4sHHBxxxHH', 1, 0, 262144, 2, 4, b'eth0', 9, 1, 9, 0, 0))
        return (struct.pack('!Q', self.time_us(numbers[0])), section + bytes(body),
                [('format', b'pcapng'), ('packets', b'%d' % len(numbers)),
                 ('host', b'sensor%d' % sensor)],
                self.time_us(numbers[-1]) // 1000)

    def send(self, topic):
        for sensor in (0, 1):
            numbers = range(sensor, self.count, 2)
            topic.produce_raw((self.block(sensor, numbers[k:k + IN_BLOCK])
                               for k in range(0, len(numbers), IN_BLOCK)), partition=sensor)

    def capture(self, first, last):
        """As a classic pcap holds them."""
        out = bytearray(b''.join(struct.pack('<IIII', 0, 0, SIZE, SIZE) + frame
                                 for frame in self.frames) * ((last - first) // 2))
        for at, n in zip(range(0, len(out), PCAP), range(first, last)):
            struct.pack_into('<II', out, at, *divmod(self.time_us(n), 10**6))
            struct.pack_into('!Q', out, at + 16 + 42, n)
        return out


def told(path):
    """What capinfos says: packets, and the times of the first and the last."""
    line = run('capinfos', '-TmQrcaeS', path).stdout.strip().split(',')
    count, first, last = (float(word.strip('"')) for word in line[-3:])
    return int(count), round(first * 10**6), round(last * 10**6)


@pytest.mark.parametrize('rule, a_minute', [
    ('duration:60', 20000), ('interval:60', 20000),
    pytest.param('duration:60', 1000000, marks=pytest.mark.long)])
def test_each_file_has_its_minute_and_every_packet_is_in_one(rule, a_minute, make_topic, tmp_path):
    topic, traffic = make_topic(2), Traffic(a_minute)
    out = tmp_path / 'files'
    out.mkdir()
    traffic.send(topic)
    process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name,
                     '-w', f'{out}/pcap-%Y-%m-%dT%H:%M:%S.pcapng', '-b', rule, env={'TZ': ZONE},
                     timeout=300)
    assert process.status == 0, process.describe()
    assert process.counts()[1] == traffic.count
    found = sorted(n for n in os.listdir(out) if not n.startswith('.'))
    assert found == [f'pcap-{name}_{i:05}.pcapng'
                     for i, (_, name) in enumerate(FILES[rule], 1)], process.describe()
    begin = [i // 2 * traffic.stretch + seconds * a_minute // 60
             for i, (seconds, _) in enumerate(FILES[rule])]
    for name, first, end in zip(found, begin, [*begin[1:], traffic.count]):
        assert told(f'{out}/{name}') == (end - first, traffic.time_us(first),
                                         traffic.time_us(end - 1)), name
    lines = run('tshark', '-r', f'{out}/{found[-1]}', '-c', '2', '-T', 'fields', '-e',
                'frame.interface_description', '-e', 'frame.interface_name', '-e',
                'udp.srcport').stdout.split('\n')
    assert lines[:2] == ['sensor0\teth0\t5000', 'sensor1\teth0\t5001']
    run('mergecap', '-F', 'pcap', '-w', f'{tmp_path}/all.pcap', *(f'{out}/{n}' for n in found),
        timeout=300)
    with open(f'{tmp_path}/all.pcap', 'rb') as f, \
            mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as merged:
        assert len(merged) == 24 + traffic.count * PCAP
        for first in range(0, traffic.count, 50000):
            last = min(first + 50000, traffic.count)
            assert merged[24 + first * PCAP:24 + last * PCAP] == traffic.capture(first, last), first
