# SPDX-License-Identifier: Apache-2.0
"""Runs with an end, where the broker permits nothing: they end, and say what was missing."""
import re

import pytest

from harness import captures, traffic
from harness.broker import Broker
from harness.daemon import pycapa
from harness.witness import Topic

pytestmark = [pytest.mark.library, pytest.mark.xdist_group('permission')]


@pytest.fixture(scope='module')
def forbidden(tmp_path_factory):
    """A topic with records that nobody may read or write any more."""
    with Broker(tmp_path_factory.mktemp('forbidden'), {
            'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
            'allow.everyone.if.no.acl.found': 'true'}) as b:
        topic = Topic(b, b.topic())
        topic.produce(captures.sample(10, size=80))
        b.tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', b.bootstrap, '--add',
               '--deny-principal', 'User:ANONYMOUS', '--operation', 'Read', '--operation', 'Write',
               '--topic', topic.name)
        yield topic


def test_packets_wait_for_a_permission(forbidden, spawn, pair):
    """Those of a live capture: a few lines, and all arrive within half a minute of the grant."""
    broker = forbidden.broker
    topic = Topic(broker, broker.topic())

    def deny(verb):
        broker.tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', broker.bootstrap,
                    verb, '--force', '--deny-principal', 'User:ANONYMOUS', '--operation', 'Write',
                    '--topic', topic.name)
    deny('--add')
    process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', topic.name)
    process.wait_capturing()
    sender = traffic.start(pair, 2000, 100)
    process.wait_line(r'^WARNING:root:Kafka did not take packets \(Broker: Topic authorization '
                      r'failed\): .*; grant the principal Write', 30)
    assert sender.wait(40) == 0
    assert len(process.lines) < 8, process.describe()
    deny('--remove')
    topic.wait_count(2000, 35)
    assert process.stop() == 0, process.describe()
    seen = [captures.sequence(r.value) for r in topic.records()]
    assert sorted(seen) == list(range(2000))


@pytest.mark.parametrize('mode', ['replay', 'exit-at-end', 'max-packets', 'stored'])
def test_a_bounded_run_without_permission_gives_up(forbidden, tmp_path, mode):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100, size=80))
    argv = {'replay': ('-p', '-r', source), 'exit-at-end': ('-c', '-e'),
            'max-packets': ('-c', '-m', '5'), 'stored': ('-c', '-o', 'stored', '-m', '5')}[mode]
    process = pycapa(*argv, '-k', forbidden.broker.bootstrap, '-t', forbidden.name,
                     '--stall-timeout', '3s', '--shutdown-timeout', '3s')
    assert process.status == 1, process.describe()
    errors = process.grep('^ERROR:root:')
    assert any(forbidden.name in line for line in errors), process.describe()
    assert process.counts() == (100 if mode == 'replay' else 0, 0), process.describe()
    assert re.search('(?i)permi|authori[sz]|ACL', process.stderr), process.describe()
    assert len(process.lines) < 15, 'a few lines, no flood\n' + process.describe()
