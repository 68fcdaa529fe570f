# SPDX-License-Identifier: Apache-2.0
"""A broker far away refuses batches while others are on their way to it: the order holds."""
import os
import signal
import time

import pytest

from harness import captures, faults, traffic, wait
from harness.faults import PARTITIONS, Trial, assert_all_in_order
from harness.net import free_port
from harness.proc import run
from harness.witness import Topic

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures('record')]
DAY_US = 86400 * 1000000
LARGE = 20000  # bytes
MANY = ('-X', 'max.in.flight=5')  # requests on their way, as is not the default


@pytest.fixture(autouse=True)
def limit():
    """Every wait has a deadline of its own."""


@pytest.fixture(scope='module')
def distant_broker_of_all(tmp_path_factory):
    with faults.DistantBroker(tmp_path_factory.mktemp('distant')) as b:
        yield b


@pytest.fixture
def distant_broker(distant_broker_of_all):
    distant_broker_of_all.proxy.delay = faults.DISTANCE
    distant_broker_of_all.proxy.swaps = {}
    return distant_broker_of_all


@pytest.mark.parametrize('count', [2200, 2400])
def test_small_batches_only_with_more_on_the_way(distant_broker, spawn, tmp_path, count):
    # The last batch of each round is a small one behind a large one that is refused.
    topic = Topic(distant_broker, distant_broker.topic(1, max_message_bytes=65536))
    path = captures.write(tmp_path / 'all.pcap', captures.sample(count, size=100, flows=1))
    process = spawn('-p', '-r', path, '-k', distant_broker.bootstrap, '-t', topic.name,
                    *MANY)
    assert process.wait(60) == 0, process.describe()
    # What is half sent when another is refused is broken off, and counts as doubled.
    assert_all_in_order(process, topic, count, may_double=True)


def test_small_batches_from_now_on_with_more_on_the_way(distant_broker, pair, spawn):
    trial = Trial(distant_broker, pair, spawn, distant_broker.topic(1))
    process = trial.start('-X', 'linger.ms=20', '-X', 'batch.size=100000', *MANY)
    traffic.send(pair, 100, 0, flows=1, size=100)
    trial.wait_stats(lambda s: s['delivered'] == 100, 30)
    distant_broker.configure_topic(trial.topic.name, max_message_bytes=65536)
    sent = traffic.send(pair, 900, 0, flows=1, size=100, first=100) + 100
    trial.wait_stats(lambda s: s['delivered'] == sent, 60)
    assert process.stop(timeout=30) == 0, process.describe()
    assert_all_in_order(process, trial.topic, sent, may_double=True)


def quoted(text):
    return f'"{text}"'


class Reloaded:
    """A producer with a file, of which a reload changes linger.ms: it gets a new client."""

    def __init__(self, broker, pair, spawn, path, *properties):
        self.path, self.topic = path, Topic(broker, broker.topic(PARTITIONS))
        self.text = (f'mode = "producer"; interface = "{pair.inside}"; '
                     f'record = "{faults.producing["record"]}"; block-time = "100ms";\n'
                     f'kafka-broker = "{broker.bootstrap}"; kafka-topic = "{self.topic.name}";\n'
                     f'kafka-config = ({", ".join(map(quoted, properties))}, "linger.ms=%d");\n')
        path.write_text(self.text % 50)
        self.process = spawn('-C', path).wait_capturing()

    def reload(self, linger):
        self.path.write_text(self.text % linger)
        self.process.send_signal(signal.SIGHUP)
        self.process.wait_line(f'linger.ms: .* -> {linger}$')

    def wait_delivered(self, count, timeout):
        wait.until(lambda: self.process.stats()['delivered'] >= count, timeout,
                   self.process.describe)


def test_a_reload_while_batches_are_refused(distant_broker, pair, spawn, tmp_path):
    # The client that the reload waits for is dead, or dies of what is on its way.
    count = 5000
    trial = Reloaded(distant_broker, pair, spawn, tmp_path / 'in.cfg', 'batch.size=100000')
    generator = traffic.start(pair, count, 3000, size=1400, flows=8)
    trial.wait_delivered(1000, 30)
    # A full block, 64 KiB, is too large by itself: none need share a batch.
    distant_broker.configure_topic(trial.topic.name, max_message_bytes=50000)
    trial.process.wait_line('max.message.bytes', 30)
    for linger in range(51, 55):
        trial.reload(linger)
        trial.wait_delivered(min(trial.process.stats()['delivered'] + 1, count), 20)
    assert generator.wait(60) == 0
    trial.wait_delivered(count, 120)
    assert trial.process.stop(timeout=30) == 0, trial.process.describe()
    # The purge breaks off a request that is half sent. Its packets may be there, so they count as
    # doubled: with blocks mostly there is one, with packets on a busy machine.
    assert_all_in_order(trial.process, trial.topic, count, may_double=True)


