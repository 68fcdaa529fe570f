# SPDX-License-Identifier: Apache-2.0
"""Interfaces and clocks that change under a running capture: waited through, and no count lies."""
import os
import re
import signal
import subprocess
import sys

import pytest

from harness import captures, faults, traffic, wait
from harness.daemon import BUILD
from harness.net import Pair
from harness.proc import Process, run
from harness.witness import Topic

LOST = '^WARNING:root:.*; waiting for the interface$'
BACK = '^INFO:root:.*: the interface is back, capturing'
RELOADED = '^INFO:root:Reloaded '

# Holds a tun device and does what it is told: ten IPv4 packets in, or Ethernet from now on.
TUNNEL = '''
import fcntl, os, struct, subprocess, sys
name = sys.argv[1]
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', name.encode(), 0x1001))
def link(state):
    subprocess.run(['ip', 'link', 'set', name, state], check=True)
with open(f'/proc/sys/net/ipv6/conf/{name}/disable_ipv6', 'w') as f:
    f.write('1')
link('up')
print('up', flush=True)
for word in sys.stdin:
    if word == 'send\\n':
        for n in range(10):
            os.write(fd, struct.pack('!BBHHHBBH8s', 0x45, 0, 28, n, 0, 64, 17, 0, bytes(8))
                     + bytes(8))
    else:
        link('down')
        fcntl.ioctl(fd, 0x400454cd, 1)  # TUNSETLINK, ARPHRD_ETHER
        link('up')
'''


class Configured:
    """A pycapa with a configuration file, which is what makes it wait."""

    def __init__(self, spawn, path, interface, topic, **keys):
        self.path = str(path)
        self.keys = {'mode': '"producer"', 'interface': f'"{interface}"',
                     'kafka-broker': f'"{topic.broker.bootstrap}"',
                     'kafka-topic': f'"{topic.name}"', **keys}
        self.write()
        self.spawn = lambda **kwargs: spawn('-C', self.path, **kwargs)
        self.start = lambda **kwargs: self.spawn(**kwargs).wait_capturing()

    def write(self):
        with open(self.path, 'w') as f:
            f.writelines(f'{k} = {v};\n' for k, v in self.keys.items())

    def reload(self, process, pattern=RELOADED, **keys):
        """Changes keys and reloads; waits for one more line of `pattern`."""
        before = len(process.grep(pattern))
        self.keys.update(keys)
        self.write()
        process.send_signal(signal.SIGHUP)
        wait.until(lambda: len(process.grep(pattern)) > before, 10, process.describe)


@pytest.fixture
def configured(spawn, tmp_path):
    return lambda *args, **keys: Configured(spawn, tmp_path / 'instance.cfg', *args, **keys)


def wait_told(process, pattern, count=1):
    wait.until(lambda: len(process.grep(pattern)) >= count, 10, process.describe)


def wait_counts(process, timeout=30, **counts):
    wait.until(lambda: counts.items() <= process.stats().items(), timeout,
               lambda: f'{counts}\n{process.describe()}')


def assert_numbers(topic, count):
    """Each number is in the topic once."""
    assert sorted(captures.sequence(r.value) for r in topic.records()) == list(range(count))


def assert_story(process, lost=1, back=1):
    assert (len(process.grep(LOST)), len(process.grep(BACK))) == (lost, back), process.describe()


def test_deleted_and_made_again_while_kafka_takes_nothing(outage_broker, pair, configured):
    # All that the kernel tells of the interface comes while no packet is being read.
    topic = Topic(outage_broker, outage_broker.topic())
    process = configured(pair.inside, topic, **{
        'kafka-config': '["queue.buffering.max.messages=100"]'}).start()
    traffic.send(pair, 10, 1000)
    wait_counts(process, delivered=10)
    outage_broker.pause()
    traffic.send(pair, 290, 1000, first=10)
    wait.until(lambda: process.stats()['queued'] >= 100, 20, process.describe)
    pair.delete_link()
    pair.create()
    wait_told(process, BACK)
    traffic.send(pair, 200, 1000, first=300)
    outage_broker.resume()
    wait_counts(process, delivered=500, queued=0)
    assert_story(process)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 500)


def test_the_capture_is_said_to_start_when_it_starts(topic, pair, configured):
    started = '^INFO:root:Starting packet capture$'
    pair.delete_link()
    process = configured(pair.inside, topic).spawn()
    wait_told(process, LOST)
    process.wait_line('^INFO:root:Connecting to Kafka')
    assert process.stats()['received'] == 0  # its loop runs, so that all of the start was said
    assert not process.grep(started), process.describe()
    pair.create()
    process.wait_capturing()
    pair.delete_link()
    wait_told(process, LOST, 2)
    pair.create()
    wait_told(process, BACK, 2)
    assert len(process.grep(started)) == 1, process.describe()
    assert process.stop() == 0, process.describe()


