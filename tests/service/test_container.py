# SPDX-License-Identifier: Apache-2.0
"""The image and the DaemonSet of conf/container, run without a cluster: container.py says how."""
import json
import os
import socket
import socketserver
import struct
import threading

import pytest

import container
import image as images
from harness import captures, traffic, wait
from harness.metrics import get
from harness.net import Pair, free_port
from harness.wheel import unpacked
from outer import numbers

pytestmark = pytest.mark.long

SCHEMAS = 'kubernetes-validate==1.37.0'  # holds those of 1.25 to 1.37
SCHEMAS_SHA256 = '85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9'
KUBERNETES = '1.31.0'
NET_RAW = 1 << 13
SECCOMP_FILTER = 2


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    with images.Image(tmp_path_factory.mktemp('image')) as built:
        print(f'image: {built.size >> 20} MiB, of which Debian {built.base_size >> 20} MiB')
        yield built


@pytest.fixture
def pair():
    p = Pair()
    yield p
    p.remove()


@pytest.fixture
def start(image, tmp_path):
    """Starts a container, Sensor or Container; removes it with the test."""
    running = []

    def starter(kind, *args, **kwargs):
        running.append(kind(image, tmp_path, *args, **kwargs))
        return running[-1]
    yield starter
    for c in running:
        c.kill()


def probe(sensor, port, name):
    """What kubelet's probe of this name gets, as a status; None: no connection."""
    asked = container.pod()['containers'][0][name]['httpGet']
    assert sensor.running(), sensor.describe()
    try:
        return get(port, asked['path'])[0]
    except OSError:
        return None


def wait_ready(sensor, port):
    wait.until(lambda: probe(sensor, port, 'readinessProbe') == 200, 30, sensor.describe)
    assert probe(sensor, port, 'livenessProbe') == 200


def messages(sensor):
    """What it logged; each line must be an object."""
    return [json.loads(line)['message'] for line in sensor.lines]


def status_of(pid):
    with open(f'/proc/{pid}/status') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


TRUNCATED = 0x200


def dns_answer(query, flags, address=None):
    """The answer to a query of one name: the address, where it asks for one of IPv4."""
    end = query.index(b'\0', 12) + 5
    kind = struct.unpack('!H', query[end - 4:end - 2])[0]
    records = (b'\xc0\x0c' + struct.pack('!HHIH', 1, 1, 1, 4) + socket.inet_aton(address)
               if address and kind == 1 else b'')
    return (query[:2] + struct.pack('!HHHHH', 0x8180 | flags, 1, 1 if records else 0, 0, 0) +
            query[12:end] + records)


class ByUdp(socketserver.UDPServer):
    """A name server that sends everybody to its TCP port."""

    def finish_request(self, request, client_address):
        query, sending = request
        sending.sendto(dns_answer(query, TRUNCATED), client_address)


class ByTcp(socketserver.ThreadingTCPServer):
    """There, each name is 127.0.0.1."""
    allow_reuse_address = daemon_threads = True
    asked = b''

    def finish_request(self, request, client_address):
        stream = request.makefile('rwb')
        while size := stream.read(2):
            query = stream.read(struct.unpack('!H', size)[0])
            self.asked += query
            reply = dns_answer(query, 0, '127.0.0.1')
            stream.write(struct.pack('!H', len(reply)) + reply)
            stream.flush()


@pytest.fixture
def name_server():
    address = f'127.53.{os.getpid() % 250}.{1 + os.getpid() // 250 % 250}', 53
    with ByUdp(address, None) as udp, ByTcp(address, None) as tcp:
        for server in (udp, tcp):
            threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()
        yield tcp
        for server in (udp, tcp):
            server.shutdown()


def test_the_image_is_small_and_whole(image):
    assert image.size - image.base_size < 40 << 20
    certificates = os.path.join(image.root, 'etc/ssl/certs/ca-certificates.crt')
    assert os.path.getsize(certificates) > 100000
    # Where OpenSSL looks by itself.
    assert os.readlink(os.path.join(image.root, 'usr/lib/ssl/certs')) == '/etc/ssl/certs'
    assert os.listdir(os.path.join(image.root, 'var/lib/apt/lists')) == []


