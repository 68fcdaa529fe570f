# SPDX-License-Identifier: Apache-2.0
import glob
import os
import re
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))

from harness import captures, daemon, faults  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.net import Pair  # noqa: E402
from harness.proc import run  # noqa: E402
from harness.witness import Topic  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line('markers', 'alone: needs the machine for itself (load or timing)')
    config.addinivalue_line('markers', 'faults: outages under load; some at a time, beside nothing else')
    config.addinivalue_line('markers', 'library: depends on librdkafka; runs with both')
    config.addinivalue_line('markers', 'blocks: of the faults, one that each run has over blocks')
    config.addinivalue_line('markers', 'packets: of the faults, one that has nothing to say of blocks')
    config.addinivalue_line('markers', 'long: for a long run alone')
    config.addinivalue_line('markers', 'once: with one librdkafka, but for a long run')


def over_blocks(item):
    return hasattr(item, 'callspec') and item.callspec.params.get('record') == 'block'


def pytest_collection_modifyitems(items):
    items[:] = [i for i in items if not (over_blocks(i) and i.get_closest_marker('packets'))]
    for item in filter(over_blocks, items):
        item.add_marker('once' if item.get_closest_marker('blocks') else 'long')


def librdkafka(env):
    """What the program says of the librdkafka that it runs with."""
    said = run(daemon.BINARY, '--version', env=env).stdout
    found = re.search(r'librdkafka.*', said)
    assert found, said
    return found.group()


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    if not os.access(daemon.BINARY, os.X_OK):
        pytest.exit(f'{daemon.BINARY} is missing: build it, or run tests/run', returncode=2)
    # A run that is to show that another library serves must not run with the same one.
    if os.environ.get('PYCAPA_LIBRDKAFKA'):
        asked, plain = librdkafka(daemon.environment()), librdkafka(dict(os.environ))
        if asked == plain:
            pytest.exit(f'PYCAPA_LIBRDKAFKA={os.environ["PYCAPA_LIBRDKAFKA"]} changes nothing: '
                        f'{asked}', returncode=2)
        print(f'with {asked}, not {plain}')


TIME_LIMIT = 400  # seconds a test; a backstop, every wait has a deadline of its own


@pytest.fixture(autouse=True)
def limit():
    """A test that hangs in a read of its own fails instead of holding up all."""
    def expired(*_):
        raise AssertionError(f'the test took more than {TIME_LIMIT} s')
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(TIME_LIMIT)
    yield
    signal.alarm(0)


@pytest.fixture(scope='session')
def broker(tmp_path_factory):
    """A broker that all tests share: they use topics of their own and leave it running."""
    with Broker(tmp_path_factory.mktemp('broker'), {
            # Captures dated in the future must not be refused.
            'log.message.timestamp.after.max.ms': str(1 << 62),
            'log.message.timestamp.before.max.ms': str(1 << 62)}).add_proxy() as b:
        yield b


@pytest.fixture
def own_broker(tmp_path):
    """A broker of this test alone, not started: for settings of its own."""
    b = Broker(tmp_path / 'broker')
    yield b
    b.kill()


@pytest.fixture(scope='session')
def broker_for_outages(tmp_path_factory):
    b = Broker(tmp_path_factory.mktemp('outages'), {'log.segment.delete.delay.ms': '100'},
               java=faults.JAVA)
    yield b
    b.kill()


@pytest.fixture
def outage_broker(broker_for_outages):
    """
    A running broker that a test may pause, stop and kill, and leave so: others share it, but not at
    the same time.
    """
    b = broker_for_outages
    if b.process and b.process.running():
        b.resume()
    else:
        b.start()
    b.wait_taking()
    b.clear()
    return b


@pytest.fixture
def topic(broker):
    """A fresh topic of one partition."""
    return Topic(broker, broker.topic())


@pytest.fixture
def make_topic(broker):
    return lambda *args, **kwargs: Topic(broker, broker.topic(*args, **kwargs))


@pytest.fixture
def pair():
    p = Pair()
    yield p
    p.remove()


@pytest.fixture(params=['packet', 'block'])
def record(request):
    """What the producers of a fault test write: packets and, in a test of its own, blocks."""
    faults.producing['record'] = request.param
    yield request.param
    faults.producing['record'] = 'packet'


@pytest.fixture
def spawn(tmp_path):
    """Starts pycapa; ends it with the test whatever happens."""
    running = []

    def start(*argv, **kwargs):
        if '-p' in argv and faults.producing['record'] != 'packet':
            argv += ('--record', faults.producing['record'])
        running.append(daemon.Pycapa(*argv, directory=str(tmp_path), **kwargs))
        return running[-1]
    yield start
    for process in running:
        process.kill()


@pytest.fixture
def producer(broker, spawn):
    """Starts a producer on a pair and waits until it captures."""
    def start(pair, topic, *argv, **kwargs):
        process = spawn('-p', '-i', pair.inside, '-k', topic.broker.bootstrap, '-t', topic.name,
                        *argv, **kwargs)
        return process.wait_capturing()
    return start


@pytest.fixture
def consumer(broker, spawn):
    """Starts a consumer; its capture is in `.stdout`."""
    def start(topic, *argv, **kwargs):
        return spawn('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, **kwargs)
    return start


def sample_files(directory):
    """The captures of $PYCAPA_PCAPS, or made-up ones when it names no folder."""
    folder = os.environ.get('PYCAPA_PCAPS')
    if folder and os.path.isdir(folder):
        return sorted(glob.glob(os.path.join(folder, '*.pcap')) +
                      glob.glob(os.path.join(folder, '*.pcapng')))
    return captures.generated(str(directory))


@pytest.fixture(scope='session')
def samples(tmp_path_factory):
    files = sample_files(tmp_path_factory.mktemp('samples'))
    assert files, 'PYCAPA_PCAPS names a folder without captures'
    return files
