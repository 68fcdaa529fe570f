# SPDX-License-Identifier: Apache-2.0
"""Three brokers, and a controller of their own: two can be lost, and the third still knows."""
import json
import os

from . import faults, wait
from .broker import Broker
from .net import free_port

NODES = (1, 2, 3)
CONTROLLER = 9
# Who leads a partition first, and who then.
SPREAD = [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2]]


class Member(Broker):
    """A broker of another node's cluster; no controller."""

    def __init__(self, directory, controller, node):
        port = free_port()
        super().__init__(directory, {
            'process.roles': 'broker', 'node.id': str(node),
            'controller.quorum.voters': controller.properties['controller.quorum.voters'],
            'listeners': f'PLAINTEXT://127.0.0.1:{port}',
            'advertised.listeners': f'PLAINTEXT://127.0.0.1:{port}',
            'broker.session.timeout.ms': '6000',
            'auto.leader.rebalance.enable': 'false'},
            java=faults.JAVA, cluster=controller.cluster)
        self.bootstrap = f'127.0.0.1:{port}'
        self.warm = True  # the cluster is asked, when all are there


class Cluster(Broker):
    """The controller; its three brokers are `nodes`, by their numbers."""

    def __init__(self, directory):
        port = free_port()
        super().__init__(os.path.join(directory, 'controller'), {
            'process.roles': 'controller', 'node.id': str(CONTROLLER),
            'controller.quorum.voters': f'{CONTROLLER}@127.0.0.1:{port}',
            'listeners': f'CONTROLLER://127.0.0.1:{port}',
            'advertised.listeners': f'CONTROLLER://127.0.0.1:{port}'}, java=faults.JAVA)
        self.nodes = {n: Member(os.path.join(directory, str(n)), self, n) for n in NODES}
        self.bootstrap = ','.join(node.bootstrap for node in self.nodes.values())

    def start(self, wait_ready=True):
        """Starts what does not run."""
        for broker in (self, *self.nodes.values()):
            if not (broker.process and broker.process.running()):
                Broker.start(broker, wait_ready=False)
        if wait_ready:
            self.wait_ready()
            for node in self.nodes.values():
                node.wait_ready()
            self.warm_up()
        return self

    def topic(self, partitions=len(SPREAD), name=None, replicas=None, **config):
        """Each partition on all three; two of them must have what is acknowledged."""
        config.setdefault('min_insync_replicas', 2)
        replicas = replicas or [SPREAD[p % len(SPREAD)] for p in range(partitions)]
        return super().topic(partitions, name, replicas, **config)

    def partitions_of(self, name):
        return self.admin().list_topics(name, timeout=20).topics[name].partitions

    def led(self, name):
        """{partition: its leader}"""
        return {p.id: p.leader for p in self.partitions_of(name).values()}

    def wait_in_sync(self, name):
        wait.until(lambda: self.in_sync(name) == set(NODES), 90, 'all three in sync')

    def reassign(self, name, replicas):
        """Moves the partitions: the nodes of each from now on. Returns when they have all of it."""
        path = os.path.join(self.directory, 'reassignment.json')
        with open(path, 'w') as f:
            json.dump({'version': 1, 'partitions': [
                {'topic': name, 'partition': p, 'replicas': nodes}
                for p, nodes in enumerate(replicas)]}, f)
        self.tool('org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
                  '--bootstrap-server', self.bootstrap, '--reassignment-json-file', path,
                  '--execute')

        def moved():
            now = self.partitions_of(name)
            return all(now[p].replicas == nodes and sorted(now[p].isrs) == sorted(nodes)
                       for p, nodes in enumerate(replicas))
        wait.until(moved, 120, f'{name} moved to {replicas}')

    def elect(self, name, replicas):
        """Has each partition led by the first of its nodes."""
        self.tool('org.apache.kafka.tools.LeaderElectionCommand', '--bootstrap-server',
                  self.bootstrap, '--election-type', 'preferred', '--all-topic-partitions')
        first = {p: nodes[0] for p, nodes in enumerate(replicas)}
        wait.until(lambda: self.led(name) == first, 30, f'the leaders {first}')

    def kill(self):
        for node in self.nodes.values():
            node.kill()
        super().kill()
