# SPDX-License-Identifier: Apache-2.0
"""Capture files: a plain reader and writer of our own, and made-up captures."""
import os
import random
import struct
from collections import namedtuple

Packet = namedtuple('Packet', 'time_us data wirelen')
Record = namedtuple('Record', 'time_ns data wirelen linktype')


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


def pcap_records(blob, order):
    """[Record] of a pcap file."""
    unit = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[struct.unpack(order + 'I', blob[:4])[0]]
    linktype = struct.unpack(order + 'I', blob[20:24])[0] & 0xffff
    out, at = [], 24
    while at < len(blob):
        sec, part, caplen, wirelen = struct.unpack_from(order + 'IIII', blob, at)
        at += 16 + caplen
        assert at <= len(blob), f'a cut packet before byte {at}'
        out.append(Record(sec * 10**9 + part * unit, blob[at - caplen:at], wirelen, linktype))
    return out


def options(blob, order):
    """{code: value} of a pcapng block's options."""
    out, at = {}, 0
    while at + 4 <= len(blob):
        code, size = struct.unpack_from(order + 'HH', blob, at)
        if code == 0:
            break
        out[code] = blob[at + 4:at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
    return out


def interface(body, order):
    """(link type, snap length, units in a second, seconds to add) of an interface block."""
    linktype, _, snaplen = struct.unpack_from(order + 'HHI', body)
    told = options(body[8:], order)
    power = told.get(9, b'\6')[0]
    units = 2 ** (power & 127) if power & 128 else 10 ** power
    return linktype, snaplen, units, struct.unpack(order + 'q', told.get(14, bytes(8)))[0]


def pcapng_record(kind, body, order, interfaces):
    """The Record of a packet block; a simple one has no time, which counts as 1970."""
    if kind == 3:
        wirelen, = struct.unpack_from(order + 'I', body)
        linktype, snaplen, _, _ = interfaces[0]
        caplen = min(wirelen, snaplen or wirelen)
        return Record(0, body[4:4 + caplen], wirelen, linktype)
    number = struct.unpack_from(order + ('I' if kind == 6 else 'H'), body)[0]
    high, low, caplen, wirelen = struct.unpack_from(order + 'IIII', body, 4)
    linktype, _, units, offset = interfaces[number]
    ns = (high << 32 | low) * 10**9 // units + offset * 10**9
    return Record(ns, body[20:20 + caplen], wirelen, linktype)


def pcapng_records(blob):
    """[Record] of a pcapng file."""
    out, at, order, interfaces = [], 0, '<', []
    while at < len(blob):
        if blob[at:at + 4] == b'\n\r\r\n':
            order = '<' if blob[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            interfaces = []
        kind, size = struct.unpack_from(order + 'II', blob, at)
        body = blob[at + 8:at + size - 4]
        assert struct.unpack_from(order + 'I', blob, at + size - 4) == (size,), f'byte {at}'
        if kind == 1:
            interfaces.append(interface(body, order))
        elif kind in (2, 3, 6):
            out.append(pcapng_record(kind, body, order, interfaces))
        at += size
    return out


def records(path):
    """[Record] of a capture file of any link types, to the nanosecond."""
    with open(path, 'rb') as f:
        blob = f.read()
    if blob[:4] == b'\n\r\r\n':
        return pcapng_records(blob)
    return pcap_records(blob, '<' if blob[0] != 0xa1 else '>')


def block(order, kind, body):
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + 'I', len(body) + 12)
    return struct.pack(order + 'I', kind) + size + body + size


def interface_block(order, linktype, snaplen, resolution=None, offset=None):
    body = struct.pack(order + 'HHI', linktype, 0, snaplen)
    if resolution is not None:
        body += struct.pack(order + 'HHBxxx', 9, 1, resolution)
    if offset is not None:
        body += struct.pack(order + 'HHq', 14, 8, offset)
    return block(order, 1, body + bytes(4))


def packet_block(order, number, ticks, data, wirelen=None):
    return block(order, 6, struct.pack(order + 'IIIII', number, ticks >> 32, ticks & 0xffffffff,
                                       len(data), wirelen or len(data)) + data)


def section_block(order):
    return block(order, 0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1))


def section(packets, linktype=1, order='<'):
    """A pcapng section of one interface, with times in nanoseconds."""
    return (section_block(order) + interface_block(order, linktype, 262144, 9) +
            b''.join(packet_block(order, 0, p.time_us * 1000, p.data, p.wirelen) for p in packets))


def block_record(packets, **kwargs):
    """A block record of docs/record.md: its key, value, headers and timestamp in ms."""
    times = [p.time_us for p in packets]
    return (struct.pack('!Q', min(times)), section(packets, **kwargs),
            [('format', b'pcapng'), ('packets', str(len(packets)).encode())], max(times) // 1000)


def packets_of(message):
    """The bytes of each packet of a record, a packet or a block of ours, of another client's."""
    return packets_in(message.value(), message.headers())


def packets_in(value, headers):
    """The same, of its value and headers."""
    headers = dict(headers or [])
    if headers.get('format') != b'pcapng':
        return [value]
    at, out = 0, []
    while at < len(value):
        kind, size = struct.unpack_from('<II', value, at)
        if kind == 6:
            caplen, = struct.unpack_from('<I', value, at + 20)
            out.append(value[at + 28:at + 28 + caplen])
        at += size
    assert len(out) == int(headers['packets']), headers
    return out


def every_kind(order, start=1700000000):
    """A pcapng section that has all that may differ within one, in this byte order."""
    frame, at = udp(1), start
    return b''.join([
        section_block(order),
        block(order, 0xbad, struct.pack(order + 'I', 32473) + b'custom'),
        interface_block(order, 1, 65535),
        interface_block(order, 101, 96, 9),
        interface_block(order, 113, 32, 0x80 | 20),
        packet_block(order, 0, at * 10**6 + 1, frame),
        packet_block(order, 1, at * 10**9 + 2123, frame[14:], 1500),
        packet_block(order, 2, (at << 20) + 7, bytes(14) + b'\x08\0' + frame[14:]),
        block(order, 3, struct.pack(order + 'I', len(frame)) + frame),
        block(order, 0x1234, b'unknown'),
        interface_block(order, 1, 0, 3, 3600),
        interface_block(order, 1, 0, 0),
        packet_block(order, 3, at * 1000 + 4, frame[:60], 64),
        packet_block(order, 4, at + 1, frame),
        block(order, 2, struct.pack(order + 'HHIIII', 0, 0xffff, at * 10**6 >> 32,
                                    at * 10**6 & 0xffffffff, 61, 61) + frame[:61]),
        block(order, 5, bytes(12)),
    ])


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