def test_a_reload_waits_for_no_long_queue(distant_broker, pair, spawn, tmp_path):
    # Some 400 packets a second reach the broker: those that wait would hold the capture for 12 s.
    count = 16000
    trial = Reloaded(distant_broker, pair, spawn, tmp_path / 'in.cfg', 'batch.size=60000')
    generator = traffic.start(pair, count, 2000, size=1400, flows=1)
    wait.until(lambda: trial.process.stats()['queued'] > 5000, 30, trial.process.describe)
    trial.reload(51)
    before = trial.process.stats()['received']
    wait.until(lambda: trial.process.stats()['received'] > before + 2000, 6,
               trial.process.describe)
    assert generator.wait(60) == 0
    wait.until(lambda: trial.process.stats()['received'] == count, 10, trial.process.describe)
    assert trial.process.stats()['queued'] > 5000, 'what it did not wait for'
    assert trial.process.stats()['dropped_kernel'] == 0


# Errors of Kafka; a damaged record is CORRUPT.
NONE, CORRUPT, NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS = 0, 2, 6, 7, 19


def damaged(frame):
    """For the proxy: a packet."""
    return {frame[26:]: frame[:25:-1]}


def answered(topic, old, new):
    """For the proxy: an answer for partition 0 alone, of older versions or of those from 9 on."""
    offset = b'\xff' * 4 if old else bytes(4)  # the beginning of one
    before = [topic.encode() + one + bytes(5) for one in (b'\0\0\0\1', b'\2')]
    return {b + bytes([old]) + offset: b + bytes([new]) + offset for b in before}


class Firsts:
    """The first packets that a client sends are refused in company, the next are on their way."""

    def __init__(self, broker, spawn, partitions=1, **config):
        self.broker, self.spawn = broker, spawn
        self.topic = Topic(broker, broker.topic(partitions, **config))

    def replay(self, path, sizes, stamp=lambda i: 1700000000000000 + i, flows=1, argv=()):
        packets = [captures.Packet(stamp(i), captures.udp(i, size, i % flows), size)
                   for i, size in enumerate(sizes)]
        process = self.spawn('-p', '-r', captures.write(path, packets), '-k',
                             self.broker.bootstrap, '-t', self.topic.name, *MANY, *argv)
        assert process.wait(60) == 0, process.describe()
        return process

    def capture(self, pair, known):
        """A capture on a pair of large frames; `known`: its client knows the partitions."""
        pair.run('ip', 'link', 'set', pair.outside, 'mtu', '65535')
        run('ip', 'link', 'set', pair.inside, 'mtu', '65535')
        process = self.spawn('-p', '-i', pair.inside, '-k', self.broker.bootstrap, '-t',
                             self.topic.name, *MANY, '-X', 'linger.ms=20', '-X',
                             'debug=topic', '-ll', 'DEBUG').wait_capturing()
        if known:
            process.wait_line(rf'PARTCNT: .*{self.topic.name} partition count')
        return process

    @staticmethod
    def send(pair, path, count=4, size=LARGE, flow=0):
        """Four large packets, and from 30 ms after them on 40 small ones."""
        frames = [captures.udp(i, *((size, flow) if i < count else (100, 0))) for i in range(44)]
        captures.write(path, [captures.Packet(i * 1000 + (i >= count) * 30000, f, len(f))
                              for i, f in enumerate(frames)])
        pair.run('tcpreplay', '-i', pair.outside, path)


@pytest.mark.parametrize('batch', [3, 4, 5, 10])
@pytest.mark.parametrize('more', [1, 3, 30])
def test_first_batch_of_a_file_too_large(distant_broker, spawn, tmp_path, batch, more):
    sizes = [1400] * batch + [100] * more
    for _ in range(4):
        first = Firsts(distant_broker, spawn, max_message_bytes=2000)
        process = first.replay(tmp_path / 'first.pcap', sizes,
                               argv=('-X', f'batch.num.messages={batch}', '-X', 'linger.ms=200'))
        assert_all_in_order(process, first.topic, len(sizes))
        # At the end of a file nothing lingers: on a busy machine each packet may go by itself.
        if process.grep('^WARN.*max.message.bytes'):
            return
    pytest.fail(f'no batch was refused\n{process.describe()}')


@pytest.mark.parametrize('flows', [1, 4])
def test_first_time_stamps_of_a_file_refused(distant_broker, spawn, tmp_path, flows):
    first = Firsts(distant_broker, spawn, PARTITIONS, message_timestamp_after_max_ms=3600000)
    now_us = int(time.time() * 1000000)
    count = 400
    process = first.replay(tmp_path / 'first.pcap', [100] * count,
                           lambda i: now_us + i + (i < flows) * DAY_US, flows,
                           ('-X', 'batch.num.messages=3'))
    assert_all_in_order(process, first.topic, count)
    assert process.grep('^WARN.*message.timestamp'), process.describe()


