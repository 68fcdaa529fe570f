# SPDX-License-Identifier: Apache-2.0
"""
Three brokers, three replicas, two of them in sync at least: what operators do to a cluster, and
what it suffers, under load. Nothing lost, nothing doubled, each flow in order; how late it is.
"""
import pytest

from harness import captures, metrics, traffic, wait
from harness.cluster import NODES, SPREAD, Cluster
from harness.faults import PPS, Trial

pytestmark = [pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures('record')]
ENDLESS = 10**9
AGES = 'pycapa_delivery_age_seconds'


@pytest.fixture(autouse=True)
def limit():
    """Outages outlast the limit of the other tests; every wait has a deadline of its own."""


@pytest.fixture(scope='module')
def cluster_of_all(tmp_path_factory):
    c = Cluster(str(tmp_path_factory.mktemp('cluster')))
    yield c
    c.kill()


@pytest.fixture
def cluster(cluster_of_all):
    """All three run, and hold nothing."""
    cluster_of_all.start()
    cluster_of_all.clear()
    return cluster_of_all


class Load(Trial):
    """Traffic for as long as a test lasts, and how old packets were when they were acknowledged."""

    def __init__(self, cluster, pair, spawn, directory, tell):
        super().__init__(cluster, pair, spawn, cluster.topic(), directory / 'spool')
        self.metrics, self.tell = str(directory / 'metrics'), tell

    def begin(self):
        self.start('--metrics-listen', self.metrics)
        self.send(ENDLESS)
        self.wait_flowing()
        self.before = metrics.scrape(self.metrics)
        self.wait_more(1)
        self.tell_latency('steady')

    def wait_more(self, seconds):
        """Waits until so many seconds' worth of packets more were delivered."""
        want = self.process.stats()['delivered'] + seconds * PPS
        return self.wait_stats(lambda s: s['delivered'] > want, seconds + 60)

    def tell_latency(self, when):
        now = metrics.scrape(self.metrics)
        for q in (0.5, 0.99):
            age = metrics.quantile(now, AGES, q, self.before)
            self.tell(f'{when}: p{q * 100:g}', f'{age:.3f} s')

    def end(self, when):
        """The account, what is in the topic, and how late packets were."""
        self.wait_more(2)
        self.sent = traffic.stop(self.generator)
        self.wait_stats(lambda s: s['queued'] == s['spooled'] == 0, 180)
        self.tell_latency(when)
        self.tell('packets', self.sent)
        got = self.assert_once(self.finish())
        assert {len(home) for home in got.homes.values()} == {1}, 'a flow stays in its partition'


@pytest.fixture
def load(cluster, pair, spawn, tmp_path, record_property, request):
    def tell(name, value):
        record_property(name, value)
        print(f'{request.node.name}: {name} {value}')
    return Load(cluster, pair, spawn, tmp_path, tell)


def test_rolling_restart(cluster, load, spawn, tmp_path):
    name = load.topic.name
    out = tmp_path / 'out.pcap'
    reader = spawn('-c', '-k', cluster.bootstrap, '-t', name, '-o', 'begin', '-w', out)
    load.begin()
    for node in cluster.nodes.values():
        node.stop()
        node.start()
        cluster.wait_in_sync(name)
    cluster.elect(name, SPREAD)
    load.end('rolling restart')
    wait.until(lambda: reader.stats()['written'] >= load.sent, 60, reader.describe)
    assert reader.stop() == 0, reader.describe()
    numbers = bytearray(load.sent)
    for p in captures.read(out)[1]:
        numbers[captures.sequence(p.data)] += 1
    assert set(numbers) == {1}, 'a reader has each once'


def test_one_broker_killed(cluster, load):
    name = load.topic.name
    load.begin()
    cluster.nodes[1].kill()
    wait.until(lambda: 1 not in cluster.leaders(name), 60, 'others lead')
    load.wait_more(5)
    cluster.nodes[1].start()
    cluster.wait_in_sync(name)
    load.end('one broker killed')


def test_two_brokers_killed(cluster, load):
    name = load.topic.name
    load.begin()
    process = load.process
    for node in (2, 3):
        cluster.nodes[node].kill()
    process.wait_line(r'^WARN.*No packet has been delivered for \d+ s: waiting for topic '
                      rf'{name}: 4 of 4 partitions lack replicas in sync: partition 0 has 1 of 3, '
                      r'min\.insync\.replicas is 2 \(NOT_ENOUGH_REPLICAS\)', 120)
    gone = process.stats()
    load.wait_stats(lambda s: s['spooled'] > gone['spooled'] + 5 * PPS, 60)
    assert process.stats()['delivered'] == gone['delivered'], 'nothing can be acknowledged'
    cluster.start()
    cluster.wait_in_sync(name)
    assert process.wait_line('Kafka takes packets again', 60)
    load.end('two brokers killed')


def test_partitions_moved_and_leaders_elected(cluster, load):
    name = load.topic.name
    load.begin()
    # One broker is emptied, as before it goes; then it has its share again, in another order.
    cluster.reassign(name, [[2, 3], [3, 2], [2, 3], [3, 2]])
    load.wait_more(2)
    last = [[3, 2, 1], [1, 3, 2], [2, 1, 3], [1, 2, 3]]
    cluster.reassign(name, last)
    cluster.elect(name, last)
    assert cluster.leaders(name) == set(NODES)
    load.end('partitions moved')
