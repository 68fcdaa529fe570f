# SPDX-License-Identifier: Apache-2.0
"""What is said when Kafka cannot be reached, and that nothing is when it can."""
import contextlib
import re
import socket
import threading

import pytest

from harness import traffic, wait
from harness.broker import Broker
from harness.net import free_port
from harness.witness import Topic

pytestmark = pytest.mark.library

CLOSED = '^DEBUG:root:Kafka client: all connections are closed'
LOST = '^WARNING:root:Kafka is out of reach'


def test_a_broker_that_closes_idle_connections(tmp_path, pair, spawn):
    """Nothing is wrong, so nothing is said; a broker that is gone is another matter."""
    with Broker(tmp_path / 'broker', {'connections.max.idle.ms': '1000'}) as broker:
        topic = Topic(broker, broker.topic())
        process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', topic.name,
                        '-ll', 'DEBUG', '-X', 'topic.metadata.refresh.interval.ms=2000')
        process.wait_capturing()
        wait.until(lambda: len(process.grep(CLOSED)) >= 2 or process.grep(LOST), 30,
                   process.describe)
        assert not process.grep(LOST), process.describe()
        traffic.send(pair, 10, 100)
        topic.wait_count(10, 20)
        assert not process.grep(LOST), process.describe()
        broker.kill()
        process.wait_line(LOST + r' .*(Connection refused|Disconnected|down)', 20)
        assert process.stop() == 0, process.describe()


def with_listener(broker, name, address):
    """Adds a listener that the broker advertises under that address; returns its port."""
    port = free_port()
    p = broker.properties
    broker.configure(**{
        'listeners': f'{p["listeners"]},{name}://127.0.0.1:{port}',
        'advertised.listeners': f'{p["advertised.listeners"]},{name}://{address}:{port}',
        'listener.security.protocol.map':
            f'{p["listener.security.protocol.map"]},{name}:PLAINTEXT'})
    return port


def test_an_advertised_name_that_does_not_resolve(own_broker, spawn):
    """The bootstrap address answers, but not the name that it gives."""
    port = with_listener(own_broker, 'OUTSIDE', 'no-such-broker.invalid')
    own_broker.start()
    process = spawn('-c', '-e', '-k', f'127.0.0.1:{port}', '-t', own_broker.topic(),
                    '--stall-timeout', '3s')
    reason = r"Failed to resolve 'no-such-broker.invalid:\d+'.*advertised.listeners"
    process.wait_line('^ERROR:root:Kafka: .*' + reason, 20)
    assert process.wait(20) == 1, process.describe()
    assert re.search(reason, process.lines[-1]), process.describe()
    assert not process.grep('Bad message format|Host resolution'), process.describe()


def test_a_web_server_on_the_port(spawn):
    with socket.create_server(('127.0.0.1', 0)) as server:
        def answer():
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as connection:
                        connection.recv(100)
                        connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        threading.Thread(target=answer, daemon=True).start()
        process = spawn('-c', '-k', f'127.0.0.1:{server.getsockname()[1]}', '-t', 'pcap')
        process.wait_line('^ERROR:root:Kafka: .*a web server answers on this port', 20)
        assert process.stop() == 0, process.describe()
