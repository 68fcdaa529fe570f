# SPDX-License-Identifier: Apache-2.0
"""A file whose times the topic would not keep: said before its packets are sent."""
import re
import time

import pytest

from harness import captures
from harness.daemon import pycapa
from harness.witness import Topic

pytestmark = pytest.mark.library

DAY = 86400 * 1000000
WARNED = '^WARNING:root:Topic '


def replay(topic, path, age_us):
    start = int(time.time() * 1000000) - age_us
    source = captures.write(path, captures.sample(5, size=100, start_us=start))
    process = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert process.status == 0, process.describe()
    return process, start


@pytest.mark.parametrize('settings, age, said', [
    ({'retention.ms': '604800000'}, 8 * DAY,
     r'deletes records that are older than 1w \(retention\.ms\), and .*in\.pcap begins at {begin}: '
     r'.*set retention\.ms=-1 for the topic.*'),
    ({'message.timestamp.before.max.ms': '3600000', 'retention.ms': '604800000'}, DAY,
     r'refuses time stamps more than 1h before now \(message\.timestamp\.before\.max\.ms\), and '
     r'.*in\.pcap begins at {begin}: .*'),
    ({'retention.ms': '604800000'}, DAY, None),
    ({'retention.ms': '-1'}, 8 * DAY, None),
    ({'cleanup.policy': 'compact'}, 8 * DAY, None),
    ({'message.timestamp.type': 'LogAppendTime'}, 8 * DAY, None),
], ids=['retention', 'before', 'young', 'for-ever', 'compacted', 'append-time'])
def test_what_a_topic_does_to_old_packets(make_topic, tmp_path, settings, age, said):
    topic = make_topic(1, **{k.replace('.', '_'): v for k, v in settings.items()})
    process, start = replay(topic, tmp_path / 'in.pcap', age)
    warned = process.grep(WARNED)
    if said is None:
        assert not warned, process.describe()
        return
    begin = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(start // 1000000))
    # Before anything is sent, and refused: the first word on the topic.
    assert re.match(f'WARNING:root:Topic {topic.name} ' + said.format(begin=begin), warned[0]), (
        process.describe())


def test_a_topic_that_the_broker_makes_is_asked_for_too(own_broker, tmp_path):
    own_broker.configure(**{'auto.create.topics.enable': 'true'})
    own_broker.start()
    topic = Topic(own_broker, 'made')
    process, _ = replay(topic, tmp_path / 'in.pcap', 400 * DAY)
    assert re.search(' deletes records that are older than 1w ', process.grep(WARNED)[0])
    assert process.counts() == (5, 5)
