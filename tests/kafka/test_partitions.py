# SPDX-License-Identifier: Apache-2.0
"""Partitions that are added to a topic while a producer runs."""
from pathlib import Path

from harness import captures, traffic, wait


def test_new_partitions_are_used_within_seconds(make_topic, pair, producer):
    topic = make_topic(1)
    process = producer(pair, topic)
    stream = traffic.start(pair, 4000, 100, flows=50)
    try:
        topic.wait_count(1)
        topic.broker.add_partitions(topic.name, 3)
        wait.until(lambda: all(topic.watermarks().get(p, (0, 0))[1] > 0 for p in range(3)), 20,
                   'records in each of the three partitions')
    finally:
        stream.kill()
    assert process.stop() == 0, process.describe()
    # All that the interface got, by the kernel's account, once each.
    sent = int(Path(f'/sys/class/net/{pair.inside}/statistics/rx_packets').read_text())
    assert process.counts() == (sent, sent)
    records = topic.records()
    assert sorted(captures.sequence(r.value) for r in records) == list(range(sent))
    assert {r.partition for r in records} == {0, 1, 2}
