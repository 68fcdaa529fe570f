# SPDX-License-Identifier: Apache-2.0
"""Topics that are missing or forbidden for a minute: most of it is waiting, so begin early."""
import pytest

from harness import traffic, wait
from harness.witness import Topic
from instance import BROKER_LOST
from outer import OuterBroker, numbers, told_once


def test_topic_missing_for_60_s(instances, broker, link):
    i = instances(link.name, broker, f'late-{link.name}').start()
    i.wait_status('capturing')
    pid = i.pid
    stream = traffic.start(link, 100000, 100)
    i.wait_status(f'capturing on {link.name}, waiting for topic late-{link.name}')
    lost = wait.until(lambda: i.entries(BROKER_LOST), 10, i.story)
    assert lost[0]['MESSAGE'].startswith('No packet has been delivered for 5 s: waiting for topic')
    wait.elapse(55)
    assert i.pid == pid and i.stats()['FAILED'] == 0
    topic = Topic(broker, broker.topic(name=f'late-{link.name}'))
    topic.wait_count(1, 60)
    sent = traffic.stop(stream)
    i.wait_stats(lambda c: c['DELIVERED'] == sent, 60)
    assert numbers(topic) == list(range(sent))
    assert i.messages(f'late-{link.name}.*does not exist|[Uu]nknown topic'), i.story()
    told_once(i, topic, link, sent)
    assert i.pid == pid


@pytest.fixture
def strict_broker(tmp_path):
    """A broker with ACLs: this machine may do all, a test host nothing until it is granted."""
    b = OuterBroker(tmp_path / 'strict', {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found': 'true'}).start()
    yield b
    b.kill()


def grant(broker, address, *resource):
    broker.tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', broker.bootstrap,
                '--add', '--allow-principal', 'User:ANONYMOUS', '--allow-host', address,
                '--operation', 'All', *resource)


def test_write_permission_denied_for_60_s_then_granted(strict_broker, instances, link, host):
    topic = Topic(strict_broker, strict_broker.topic())
    # What has an ACL is closed to all others.
    grant(strict_broker, '127.0.0.1', '--cluster', '--topic', '*')
    i = instances(link.name, strict_broker, topic.name).start()
    i.wait_status('capturing')
    pid = i.pid
    stream = traffic.start(link, 100000, 100)
    i.wait_status(f'waiting for topic {topic.name}: .*authorization failed: grant')
    wait.elapse(55)
    assert i.pid == pid
    counts = i.stats()
    assert counts['FAILED'] == 0 and counts['DELIVERED'] == 0, counts
    assert topic.count() == 0
    # One line of a kind a minute, and no new client every second.
    assert 1 <= len(i.messages('(?i)authoriz|permission|ACL')) <= 5, i.story()
    assert len(i.own_entries('PRIORITY=3')) <= 2, i.story()
    grant(strict_broker, host.address, '--topic', topic.name)
    topic.wait_count(1, 60)
    sent = traffic.stop(stream)
    i.wait_stats(lambda c: c['DELIVERED'] == sent, 60)
    assert numbers(topic) == list(range(sent))
    assert i.pid == pid