def test_renamed_and_another_one_of_that_name(topic, pair, configured):
    process = configured(pair.inside, topic).start()
    traffic.send(pair, 100, 1000)
    wait_counts(process, delivered=100)
    away = pair.inside[:-1] + 'c'
    run('ip', 'link', 'set', pair.inside, 'name', away)
    try:
        wait_told(process, LOST)
        # Its far end has the name that the new one needs.
        pair.run('ip', 'link', 'set', pair.outside, 'name', 'away')
        pair.create()
        wait_told(process, BACK)
        traffic.send(pair, 100, 1000, first=100)
        wait_counts(process, delivered=200)
    finally:
        run('ip', 'link', 'delete', away)
    assert_story(process)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 200)


def test_traffic_across_a_deletion(topic, pair, configured):
    # A block that the kernel has not handed over yet when the device goes is not lost with it.
    process = configured(pair.inside, topic, **{'buffer-timeout': '"500ms"'}).start()
    stream = traffic.start(pair, 100000, 2000)
    wait.until(lambda: process.stats()['received'] > 2000, 20, process.describe)
    pair.delete_link()
    wait_told(process, LOST)
    stream.wait(30)
    # What the interface took has come in, but for what the kernel itself threw away with it.
    sent = int(stream.stdout)
    received = wait_settled(process)
    assert sent - 100 <= received <= sent, process.describe()
    pair.create()
    wait_told(process, BACK)
    traffic.send(pair, 500, 1000, first=received)
    wait_counts(process, delivered=received + 500)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, received + 500)


def wait_settled(process):
    """Waits until all that was received is delivered, and no more comes; returns how many."""
    last = [-1]

    def settled():
        wait.elapse(0.5)
        stats = process.stats()
        before, last[0] = last[0], stats['received']
        return stats['received'] == stats['delivered'] == before
    wait.until(settled, 20, process.describe)
    return last[0]


def test_link_type_of_the_same_device_changes(topic, pair, configured):
    name = pair.inside[:-1] + 't'
    tunnel = Process([sys.executable, '-c', TUNNEL, name], stdin=subprocess.PIPE)

    def tell(word):
        tunnel.popen.stdin.write(f'{word}\n'.encode())
        tunnel.popen.stdin.flush()

    try:
        tunnel.wait_stdout(3)
        process = configured(name, topic).start()
        tell('send')
        wait_counts(process, delivered=10)
        tell('ethernet')
        wait_told(process, BACK + '; its link type is now Ethernet$')
        tell('send')
        wait_counts(process, delivered=20)
    finally:
        tunnel.popen.stdin.close()
        tunnel.wait(10)
    wait_told(process, LOST, 2)
    assert_story(process, lost=2)
    assert process.stop() == 0, process.describe()
    types = [dict(r.headers).get('linktype') for r in topic.records()]
    assert types == [b'101'] * 10 + [None] * 10


def operstate(name):
    """As the kernel tells it, a moment after the carrier came."""
    with open(f'/sys/class/net/{name}/operstate') as f:
        return f.read().strip()


def test_more_changes_than_the_kernel_keeps_for_us(topic, pair, configured, tmp_path):
    process = configured(pair.inside, topic).start()
    other = Pair()
    try:
        batch = tmp_path / 'batch'
        batch.write_text(''.join(f'link set {other.inside} mtu {1000 + n % 100}\n'
                                 for n in range(2000)))
        traffic.send(pair, 1000, 1000)
        wait_counts(process, delivered=1000)
        pair.delete_link()
        wait_told(process, LOST)
        process.stats()  # all that was told so far is read
        process.send_signal(signal.SIGSTOP)
        run('ip', '-batch', batch)
        pair.create()
        wait.until(lambda: operstate(pair.inside) == 'up', 10, 'the kernel has told all')
        process.send_signal(signal.SIGCONT)
        wait_told(process, BACK)
    finally:
        other.remove()
    traffic.send(pair, 100, 1000, first=1000)
    wait_counts(process, delivered=1100)
    assert_story(process)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 1100)


def switches(process, seconds):
    """How often the loop's thread woke up in that time."""
    def count():
        with open(f'/proc/{process.pid}/task/{process.pid}/status') as f:
            return int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', f.read(), re.M).group(1))
    before = count()
    wait.elapse(seconds)
    return count() - before


def test_a_link_that_is_down_is_not_polled(topic, pair, configured):
    process = configured(pair.inside, topic).start()
    traffic.send(pair, 10, 1000)
    wait_counts(process, delivered=10)
    # 160 when it looks at an empty queue every 25 ms: never a quiet span.
    spans = []
    wait.until(lambda: spans.append(switches(process, 4)) or spans[-1] <= 20, 40, lambda: spans)
    up = spans[-1]
    pair.down()
    wait_told(process, LOST)
    spans.clear()
    # A look each 250 ms would be 16; the kernel itself tells of the same change more than once,
    # and librdkafka's statistics may come (two wake-ups) in one of the spans and not in the other.
    wait.until(lambda: spans.append(switches(process, 4)) or spans[-1] <= up + 12, 40,
               lambda: (up, spans))
    pair.up()
    wait_told(process, BACK)
    traffic.send(pair, 10, 1000, first=10)
    wait_counts(process, delivered=20)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 20)


