# SPDX-License-Identifier: Apache-2.0
"""pycapa ends in the middle of an outage and is started again."""
import signal

import pytest

from harness import faults
from harness.faults import BEFORE, COUNT, OUTAGE, PARTITIONS, PPS, Trial

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures('record')]


@pytest.fixture(autouse=True)
def limit():
    """Outages outlast the limit of the other tests; every wait has a deadline of its own."""


@pytest.fixture(params=['killed', 'paused'])
def trial(outage_broker, pair, spawn, tmp_path, request):
    """
    In an outage, half of it over. A broker that was only paused answers late what it was sent
    before: that is how doubles come.
    """
    t = Trial(outage_broker, pair, spawn, outage_broker.topic(PARTITIONS), tmp_path / 'spool')
    t.start('--shutdown-timeout', '2')
    t.send()
    t.wait_flowing()
    t.broker_paused = request.param == 'paused'
    if t.broker_paused:
        outage_broker.pause()
    else:
        outage_broker.kill()
    t.wait_received(BEFORE + OUTAGE / 2)
    return t


def finish(trial):
    """The rest of the outage with a new process, and its end."""
    trial.wait_received(OUTAGE / 4)
    if trial.broker_paused:
        trial.broker.resume()
    else:
        trial.broker.start()
    return trial.finish()


def the_gap(got):
    """What came while no pycapa was there: one run of numbers, and nothing else is missing."""
    gaps = faults.missing(got.counts)
    assert len(gaps) == 1, gaps
    return gaps[0]


def test_sigterm_in_an_outage(trial):
    assert trial.process.stop(signal.SIGTERM) == 0, trial.process.describe()
    first = faults.assert_ended(trial.process)
    maybe, again = faults.unanswered(trial.process), faults.sent_again(trial.process)
    assert first['spooled'] > OUTAGE / 4 * PPS and first['queued'] == 0, first
    assert trial.process.grep(r'packet\(s\) wait in .* for the next start')
    trial.start()
    second = finish(trial)
    assert trial.process.status == 0, trial.process.describe()
    assert second['recovered'] == first['spooled'] + again, (first, again, second)
    got = faults.content(trial.topic, COUNT)
    begin, end = the_gap(got)
    # What the first one had received comes before the gap, what the second had behind it.
    assert (first['received'], second['received']) == (begin, COUNT - end), (first, second)
    assert first['dropped_kernel'] == second['dropped_kernel'] == 0, (first, second)
    assert faults.doubles(got.counts) <= first['doubled'] + maybe + again + second['doubled']


@pytest.mark.blocks
def test_killed_in_an_outage(trial):
    """What was received more than a second before the kill is in the topic."""
    earlier = trial.process.stats()
    stats = trial.wait_stats(lambda s: s['received'] > earlier['received'] + PPS, 20)
    trial.process.kill()
    faults.assert_exact(stats)
    trial.start()
    second = finish(trial)
    assert trial.process.status == 0, trial.process.describe()
    got = faults.content(trial.topic, COUNT)
    begin, end = the_gap(got)
    # The disk may hold up the spool's thread for a while.
    assert begin >= earlier['received'], (begin, earlier, stats)
    assert second['received'] == COUNT - end and second['dropped_kernel'] == 0, (second, end)
    assert second['recovered'] >= begin - stats['delivered'], (second, stats)
    # Twice is only what was in flight: sent, and not answered yet.
    extra = faults.doubles(got.counts)
    assert extra <= stats['queued'], (extra, stats, second)
