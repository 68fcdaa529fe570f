# SPDX-License-Identifier: Apache-2.0
import itertools
import json
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../lib'))
sys.path.insert(0, HERE)

import host as hosts  # noqa: E402
from harness import captures, daemon, traffic  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.net import free_port  # noqa: E402
from harness.proc import run  # noqa: E402
from harness.witness import Topic  # noqa: E402
from instance import Instance  # noqa: E402

NUMBERS = itertools.count()


class OuterBroker(Broker):
    """A broker that test hosts reach too, at `outer`."""

    def __init__(self, directory, settings=None):
        super().__init__(directory, settings)
        port = free_port()
        self.outer = f'{hosts.GATEWAY}:{port}'
        self.properties['listeners'] += f',OUTER://0.0.0.0:{port}'
        self.properties['advertised.listeners'] += f',OUTER://{self.outer}'
        self.properties['listener.security.protocol.map'] += ',OUTER:PLAINTEXT'
        self.properties['inter.broker.listener.name'] = 'PLAINTEXT'
        with open(self.config, 'w') as f:
            f.writelines(f'{k}={v}\n' for k, v in self.properties.items())


def build_options():
    text = run('meson', 'introspect', '--buildoptions', daemon.BUILD).stdout
    return {o['name']: o['value'] for o in json.loads(text)}


def install(host, destination):
    """Installs the build under test as a package would: files first, then what systemd must know."""
    prefix = build_options()['prefix']
    run('meson', 'install', '-C', daemon.BUILD, '--no-rebuild', env={
        **os.environ, 'DESTDIR': destination})
    host.copy_in(destination)
    host.run(os.path.join(daemon.TREE, 'systemd/post-install'), prefix)
    host.confdir = os.path.join(prefix, build_options()['sysconfdir'], 'pycapa')


@pytest.fixture(scope='session')
def host(tmp_path_factory):
    """A test host with the build under test installed, joined to this machine."""
    with hosts.Host() as h:
        install(h, str(tmp_path_factory.mktemp('destination')))
        h.connect()
        yield h


@pytest.fixture(scope='session')
def broker(tmp_path_factory):
    with OuterBroker(tmp_path_factory.mktemp('broker')) as b:
        yield b


@pytest.fixture
def own_broker(tmp_path):
    """A broker of this test alone, not started."""
    b = OuterBroker(tmp_path / 'broker')
    yield b
    b.kill()


@pytest.fixture
def name():
    """The name of an interface and instance that no other test uses."""
    return f'cap{next(NUMBERS)}'


@pytest.fixture
def link(host, name):
    link = hosts.Link(host, name)
    yield link
    link.remove()


@pytest.fixture
def instances(host):
    """Makes instances; stops them with the test."""
    made = []

    def make(name, *args, **kwargs):
        made.append(Instance(host, name, *args, **kwargs))
        return made[-1]
    yield make
    for i in made:
        host.systemctl('kill', '--signal=SIGKILL', i.unit, check=False)
        host.systemctl('stop', i.unit, check=False)
        host.systemctl('reset-failed', i.unit, check=False)


@pytest.fixture
def topic(broker):
    return Topic(broker, broker.topic())


@pytest.fixture
def producer(instances, link, broker, topic):
    """A started instance on `link` that sends to `topic`."""
    i = instances(link.name, broker, topic.name).start()
    i.wait_status(f'capturing on {link.name}')
    return i


def numbers(topic):
    """The sequence numbers in a topic, sorted."""
    return sorted(n for n in (captures.sequence(r.value) for r in topic.records())
                  if n is not None)


def send(link, count, pps, **kwargs):
    return traffic.send(link, count, pps, **kwargs)