@pytest.mark.parametrize('gone', ['down', 'deleted'])
def test_reload_while_the_interface_is_away(topic, pair, configured, gone):
    instance = configured(pair.inside, topic)
    process = instance.start()
    traffic.send(pair, 10, 1000, size=500)
    wait_counts(process, delivered=10)
    pair.down() if gone == 'down' else pair.delete_link()
    wait_told(process, LOST)
    instance.reload(process, snaplen=100)
    instance.reload(process, 'Reload refused.*filter', filter='"port of call"')
    instance.reload(process, 'Reload refused.*nowhere0', filter='"udp"', interface='"nowhere0"')
    instance.reload(process, interface=f'"{pair.inside}"')
    pair.up() if gone == 'down' else pair.create()
    wait_told(process, BACK)
    traffic.send(pair, 10, 1000, size=500, first=10)
    wait_counts(process, delivered=20)
    assert_story(process)
    assert process.stop() == 0, process.describe()
    assert [len(r.value) for r in topic.records()] == [500] * 10 + [100] * 10
    assert_numbers(topic, 20)


def packet_sockets(process):
    with open(f'/proc/{process.pid}/net/packet') as f:
        inodes = {line.split()[-1] for line in f}
    held = [os.readlink(f.path) for f in os.scandir(f'/proc/{process.pid}/fd')]
    return sum(link[8:-1] in inodes for link in held if link.startswith('socket:['))


@pytest.mark.parametrize('reloaded', [False, True])
def test_wall_clock_set_back(topic, pair, configured, tmp_path, reloaded):
    ahead = tmp_path / 'ahead'
    ahead.touch()
    instance = configured(pair.inside, topic)
    process = instance.start(env={
        'LD_PRELOAD': os.path.join(BUILD, 'tests/kafka/libclock_ahead.so'),
        'CLOCK_AHEAD': str(ahead)})
    if reloaded:
        instance.reload(process, snaplen=1000)
        # The step comes after the hand-over, not within its 20 ms.
        wait.until(lambda: packet_sockets(process) == 1, 10, process.describe)
    ahead.unlink()
    traffic.send(pair, 100, 1000)
    wait_counts(process, received=100)
    # The handle of before the step ends as well.
    instance.reload(process, snaplen=500)
    traffic.send(pair, 100, 1000, first=100)
    wait_counts(process, delivered=200)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 200)


# A private /sys/class/net, where the drops of the device are what a test says they are.
OWN_SYSFS = ('mount -t tmpfs tmpfs /sys/class/net && mkdir -p "$1" && '
             'echo 7 >"$1/rx_missed_errors" && shift && exec "$@"')


def test_drops_of_a_device_that_goes_are_not_counted_backwards(topic, pair, spawn):
    statistics = f'/sys/class/net/{pair.inside}/statistics'
    process = spawn('-p', '-i', pair.inside, '-k', topic.broker.bootstrap, '-t', topic.name,
                    prefix=['unshare', '-m', 'sh', '-c', OWN_SYSFS, 'sh', statistics])
    process.wait_capturing()

    def change(script):
        run('nsenter', '-t', process.pid, '-m', 'sh', '-c', script, 'sh', statistics)

    assert process.stats()['dropped_interface'] == 0
    change('echo 12 >"$1/rx_missed_errors"')
    assert process.stats()['dropped_interface'] == 5
    change('rm "$1/rx_missed_errors"')
    assert process.stats()['dropped_interface'] == 5
    change('echo 3 >"$1/rx_missed_errors"')
    assert process.stats()['dropped_interface'] == 8
    assert process.stop() == 0, process.describe()


def test_given_up_with_the_ring_full_counts_what_is_unread(outage_broker, pair, spawn):
    process = spawn('-p', '-i', pair.inside, '-k', outage_broker.bootstrap,
                    '-t', outage_broker.topic(), '-X', 'queue.buffering.max.messages=100',
                    '--shutdown-timeout', '1').wait_capturing()
    traffic.send(pair, 10, 1000)
    wait_counts(process, delivered=10)
    outage_broker.pause()
    traffic.send(pair, 4990, 0, first=10)
    wait.until(lambda: process.stats()['queued'] >= 100, 20, process.describe)
    assert process.stop(signal.SIGTERM) == 1, process.describe()
    stats = faults.assert_ended(process)
    assert stats['passed'] == stats['received'] == 5000, process.describe()
    assert stats['failed'] + stats['dropped'] == 4990, process.describe()
    assert stats['queued'] == 0, process.describe()
    assert process.grep(r"^INFO:root:Waiting for '\d+' message\(s\) to flush$")
    assert '4990 packet(s) not delivered' in process.lines[-1], process.describe()