@pytest.mark.parametrize('moved', [False, True])
def test_first_batch_of_a_spool_too_large(distant_broker, pair, spawn, tmp_path, moved):
    # Of an earlier run; `moved`: whose topic is not that of the settings any more.
    first = Firsts(distant_broker, spawn, max_message_bytes=2000)
    other = distant_broker.topic(1) if moved else first.topic.name

    def start(brokers, topic):
        return spawn('-p', '-i', pair.inside, '-k', brokers, '-t', topic, '--spool-directory',
                     tmp_path / 'spool', '--shutdown-timeout', '1', '-X',
                     'batch.num.messages=4', '-X', 'linger.ms=1000', *MANY).wait_capturing()
    process = start(f'127.0.0.1:{free_port()}', first.topic.name)
    traffic.send(pair, 4, 0, flows=1, size=1400)
    traffic.send(pair, 40, 0, flows=1, size=100, first=4)
    wait.until(lambda: process.stats()['received'] == 44, 10, process.describe)
    assert process.stop(timeout=30) == 0, process.describe()
    process = start(distant_broker.bootstrap, other)
    wait.until(lambda: process.stats()['delivered'] == 44, 30, process.describe)
    assert process.stop(timeout=30) == 0, process.describe()
    assert_all_in_order(process, first.topic, 44)
    assert process.grep('^WARN.*max.message.bytes'), process.describe()


@pytest.mark.parametrize('known', [False, True])
def test_first_large_packets_of_an_interface_too_large(distant_broker, pair, spawn, tmp_path,
                                                       known):
    # Four together are refused, each alone is not.
    first = Firsts(distant_broker, spawn, max_message_bytes=65536)
    process = first.capture(pair, known)
    first.send(pair, tmp_path / 'large.pcap')
    wait.until(lambda: process.stats()['delivered'] == 44, 30, process.describe)
    assert process.stop(timeout=30) == 0, process.describe()
    assert_all_in_order(process, first.topic, 44)


def test_first_packet_refused_for_a_moment(distant_broker, pair, spawn, tmp_path):
    # As by a broker that does not lead the partition yet (Kafka's error 6). It takes what follows,
    # and librdkafka takes its answer for one to the first, too.
    first = Firsts(distant_broker, spawn)
    process = first.capture(pair, True)
    distant_broker.proxy.swaps = {**damaged(captures.udp(0, 200, 1)),
                                  **answered(first.topic.name, CORRUPT, NOT_LEADER)}
    first.send(pair, tmp_path / 'first.pcap', 1, 200, 1)
    wait.until(lambda: process.stats()['delivered'] == 44, 30, process.describe)
    assert len(distant_broker.proxy.swaps) == 1, 'one of the answers'
    assert process.stop(timeout=30) == 0, process.describe()
    got = [captures.sequence(p) for r in first.topic.records()
           for p in captures.packets_in(r.value, r.headers)]
    assert set(got) == set(range(44)), process.describe()
    assert len(got) - 44 <= faults.assert_ended(process)['doubled'], process.describe()


def test_nothing_twice_while_replicas_are_missing(distant_broker, pair, spawn, tmp_path):
    # Of three packets in a row Kafka keeps the first, but answers too late, and has no replicas
    # for the second. If the third is on its way by then, it is refused for the gap, and librdkafka
    # sends all three as new.
    topic = Topic(distant_broker, distant_broker.topic(1))
    process = spawn('-p', '-i', pair.inside, '-k', distant_broker.bootstrap, '-t',
                    topic.name).wait_capturing()
    traffic.send(pair, 1, 0, flows=1, size=200)
    wait.until(lambda: process.stats()['delivered'] == 1, 30, process.describe)
    distant_broker.proxy.delay = .25
    distant_broker.proxy.swaps = {**damaged(captures.udp(2, 200)),
                                  **answered(topic.name, NONE, TIMED_OUT),
                                  **answered(topic.name, CORRUPT, NOT_ENOUGH_REPLICAS)}
    traffic.send(pair, 3, 10, flows=1, size=200, first=1)
    wait.until(lambda: process.stats()['delivered'] == 4, 30, process.describe)
    assert len(distant_broker.proxy.swaps) == 2, 'one of the answers each'
    distant_broker.proxy.delay, distant_broker.proxy.swaps = 0, {}  # what is left fits a fetch, too
    assert process.stop(timeout=30) == 0, process.describe()
    assert_all_in_order(process, topic, 4)


def test_a_broker_that_hangs_holds_no_large_packets_up(distant_broker, pair, spawn, tmp_path):
    first = Firsts(distant_broker, spawn)
    process = first.capture(pair, True)
    distant_broker.pause()
    first.send(pair, tmp_path / 'large.pcap')
    wait.until(lambda: process.stats()['queued'] == 44, 8, process.describe)
    distant_broker.resume()
    wait.until(lambda: process.stats()['delivered'] == 44, 30, process.describe)
    assert process.stop(timeout=30) == 0, process.describe()
    assert_all_in_order(process, first.topic, 44)


def test_a_pipe_is_read_while_no_broker_is_there(spawn, tmp_path):
    # It could not wait: who writes into it would lose packets.
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    process = spawn('-p', '-r', path, '-k', f'127.0.0.1:{free_port()}', '-t', 'nowhere',
                    '--shutdown-timeout', '0')
    captures.write(path, captures.sample(5000, size=100))
    wait.until(lambda: process.stats()['queued'] == 5000, 10, process.describe)
    assert process.stop(timeout=30) == 1, process.describe()
    assert faults.assert_ended(process)['failed'] == 5000, process.describe()
