# SPDX-License-Identifier: Apache-2.0
"""Network namespaces and veth pairs with names of their own, removed by name."""
import itertools
import os
import random
import socket

from . import wait
from .proc import Process, run

RUN = os.environ.get('PYCAPA_TEST_RUN', str(os.getpid()))
COUNTER = itertools.count()
LOCKS = []


def free_port():
    """
    A port that stays free for this process while nobody listens on it, as when its broker is
    down: none of those that the kernel gives to connections, nor one that another suite beside
    this one was given. (A client that tries such a port again and again may even connect to
    itself.)
    """
    with open('/proc/sys/net/ipv4/ip_local_port_range') as f:
        low, high = map(int, f.read().split())
    ports = [*range(10000, low), *range(high + 1, 65536)]
    for port in random.sample(ports, len(ports)):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f'\0pycapa-test-port-{port}')
            with socket.socket() as probe:
                probe.bind(('', port))
        except OSError:
            lock.close()
            continue
        LOCKS.append(lock)
        return port
    raise AssertionError('no port is free')


def write_sysctl(name, value, namespace=None):
    path = '/proc/sys/' + name
    argv = ['sh', '-c', f'echo {value} > {path}']
    run(*(['ip', 'netns', 'exec', namespace] if namespace else []), *argv)


class Pair:
    """
    A veth pair: `inside` (10.99.N.1) in the root namespace, where pycapa captures, and `outside`
    (10.99.N.2) in a namespace of its own, where traffic comes from. Nothing else is on the wire:
    IPv6 is off and the neighbours are known.
    """

    def __init__(self, up=True):
        n = next(COUNTER)
        tag = f'{int(RUN) % 46656:x}{os.getpid() % 4096:x}{n}'
        self.namespace = f'pycapa-{RUN}-{os.getpid()}-{n}'
        self.inside = f'pt{tag}a'[:15]
        self.outside = f'pt{tag}b'[:15]
        subnet = f'10.{100 + os.getpid() % 100}.{n % 250}'
        self.inside_address = f'{subnet}.1'
        self.outside_address = f'{subnet}.2'
        self.inside_mac = '02:00:00:00:00:01'
        self.outside_mac = '02:00:00:00:00:02'
        run('ip', 'netns', 'add', self.namespace)
        try:
            self.create(up)
        except BaseException:
            self.remove()
            raise

    def create(self, up=True):
        """Makes the pair (again); the namespace stays."""
        ns = self.namespace
        run('ip', 'link', 'add', self.inside, 'address', self.inside_mac, 'type', 'veth',
            'peer', 'name', self.outside, 'address', self.outside_mac, 'netns', ns)
        write_sysctl(f'net/ipv6/conf/{self.inside}/disable_ipv6', 1)
        write_sysctl(f'net/ipv6/conf/{self.outside}/disable_ipv6', 1, ns)
        run('ip', 'address', 'add', f'{self.inside_address}/24', 'dev', self.inside)
        run('ip', '-n', ns, 'address', 'add', f'{self.outside_address}/24', 'dev', self.outside)
        run('ip', '-n', ns, 'link', 'set', self.outside, 'up')
        run('ip', '-n', ns, 'link', 'set', 'lo', 'up')
        if up:
            self.up()

    def up(self):
        run('ip', 'link', 'set', self.inside, 'up')
        run('ip', 'neigh', 'replace', self.outside_address, 'lladdr', self.outside_mac,
            'nud', 'permanent', 'dev', self.inside)
        run('ip', '-n', self.namespace, 'neigh', 'replace', self.inside_address, 'lladdr',
            self.inside_mac, 'nud', 'permanent', 'dev', self.outside)
        # Until the kernel has told the far end of the carrier, it drops what is sent there.
        wait.until(self.is_up, 10, f'{self.outside} is up')

    def is_up(self):
        link = run('ip', '-n', self.namespace, '-brief', 'link', 'show', 'dev', self.outside)
        return link.stdout.split()[1] == 'UP'

    def down(self):
        run('ip', 'link', 'set', self.inside, 'down')

    def command(self, *argv):
        """The argv of a command that runs where the traffic comes from."""
        return ['ip', 'netns', 'exec', self.namespace, *[str(a) for a in argv]]

    def run(self, *argv, **kwargs):
        return run(*self.command(*argv), **kwargs)

    def start(self, *argv, **kwargs):
        return Process(self.command(*argv), **kwargs)

    def delete_link(self):
        run('ip', 'link', 'delete', self.inside, check=False)

    def remove(self):
        self.delete_link()
        run('ip', 'netns', 'delete', self.namespace, check=False)
