# SPDX-License-Identifier: Apache-2.0
"""The broker goes away and comes back, under traffic: nothing lost, nothing doubled."""
import pytest

from harness import faults, traffic, wait
from harness.broker import Broker
from harness.faults import BEFORE, COUNT, JAVA, OUTAGE, PARTITIONS, PPS, Trial

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def limit():
    """Outages outlast the limit of the other tests; every wait has a deadline of its own."""


@pytest.fixture
def small_broker(tmp_path):
    """A broker of this test alone, running, to be killed and stopped."""
    with Broker(tmp_path / 'broker', java=JAVA) as b:
        yield b


@pytest.fixture
def trial(small_broker, pair, spawn, tmp_path):
    return Trial(small_broker, pair, spawn, small_broker.topic(PARTITIONS), tmp_path / 'spool')


def kill_for(trial, seconds):
    trial.broker.kill()
    wait.elapse(seconds)
    trial.assert_waiting()
    trial.broker.start()


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


def test_broker_absent_at_first(trial):
    trial.broker.stop()
    trial.start()
    trial.send()
    stats = trial.wait_received(OUTAGE)
    assert stats['delivered'] == 0 and stats['spooled'] > 0, stats
    trial.broker.start()
    stats = trial.finish()
    trial.assert_once(stats)
    assert stats['doubled'] == 0, stats


def test_two_outages_in_a_row(trial):
    trial.start()
    trial.send()
    trial.wait_flowing()
    kill_for(trial, OUTAGE / 2)
    # The second comes while what the first left on disk is being sent.
    trial.wait_stats(lambda s: s['delivered'] > (BEFORE + 2) * PPS, 60)
    kill_for(trial, OUTAGE / 2)
    trial.assert_once(trial.finish())


def test_network_cut(pair, spawn, tmp_path):
    broker = faults.FarBroker(tmp_path / 'broker')
    try:
        broker.start()
        trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS), tmp_path / 'spool')
        trial.start()
        trial.send()
        trial.wait_flowing()
        broker.cut()
        wait.elapse(OUTAGE)
        trial.assert_waiting()
        broker.mend()
        trial.assert_once(trial.finish())
    finally:
        broker.kill()


def test_without_a_spool_the_account_holds(small_broker, pair, spawn):
    trial = Trial(small_broker, pair, spawn, small_broker.topic(PARTITIONS))
    trial.start()
    trial.send()
    trial.wait_flowing()
    kill_for(trial, OUTAGE)
    stats = trial.finish()
    assert trial.process.status == 0, trial.process.describe()
    assert stats['received'] == stats['delivered'], stats
    assert stats['received'] + stats['dropped_kernel'] == COUNT, stats
    got = faults.content(trial.topic, COUNT)
    absent = sum(b - a for a, b in faults.missing(got.counts))
    assert absent == stats['dropped_kernel'], f'{absent} are not in the topic; {stats}'
    assert faults.doubles(got.counts) <= stats['doubled']


@pytest.mark.parametrize('spool', [False, True])
def test_memory_in_overload(small_broker, pair, spawn, tmp_path, spool):
    # A broker that stands still, and 1400-byte packets as fast as they go.
    trial = Trial(small_broker, pair, spawn, small_broker.topic(PARTITIONS),
                  tmp_path / 'spool' if spool else None)
    process = trial.start()
    small_broker.pause()
    trial.sent = traffic.send(pair, 400000, 0, size=1400, flows=faults.FLOWS)
    trial.wait_stats(lambda s: s['received'] + s['dropped_kernel'] == trial.sent
                     if spool else s['queued'] > 50000, 60)
    assert faults.peak_rss(process) <= 400 << 20, f'{faults.peak_rss(process) >> 20} MiB'
    small_broker.resume()
    trial.wait_stats(lambda s: s['received'] + s['dropped_kernel'] == trial.sent and
                     s['queued'] == s['spooled'] == 0, 180)
    peak = faults.peak_rss(process)
    assert peak <= 400 << 20, f'{peak >> 20} MiB'
    assert process.stop() == 0, process.describe()
    stats = faults.assert_ended(process)
    assert stats['received'] == stats['delivered'], stats
    assert stats['received'] + stats['dropped_kernel'] == trial.sent, stats
