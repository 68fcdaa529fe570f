# SPDX-License-Identifier: Apache-2.0
"""A consumer that sends its capture to clients: pcap over IP, with real ones."""
import os
import select
import socket
import time

from harness import captures, wait
from harness.net import free_port
from harness.proc import Process

SIZE = 8000  # bytes of a packet
PACKET = SIZE + 16  # in a pcap
LIMIT = 32 << 20  # what waits for a client, at most
DEADLINE = 60  # seconds for what comes in any case


class Client:
    """Reads, as it is told to, what pycapa sends it."""

    def __init__(self, address, **options):
        self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple)
                                    else socket.AF_UNIX)
        for option, value in options.items():
            self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
        self.socket.connect(address)
        self.data = bytearray()

    def read(self, size):
        deadline = time.monotonic() + DEADLINE
        while len(self.data) < size:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.socket], [], [], left)[0], f'{len(self.data)} of {size}'
            more = self.socket.recv(1 << 20)
            assert more, f'the end after {len(self.data)} bytes'
            self.data += more
        return self

    def rest(self):
        while True:
            assert select.select([self.socket], [], [], DEADLINE)[0], 'no end'
            more = self.socket.recv(1 << 20)
            if not more:
                return self
            self.data += more

    def numbers(self):
        return [captures.sequence(p.data) for p in captures.parse(bytes(self.data))[1]]

    def close(self):
        self.socket.close()


def wait_clients(process, n):
    wait.until(lambda: process.stats()['clients'] == n, DEADLINE, process.describe)


def wait_size(path, size):
    wait.until(lambda: os.path.exists(path) and os.path.getsize(path) >= size, DEADLINE,
               lambda: f'{size} bytes in {path}')


def test_four_clients_of_which_one_stops_and_one_comes_and_goes(topic, consumer, tmp_path):
    """tshark, tcpdump through socat and a third get every packet, the visitor all while there."""
    address = '127.0.0.1', free_port()
    count, portion = 6000, 1000  # 48 MB, more than may wait for one and the kernel holds beside it
    packets = captures.sample(count, size=SIZE)
    process = consumer(topic, '--listen', str(address[1]), '--reorder', '0', '-l', 'debug')
    process.wait_line('from offset 0$')  # it stands at the end
    files = [str(tmp_path / name) for name in ('tshark.pcapng', 'tcpdump.pcap')]
    tshark = Process(['tshark', '-q', '-i', f'TCP@{address[0]}:{address[1]}', '-w', files[0]])
    tcpdump = Process(['sh', '-c', f'socat -u TCP:{address[0]}:{address[1]} - | '
                       f'tcpdump -Z root -q -U -r - -w {files[1]}'])
    plain, stopped = Client(address), Client(address, SO_RCVBUF=4096)
    visitor = Client(address)
    try:
        wait_clients(process, 5)
        topic.produce(packets[:10])
        assert visitor.read(24 + 10 * PACKET).numbers() == list(range(10))
        visitor.close()
        wait_clients(process, 4)
        visitor = Client(address)
        wait_clients(process, 5)
        # In portions, and each is waited for: how slow a program is on a busy machine is not asked.
        for start in range(10, count, portion):
            topic.produce(packets[start:start + portion])
            sent = min(count, start + portion)
            plain.read(24 + sent * PACKET)
            visitor.read(24 + (sent - 10) * PACKET)
            for file in files:
                wait_size(file, sent * PACKET - (1 << 20))
        told = process.wait_line(r'client \S+ cut off after (\d+) packet\(s\): it is too slow')
        assert LIMIT < int(told.group(1)) * PACKET < count * PACKET
        assert len(process.grep('cut off after')) == 1, process.describe()
        account = process.stats()
        assert (account['clients'], account['cut_off']) == (4, 1), process.describe()
        assert process.stop() == 0, process.describe()
        assert process.counts() == (count, count)
        assert plain.rest().numbers() == list(range(count))
        assert visitor.rest().numbers() == list(range(10, count))
        assert tcpdump.wait() == 0, tcpdump.describe()
        assert tshark.wait() == 0, tshark.describe()
    finally:
        for c in (plain, stopped, visitor):
            c.close()
        tshark.kill()
        tcpdump.kill()
    for file in files:
        assert [captures.sequence(r.data) for r in captures.records(file)] == list(range(count))


def test_a_group_reads_while_a_client_is_there(topic, consumer, tmp_path):
    """What nobody was there for is left to the next client."""
    address = str(tmp_path / 'socket')
    packets = captures.sample(30, size=SIZE)
    group = f'group-{topic.name}'
    topic.produce(packets[:10])
    topic.commit(group, {0: 0})
    process = consumer(topic, '-o', 'stored', '-X', f'group.id={group}', '--listen', address,
                       '-X', 'auto.commit.interval.ms=100')
    process.wait_line('reading waits until a client is there')
    wait.until(lambda: process.stats()['read'] > 0, DEADLINE, process.describe)
    assert process.stats()['written'] == 0
    first = Client(address).read(24 + 10 * PACKET)
    assert first.numbers() == list(range(10))
    wait.until(lambda: topic.group_offsets(group, [0]) == {0: 10}, DEADLINE, process.describe)
    first.close()
    wait_clients(process, 0)
    topic.produce(packets[10:])
    wait.until(lambda: process.stats()['read'] > 10, DEADLINE, process.describe)
    assert topic.group_offsets(group, [0]) == {0: 10}
    second = Client(address).read(24 + 20 * PACKET)
    assert second.numbers() == list(range(10, 30))
    assert process.stop() == 0, process.describe()
    assert second.rest().numbers() == list(range(10, 30))
    second.close()
    assert topic.group_offsets(group, [0]) == {0: 30}
