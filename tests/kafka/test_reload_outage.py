# SPDX-License-Identifier: Apache-2.0
"""A reload of the Kafka client while Kafka takes nothing: what is queued moves, where it belongs."""
import signal

import pytest

from harness import faults, traffic, wait
from harness.net import free_port
from harness.witness import Topic

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures('record')]
RELOADED = '^INFO:root:Reloaded '


class Instance:
    """A producer with a file, on a capture buffer that holds 3 s of 5000 packets/s at most."""

    def __init__(self, spawn, path, pair, bootstrap, topic, **settings):
        self.path, self.pair = path, pair
        self.settings = {'interface': pair.inside, 'kafka-broker': bootstrap,
                         'kafka-topic': topic, 'buffer-size': '4M',
                         'record': faults.producing['record'], **settings}
        self.write()
        self.process = spawn('-C', path).wait_capturing()

    def write(self):
        lines = ['mode = "producer"; stats-interval = 0;']
        for key, value in self.settings.items():
            words = ', '.join(f'"{v}"' for v in value) if isinstance(value, list) else None
            lines.append(f'{key} = ({words});' if words else f'{key} = "{value}";')
        self.path.write_text('\n'.join(lines) + '\n')

    def reload(self, **changes):
        self.settings.update({k.replace('_', '-'): v for k, v in changes.items()})
        self.write()
        done = len(self.process.grep(RELOADED)) + 1
        self.process.send_signal(signal.SIGHUP)
        wait.until(lambda: len(self.process.grep(RELOADED)) == done, 20, self.process.describe)

    def wait_stats(self, condition, timeout=30):
        def look():
            stats = self.process.stats()
            return stats if condition(stats) else None
        return wait.until(look, timeout, self.process.describe)

    def send(self, count, pps, first=0):
        return traffic.start(self.pair, count, pps, first=first, size=200, flows=faults.FLOWS)


def assert_once(process, topic, first, last):
    got = faults.content(topic, last)
    assert faults.missing(got.counts) == ([(0, first)] if first else []), process.describe()
    assert got.records == last - first, process.describe()


def test_a_reload_in_an_outage_loses_and_doubles_nothing(outage_broker, pair, spawn, tmp_path):
    topic = Topic(outage_broker, outage_broker.topic(faults.PARTITIONS))
    i = Instance(spawn, tmp_path / 'a.cfg', pair, outage_broker.bootstrap, topic.name)
    stream = i.send(50000, 5000)
    i.wait_stats(lambda s: s['delivered'] > 5000)
    outage_broker.kill()
    for linger in (6, 7):
        before = i.process.stats()['queued']
        i.wait_stats(lambda s: s['queued'] > before + 5000)
        i.reload(kafka_config=[f'linger.ms={linger}'])
    assert stream.wait(30) == 0
    stats = i.wait_stats(lambda s: s['received'] == 50000)
    assert stats['queued'] > 20000 and stats['dropped_kernel'] == 0, stats
    outage_broker.start()
    i.wait_stats(lambda s: s['delivered'] == 50000, 60)
    assert i.process.stop() == 0, i.process.describe()
    stats = faults.assert_ended(i.process)
    doubled = faults.doubled_by_library(i.process, stats)
    assert stats['dropped_kernel'] == 0 and stats['doubled'] == doubled, i.process.describe()
    got = faults.content(topic, 50000)
    assert faults.missing(got.counts) == [], i.process.describe()
    assert faults.doubles(got.counts) <= doubled, i.process.describe()


@pytest.mark.packets
def test_a_reload_keeps_the_bound_of_the_queue(pair, spawn, tmp_path):
    properties = ['queue.buffering.max.messages=10000']
    i = Instance(spawn, tmp_path / 'a.cfg', pair, f'127.0.0.1:{free_port()}', 'pcap',
                 **{'kafka-config': properties, 'shutdown-timeout': '1s'})
    stream = i.send(40000, 10000)
    i.wait_stats(lambda s: s['queued'] > 2000)
    i.reload(kafka_config=[*properties, 'linger.ms=6'])
    # One packet waits in front of the full queue.
    stats = i.wait_stats(lambda s: s['queued'] >= 10000)
    assert stream.wait(30) == 0
    stats = i.wait_stats(lambda s: s['dropped_kernel'] > 1000)
    assert 10000 <= stats['queued'] <= 10001, stats
    assert i.process.stop() == 1, i.process.describe()
    stats = faults.assert_ended(i.process)
    assert stats['delivered'] == 0 and stats['failed'] + stats['dropped'] > 10000, stats


@pytest.mark.parametrize('spool', [False, True])
def test_what_is_queued_for_the_old_topic_goes_there(outage_broker, pair, spawn, tmp_path, spool):
    old, new = [Topic(outage_broker, outage_broker.topic(2)) for _ in range(2)]
    more = {'spool-directory': tmp_path / 'spool'} if spool else {}
    i = Instance(spawn, tmp_path / 'a.cfg', pair, outage_broker.bootstrap, old.name, **more)
    assert i.send(1000, 5000).wait(10) == 0
    i.wait_stats(lambda s: s['delivered'] == 1000)
    outage_broker.pause()
    assert i.send(4000, 5000, first=1000).wait(10) == 0
    i.wait_stats(lambda s: s['received'] == 5000)
    i.reload(kafka_topic=new.name)
    assert i.send(3000, 5000, first=5000).wait(10) == 0
    i.wait_stats(lambda s: s['received'] == 8000)
    outage_broker.resume()
    i.wait_stats(lambda s: s['delivered'] == 8000)
    assert i.process.stop() == 0, i.process.describe()
    assert_once(i.process, old, 0, 5000)
    assert_once(i.process, new, 5000, 8000)


def test_a_topic_that_is_missing_gives_its_packets_to_the_new_one(broker, pair, spawn, tmp_path):
    topic = Topic(broker, broker.topic())
    i = Instance(spawn, tmp_path / 'a.cfg', pair, broker.bootstrap, f'not-{topic.name}',
                 **{'kafka-config': ['topic.metadata.propagation.max.ms=1000']})
    assert i.send(100, 1000).wait(10) == 0
    i.wait_stats(lambda s: s['received'] == 100)
    i.reload(kafka_topic=topic.name)
    assert i.send(100, 1000, first=100).wait(10) == 0
    i.wait_stats(lambda s: s['delivered'] == 200)
    assert i.process.stop() == 0, i.process.describe()
    assert_once(i.process, topic, 0, 200)
