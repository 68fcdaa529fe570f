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
from harness import daemon  # noqa: E402
from harness.proc import run  # noqa: E402
from harness.witness import Topic  # noqa: E402
from instance import Instance  # noqa: E402
from outer import OuterBroker  # noqa: E402

NUMBERS = itertools.count()


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: for a long run alone')


def build_options():
    text = run('meson', 'introspect', '--buildoptions', daemon.BUILD).stdout
    return {o['name']: o['value'] for o in json.loads(text)}


def install(host, destination):
    """Installs the build under test as a package would: files first, then what systemd must know."""
    prefix = build_options()['prefix']
    run('meson', 'install', '-C', daemon.BUILD, '--no-rebuild', env={
        **os.environ, 'DESTDIR': destination})
    host.copy_in(destination)
    # The tree itself may lie where the host sees nothing of this machine: its /tmp is its own.
    with open(os.path.join(daemon.TREE, 'systemd/post-install')) as script:
        host.run('sh', '-c', script.read(), 'post-install', prefix)
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


@pytest.fixture(scope='session')
def broker_for_outages(tmp_path_factory):
    b = OuterBroker(tmp_path_factory.mktemp('outages'))
    yield b
    b.kill()


@pytest.fixture
def outage_broker(broker_for_outages):
    """
    A running broker that a test may kill, and leave so: others share it, but not at the same time.
    """
    if not broker_for_outages.running():
        broker_for_outages.warm = False
        broker_for_outages.start()
    return broker_for_outages


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
