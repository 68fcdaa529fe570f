# SPDX-License-Identifier: Apache-2.0
"""conf/kafka: what other services than Apache Kafka need, to include in a file of one's own."""
import glob
import os
import re

import pytest

from harness import captures, daemon
from harness.daemon import pycapa
from harness.witness import Topic

FOLDER = os.path.join(daemon.TREE, 'conf', 'kafka')
FRAGMENTS = sorted(os.path.basename(path) for path in glob.glob(f'{FOLDER}/*.cfg'))
FOR_PRODUCERS = ['event-hubs-producer.cfg', 'no-idempotence.cfg', 'object-store.cfg']
# As the library shows them.
ALIASES = {'sasl.mechanism': 'sasl.mechanisms', 'linger.ms': 'queue.buffering.max.ms'}


def write(path, *fragments, mode='producer', **own):
    path.write_text('\n'.join([f'mode = "{mode}";',
                               'write-file = "/dev/null";' if mode == 'consumer' else '',
                               'kafka-config = (',
                               *(f'@include "{FOLDER}/{fragment}"' for fragment in fragments),
                               ','.join(f'"{name}={value}"' for name, value in own.items()),
                               ');', '']))
    path.chmod(0o600)
    return path


def given(fragment):
    """{name: value} of the properties that a fragment gives, itself or by another."""
    with open(os.path.join(FOLDER, fragment), encoding='utf-8') as f:
        text = f.read()
    properties = {}
    for other in re.findall('^@include "(.*)"$', text, re.M):
        properties.update(given(other))
    return {**properties, **dict(re.findall('^\t"([^=]+)=(.*)",$', text, re.M))}


@pytest.mark.parametrize('mode', ['producer', 'consumer'])
def test_fragments_are_valid_and_of_effect(mode, tmp_path):
    """Each alone, before properties of one's own, which win."""
    for fragment in FRAGMENTS:
        if mode == 'consumer' and fragment in FOR_PRODUCERS:
            continue
        own = {'sasl.username': 'me', 'sasl.password': 'secret', 'connections.max.idle.ms': '7000'}
        file = write(tmp_path / 'x.cfg', fragment, mode=mode, **own)
        checked = pycapa('-C', file, '--check-config')
        assert checked.status == 0, checked.describe()
        # What Debian's librdkafka cannot do with Kafka 4 is said.
        assert [w for w in checked.lines if 'librdkafka below 2.6.1' not in w] == []
        shown = pycapa('-C', file, '-X', 'dump').stdout.decode().splitlines()
        assert given(fragment)
        for name, value in {**given(fragment), **own, 'sasl.password': '****'}.items():
            name = ALIASES.get(name, name)
            assert f'{name}={value}'.lower() in map(str.lower, shown), (fragment, name)


def test_a_fragment_can_be_all_there_is(tmp_path):
    """As the examples in those that need no login show it."""
    for fragment in ('msk-serverless.cfg', 'no-idempotence.cfg', 'object-store.cfg'):
        checked = pycapa('-C', write(tmp_path / 'x.cfg', fragment), '--check-config')
        assert checked.status == 0, checked.describe()


@pytest.mark.long
@pytest.mark.parametrize('fragments', [['event-hubs-producer.cfg'],
                                       ['event-hubs-producer.cfg', 'no-idempotence.cfg'],
                                       ['object-store.cfg']], ids=lambda f: f[-1])
def test_a_request_limit_and_a_slow_answer(fragments, own_broker, tmp_path):
    """
    A broker that answers late, as an object store does, and that closes the connection on a request
    of more than Event Hubs takes, or has a topic of Kafka's default limit.
    """
    if 'object-store.cfg' not in fragments:
        own_broker.configure(**{'socket.request.max.bytes': '1046528'})
    own_broker.add_proxy().start()
    own_broker.proxy.delay = .1
    topic = Topic(own_broker, own_broker.topic(1, **{'max.message.bytes': '1048588'}))
    captures.write(tmp_path / 'in.pcap', captures.sample(6000, size=1000))
    file = write(tmp_path / 'x.cfg', *fragments, **{'security.protocol': 'PLAINTEXT'})
    process = pycapa('-C', file, '-k', own_broker.proxied, '-t', topic.name,
                     '-r', tmp_path / 'in.pcap')
    assert process.status == 0, process.describe()
    assert [captures.sequence(r.value) for r in topic.records()] == list(range(6000))
