# SPDX-License-Identifier: Apache-2.0
"""What stands outside of a test host: the broker it reaches, the traffic it sees."""
from harness import captures, traffic
from harness.broker import Broker
from harness.net import free_port
from host import GATEWAY


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


def numbers(topic):
    """The sequence numbers in a topic, sorted."""
    return sorted(n for n in (captures.sequence(r.value) for r in topic.records())
                  if n is not None)


def send(link, count, pps, **kwargs):
    return traffic.send(link, count, pps, **kwargs)
