# SPDX-License-Identifier: Apache-2.0
"""What stands outside of a test host: the broker it reaches, the traffic it sees."""
from harness import captures, traffic, wait
from harness.broker import Broker
from harness.net import free_port
from host import GATEWAY
from instance import BROKER_BACK, BROKER_LOST


class OuterBroker(Broker):
    """A broker that test hosts reach too, at `outer`."""

    def __init__(self, directory, settings=None):
        super().__init__(directory, settings)
        port = free_port()
        self.outer = f'{GATEWAY}:{port}'
        self.properties['listeners'] += f',OUTER://0.0.0.0:{port}'
        self.properties['advertised.listeners'] += f',OUTER://{self.outer}'
        self.properties['listener.security.protocol.map'] += ',OUTER:PLAINTEXT'
        self.properties['inter.broker.listener.name'] = 'PLAINTEXT'
        with open(self.config, 'w') as f:
            f.writelines(f'{k}={v}\n' for k, v in self.properties.items())

    def running(self):
        return self.process is not None and self.process.running()


def numbers(topic):
    """The sequence numbers in a topic, sorted."""
    return sorted(n for n in (captures.sequence(r.value) for r in topic.records())
                  if n is not None)


def send(link, count, pps, **kwargs):
    return traffic.send(link, count, pps, **kwargs)


def told_once(instance, topic, link, first):
    """
    The outage is two entries, its begin and its end, also once Kafka has taken packets again, those
    that come from `first` on: what is told too often would be told by then.
    """
    wait.until(lambda: instance.entries(BROKER_BACK), 30, instance.story)
    if instance.keys['mode'] == 'producer':
        traffic.send(link, 100, 1000, first=first)
        wait.until(lambda: first + 99 in numbers(topic), 30, instance.story)
    else:
        topic.produce(captures.sample(100))
        instance.wait_status('written 100')
    instance.host.sync_journal()
    told = [f'MESSAGE_ID={e.get("MESSAGE_ID")}' for e in instance.own_entries()]
    told = [t for t in told if t in (BROKER_LOST, BROKER_BACK)]
    assert told == [BROKER_LOST, BROKER_BACK], instance.story()