def test_a_sensor_captures_and_drains(start, pair, broker, topic, tmp_path):
    port = free_port()
    sensor = start(container.Sensor, tmp_path / 'spool', kafka_broker=broker.bootstrap,
                   kafka_topic=topic.name, interface=pair.inside,
                   metrics_listen=f'127.0.0.1:{port}')
    wait_ready(sensor, port)
    pid = sensor.state()
    status = status_of(pid)
    assert [int(status[kind], 16) for kind in ('CapPrm', 'CapEff', 'CapBnd', 'CapInh', 'CapAmb')] == [
        NET_RAW, NET_RAW, NET_RAW, 0, 0]
    assert status['Uid'].split() == ['0'] * 4 and status['NoNewPrivs'] == '1'
    assert int(status['Seccomp']) == SECCOMP_FILTER and status['NSpid'].split()[1:] == ['1']
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        assert f.read() == ''
    with open(f'/proc/{pid}/maps') as f:
        assert 'libjemalloc.so.2' in f.read()

    sending = traffic.start(pair, 10 ** 6, 5000)
    topic.wait_count(5000)
    sent = traffic.stop(sending)
    assert sensor.terminate() == 0, sensor.describe()
    assert numbers(topic) == list(range(sent))
    assert f"'{sent}' packet(s) in, '{sent}' packet(s) out" in messages(sensor)


def test_a_container_sends_what_the_last_one_spooled(start, pair, broker, topic, name_server,
                                                     tmp_path):
    """The second one finds the broker by its name, and is told to reload."""
    port, away = free_port(), free_port()
    spool = tmp_path / 'spool'
    settings = {'kafka_topic': topic.name, 'interface': pair.inside,
                'metrics_listen': f'127.0.0.1:{port}'}
    first = start(container.Sensor, spool, kafka_broker=f'127.0.0.1:{away}', **settings)
    wait_ready(first, port)
    traffic.send(pair, 3000, 5000)
    assert first.terminate() == 0, first.describe()
    assert [os.stat(path).st_mode & 0o777 for path in spool.glob('*.pcapng')] == [0o600]

    (tmp_path / 'resolv.conf').write_text(f'nameserver {name_server.server_address[0]}\n'
                                          'options timeout:2 attempts:2\n')
    port_of_kafka = broker.bootstrap.split(':')[1]
    second = start(container.Sensor, spool, tmp_path / 'resolv.conf',
                   kafka_broker=f'kafka.kafka.svc:{port_of_kafka}', **settings)
    wait_ready(second, port)
    topic.wait_count(3000)
    assert b'\5kafka\5kafka\3svc\0' in name_server.asked
    assert second.exec('/usr/bin/pycapa', '--reload', 'sensor').returncode == 0
    traffic.send(pair, 1000, 5000, first=3000)
    assert second.terminate() == 0, second.describe()
    assert numbers(topic) == list(range(4000))
    assert any(' recovered=3000 delivered=4000 ' in text for text in messages(second))


def test_a_consumer_needs_no_privilege(start, broker, topic):
    topic.produce(captures.sample(200))
    context = {**container.pod()['containers'][0]['securityContext'],
               'capabilities': {'drop': ['ALL']}}
    del context['runAsUser'], context['runAsGroup']
    reader = start(container.Container, context,
                   ['-c', '-e', '-k', broker.bootstrap, '-t', topic.name])
    assert reader.wait() == 0, reader.describe()
    assert len(captures.parse(reader.stdout)[1]) == 200


def test_kubernetes_takes_the_manifest():
    import jsonschema  # not there but for a long run
    schemas = os.path.join(unpacked(SCHEMAS, SCHEMAS_SHA256), 'kubernetes_validate',
                           'kubernetes-json-schema', f'v{KUBERNETES}-local-strict')
    with open(os.path.join(schemas, '_definitions.json')) as f:
        definitions = {'https://kubernetes.io/api/_definitions.json': json.load(f)}
    for kind, version in (('Namespace', 'v1'), ('ConfigMap', 'v1'), ('DaemonSet', 'apps-v1')):
        with open(os.path.join(schemas, f'{kind.lower()}-{version}.json')) as f:
            schema = json.load(f)
        resolver = jsonschema.RefResolver.from_schema(schema, store=definitions)
        jsonschema.validate(container.manifest()[kind], schema, resolver=resolver)
