# SPDX-License-Identifier: Apache-2.0
"""The broker goes away and comes back, under traffic: nothing lost, nothing doubled."""
import os

import pytest

from harness import captures, daemon, faults, traffic, wait
from harness.broker import Broker
from harness.faults import BEFORE, COUNT, JAVA, OUTAGE, PARTITIONS, PPS, Trial

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures('record')]
SLOW_DISK = os.path.join(daemon.BUILD, 'tests/kafka/slowdisk.so')


@pytest.fixture(autouse=True)
def limit():
    """Outages outlast the limit of the other tests; every wait has a deadline of its own."""


@pytest.fixture
def trial(outage_broker, pair, spawn, tmp_path):
    return Trial(outage_broker, pair, spawn, outage_broker.topic(PARTITIONS), tmp_path / 'spool')


def kill_for(trial, seconds):
    trial.broker.kill()
    wait.elapse(seconds)
    trial.assert_waiting()
    trial.broker.start()


@pytest.mark.blocks
def test_broker_killed_and_started_again(trial):
    trial.start()
    trial.send()
    trial.wait_flowing()
    kill_for(trial, OUTAGE)
    trial.assert_once(trial.finish())


def test_broker_stopped_and_continued(trial):
    trial.start()
    trial.send()
    trial.wait_flowing()
    trial.broker.pause()
    wait.elapse(OUTAGE)
    trial.assert_waiting()
    trial.broker.resume()
    trial.assert_once(trial.finish())


@pytest.mark.blocks
def test_broker_absent_at_first(trial):
    trial.broker.stop()
    trial.start()
    trial.send()
    stats = trial.wait_received(OUTAGE)
    assert stats['delivered'] == 0 and stats['spooled'] > 0, stats
    trial.broker.start()
    trial.assert_once(trial.finish())


def test_two_outages_in_a_row(trial):
    trial.start()
    trial.send((BEFORE + OUTAGE) * PPS)
    trial.wait_flowing()
    trial.broker.kill()
    wait.elapse(OUTAGE / 2)
    trial.assert_waiting()
    gone = trial.process.stats()
    trial.broker.start(wait_ready=False)
    # The second comes when what the first left on disk is being sent, or has just been.
    trial.wait_stats(lambda s: s['delivered'] > gone['delivered'], 120)
    trial.broker.kill()
    # It has traffic of its own, however long the broker took to start.
    assert trial.generator.wait(60) == 0, trial.generator.describe()
    trial.send(OUTAGE // 2 * PPS)
    wait.elapse(OUTAGE / 2)
    trial.assert_waiting()
    trial.broker.start()
    trial.assert_once(trial.finish())


@pytest.fixture
def forgetful_broker(tmp_path):
    """
    A broker that its controller fences, and lets in again, every few seconds, as after a hang.
    Meanwhile it answers that the topic is there, but no broker.
    """
    settings = {'broker.heartbeat.interval.ms': '2500', 'broker.session.timeout.ms': '1500'}
    with Broker(tmp_path / 'broker', settings, java=JAVA) as b:
        yield b


def test_broker_that_knows_of_no_broker(forgetful_broker, pair, spawn, tmp_path):
    broker, count = forgetful_broker, 40000
    trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS), tmp_path / 'spool')
    consumer = spawn('-c', '-k', broker.bootstrap, '-t', trial.topic.name, '-o', 'begin',
                     '-m', str(count))
    trial.start()
    # What is refused for a moment before a partition has taken anything is sent again, out of order.
    trial.send(faults.FLOWS, pps=1000)
    trial.wait_stats(lambda s: s['delivered'] == faults.FLOWS, 30)
    trial.send(count - faults.FLOWS, pps=2000)
    trial.assert_once(trial.finish())
    assert consumer.wait(60) == 0, consumer.describe()
    got = [captures.sequence(p.data) for p in captures.parse(consumer.stdout)[1]]
    assert sorted(got) == list(range(count))
    assert len(broker.process.grep('Fencing broker')) > 3, 'it was not fenced'


@pytest.fixture(scope='module')
def far_broker(tmp_path_factory):
    """A broker behind a link that can be cut, and is mended in the end."""
    b = faults.FarBroker(tmp_path_factory.mktemp('far'))
    try:
        yield b.start()
    finally:
        b.kill()


def test_network_cut(far_broker, pair, spawn, tmp_path):
    trial = Trial(far_broker, pair, spawn, far_broker.topic(PARTITIONS), tmp_path / 'spool')
    trial.start()
    trial.send()
    trial.wait_flowing()
    far_broker.cut()
    wait.elapse(OUTAGE)
    trial.assert_waiting()
    far_broker.mend()
    trial.assert_once(trial.finish())


