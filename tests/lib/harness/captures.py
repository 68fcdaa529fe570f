# SPDX-License-Identifier: Apache-2.0
"""Capture files: a plain reader and writer of our own, and made-up captures."""
import os
import random
import struct
from collections import namedtuple

Packet = namedtuple('Packet', 'time_us data wirelen')


def header(linktype=1, snaplen=65535):
    return struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, snaplen, linktype)


def write_nanoseconds(path, packets, nanos, order='<'):
    """A pcap file of nanoseconds: each packet `nanos` of them after its microsecond."""
    with open(path, 'wb') as f:
        f.write(struct.pack(order + 'IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
        for p in packets:
            f.write(struct.pack(order + 'IIII', p.time_us // 1000000,
                                p.time_us % 1000000 * 1000 + nanos, len(p.data), p.wirelen))
            f.write(p.data)
    return str(path)


def write(path, packets, linktype=1, snaplen=65535):
    """Writes a classic pcap file of microseconds."""
    with open(path, 'wb') as f:
        f.write(header(linktype, snaplen))
        for p in packets:
            f.write(struct.pack('<IIII', p.time_us // 1000000, p.time_us % 1000000, len(p.data),
                                p.wirelen))
            f.write(p.data)
    return str(path)


def parse(blob):
    """(linktype, [Packet]) of a classic pcap in memory, without what is below a microsecond; a
    cut record at the end is an error."""
    order = '<' if blob[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    magic, _, _, _, _, _, linktype = struct.unpack(order + 'IHHiIII', blob[:24])
    unit = {0xa1b2c3d4: 1, 0xa1b23c4d: 1000}.get(magic)
    assert unit, f'no classic pcap: {blob[:24]!r}'
    packets, at = [], 24
    while at < len(blob):
        sec, part, caplen, wirelen = struct.unpack_from(order + 'IIII', blob, at)
        at += 16
        assert at + caplen <= len(blob), f'a cut packet at byte {at}'
        packets.append(Packet(sec * 1000000 + part // unit, blob[at:at + caplen], wirelen))
        at += caplen
    return linktype, packets


def parse_nanoseconds(blob):
    """(linktype, [(time in ns, data, wire length)]) of a classic pcap of either precision."""
    magic, _, _, _, _, _, linktype = struct.unpack('<IHHiIII', blob[:24])
    unit = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[magic]
    packets, at = [], 24
    while at < len(blob):
        sec, part, caplen, wirelen = struct.unpack_from('<IIII', blob, at)
        packets.append((sec * 10**9 + part * unit, blob[at + 16:at + 16 + caplen], wirelen))
        at += 16 + caplen
    return linktype, packets


def read(path):
    with open(path, 'rb') as f:
        return parse(f.read())


def udp(seq, size=64, flow=0, source=b'\x02\0\0\0\0\x02', target=b'\x02\0\0\0\0\x01'):
    """A UDP frame of `size` bytes whose payload begins with a sequence number."""
    payload = struct.pack('!Q', seq).ljust(size - 42, b'.')
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                     bytes([10, 1, flow >> 8, flow & 255]), bytes([10, 2, 0, 1]))
    total = sum(struct.unpack('!10H', ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + ip[12:]
    return (target + source + b'\x08\x00' + ip +
            struct.pack('!HHHH', 5000 + flow, 6000, 8 + len(payload), 0) + payload)


def sequence(frame):
    """The sequence number of a frame made by udp() or by pktgen; None for another frame."""
    if len(frame) < 50 or frame[12:14] != b'\x08\x00' or frame[23] != 17:
        return None
    return struct.unpack_from('!Q', frame, 42)[0]


def sample(count, size=None, start_us=1700000000123456, step_us=1000, flows=7):
    """Made-up packets: UDP of several sizes and flows, numbered."""
    rng = random.Random(count)
    out = []
    for i in range(count):
        data = udp(i, size or rng.choice((60, 64, 128, 590, 1514)), rng.randrange(flows))
        out.append(Packet(start_us + i * step_us, data, len(data)))
    return out


def generated(directory):
    """
    Made-up files for when no folder of samples is given: plain, cut by snaplen, empty, dated in
    the past and in the future, equal and backward times, tiny and jumbo frames.
    """
    def file(name, packets, **kwargs):
        return write(os.path.join(directory, name), packets, **kwargs)

    plain = sample(200)
    return [
        file('plain.pcap', plain),
        file('cut.pcap', [Packet(p.time_us, p.data[:60], p.wirelen) for p in plain], snaplen=60),
        file('empty.pcap', []),
        file('old.pcap', sample(50, start_us=1000000)),
        file('future.pcap', sample(50, start_us=4000000000 * 1000000 + 999999)),
        file('equal-times.pcap', sample(50, step_us=0)),
        file('backwards.pcap', sample(50, step_us=-1500)),
        file('tiny.pcap', [Packet(1700000000000000 + i, b'x' * i, i) for i in range(1, 20)]),
        file('jumbo.pcap', sample(5, size=9000)),
    ]
