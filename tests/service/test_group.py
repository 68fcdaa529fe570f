# SPDX-License-Identifier: Apache-2.0
"""Instances that share an interface and a file: pycapa@NAME-1, pycapa@NAME-2."""
import re

from harness import wait
from outer import numbers, send


def share(instance):
    """(percent, how many instances) that its status tells."""
    found = re.search(r'fanout 9: (\d+) % of the packets of (\d+) instances',
                      instance.show('StatusText'))
    return found and (int(found.group(1)), int(found.group(2)))


def test_instances_share_an_interface_and_one_file(instances, broker, topic, link, host):
    first = instances(f'{link.name}-1', broker, topic.name, interface=link.name, fanout=9)
    first.configure()
    others = [instances(f'{link.name}-{n}') for n in (2, 3)]
    for other in others:
        host.run('ln', '-s', f'{first.name}.cfg', other.path)
    members = [first, *others]
    host.systemctl('start', *(m.unit for m in members))
    for m in members:
        m.wait_status(f'capturing on {link.name}.*of 3 instances|, fanout 9: 3 instances')
    send(link, 3000, 1000, flows=60)
    topic.wait_count(3000)
    assert numbers(topic) == list(range(3000))
    counts = [m.stats() for m in members]
    assert sum(c['RECEIVED'] for c in counts) == 3000 and all(c['RECEIVED'] for c in counts), counts
    # One reload for all, by a pattern.
    first.configure(filter='udp')
    assert host.systemctl('reload', f'pycapa@{link.name}-*').returncode == 0
    send(link, 3000, 3000, flows=60, first=3000)
    shares = wait.until(lambda: all(map(share, members)) and [share(m) for m in members], 10,
                        lambda: [m.show('StatusText') for m in members])
    assert all(n == 3 for _, n in shares), shares
    topic.wait_count(6000)
    assert numbers(topic) == list(range(6000))
    for m in members:
        assert m.stop().ended_well(), m.story()
        assert not m.messages('another user|Cannot identify'), m.story()