def test_one_of_two_leaders_stopped(pair, spawn, tmp_path):
    # What the other one leads flows on, and no thread spins for the one that hangs.
    settings = {'broker.session.timeout.ms': '60000'}  # it stays the leader
    with Broker(tmp_path / 'first', settings, java=JAVA) as first:
        with faults.SecondBroker(tmp_path / 'second', first) as second:
            trial = Trial(first, pair, spawn, first.topic(2, replicas=[[1], [2]]))
            process = trial.start()
            trial.send(20000, pps=1000)
            trial.wait_stats(lambda s: s['delivered'] > 1000, 20)
            second.pause()
            wait.elapse(8)  # until the hang is seen
            before, delivered = process.cpu(), process.stats()['delivered']
            wait.elapse(5)
            used, stats = process.cpu() - before, process.stats()
            assert used < 1, f'{used} s of CPU in 5 s'
            assert stats['delivered'] - delivered > 1000, stats
            assert stats['queued'] > 3000, stats
            second.resume()
            trial.assert_once(trial.finish())


def pause_for(trial, seconds):
    trial.broker.pause()
    wait.elapse(seconds)
    trial.assert_waiting()
    trial.broker.resume()


def cut_for(trial, seconds):
    trial.broker.cut()
    wait.elapse(seconds)
    trial.assert_waiting()
    trial.broker.mend()


def delete_topic_for(trial, seconds):
    """What the topic held goes with it; returns how much that was."""
    trial.broker.delete_topic(trial.topic.name)
    gone = trial.wait_still()
    wait.elapse(seconds)
    assert trial.process.stats()['delivered'] == gone['delivered'], 'nowhere to deliver to'
    trial.broker.topic(PARTITIONS, name=trial.topic.name)
    return gone['delivered']


@pytest.mark.parametrize('fault', [kill_for, pause_for, cut_for, delete_topic_for])
def test_without_a_spool_the_account_holds(request, pair, spawn, fault):
    broker = request.getfixturevalue('far_broker' if fault is cut_for else 'outage_broker')
    trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS))
    trial.start()
    trial.send()
    trial.wait_flowing()
    gone = fault(trial, OUTAGE) or 0
    stats = trial.finish()
    assert trial.process.status == 0, trial.process.describe()
    assert stats['received'] == stats['delivered'], stats
    assert stats['received'] + stats['dropped_kernel'] == COUNT, stats
    got = faults.content(trial.topic, COUNT)
    absent = got.counts.count(0)
    assert absent == stats['dropped_kernel'] + gone, f'{absent} are not in the topic; {stats}'
    assert faults.doubles(got.counts) <= stats['doubled']


@pytest.mark.parametrize('spool', [None, 'spool', 'slow spool'])
def test_memory_in_overload(outage_broker, pair, spawn, tmp_path, spool):
    # A broker that stands still, and 1400-byte packets as fast as they go.
    trial = Trial(outage_broker, pair, spawn, outage_broker.topic(PARTITIONS),
                  tmp_path / 'spool' if spool else None)
    process = trial.start(env={'LD_PRELOAD': SLOW_DISK} if spool == 'slow spool' else None)
    outage_broker.pause()
    trial.sent = traffic.send(pair, 400000, 0, size=1400, flows=faults.FLOWS)
    trial.wait_stats(lambda s: s['received'] + s['dropped_kernel'] == trial.sent
                     if spool == 'spool' else s['queued'] + s['spooled'] > 50000, 60)
    assert faults.peak_rss(process) <= 400 << 20, f'{faults.peak_rss(process) >> 20} MiB'
    outage_broker.resume()
    assert_all_of_it(trial)


def assert_all_of_it(trial):
    """All that was received is delivered in the end, within the memory of the defaults."""
    trial.wait_stats(lambda s: s['received'] + s['dropped_kernel'] == trial.sent and
                     s['queued'] == s['spooled'] == 0, 180)
    peak = faults.peak_rss(trial.process)
    assert peak <= 400 << 20, f'{peak >> 20} MiB'
    assert trial.process.stop() == 0, trial.process.describe()
    stats = faults.assert_ended(trial.process)
    assert stats['received'] == stats['delivered'], stats
    assert stats['received'] + stats['dropped_kernel'] == trial.sent, stats


@pytest.mark.parametrize('spool', [False, True])
def test_memory_of_a_full_queue_that_is_refused(outage_broker, pair, spawn, tmp_path, spool,
                                                record):
    """
    The queue fills while the broker stands still; then all its batches are too large. A queue of
    blocks holds more small packets than one of packets, and each is kept by itself meanwhile.
    """
    count, size = (200000, 1400) if record == 'packet' else (800000, 128)
    name = outage_broker.topic(PARTITIONS, max_message_bytes=65536)
    trial = Trial(outage_broker, pair, spawn, name, tmp_path / 'spool' if spool else None)
    process = trial.start()
    outage_broker.pause()
    trial.sent = traffic.send(pair, count, 0, size=size, flows=faults.FLOWS)
    trial.wait_stats(lambda s: s['queued'] + s['spooled'] > count / 4, 60)
    outage_broker.resume()
    trial.wait_stats(lambda s: process.grep(r'^WARN.*max\.message\.bytes'), 60)
    assert_all_of_it(trial)
