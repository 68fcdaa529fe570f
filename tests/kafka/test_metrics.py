# SPDX-License-Identifier: Apache-2.0
"""What an instance tells Prometheus, and what asking it costs."""
import contextlib
import signal
import socket
import subprocess
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness import captures, metrics, traffic, wait
from harness.metrics import CONSUMER, PRODUCER
from harness.net import free_port

OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5'


@pytest.fixture
def port():
    return free_port()


def listen(port):
    return '--metrics-listen', f'127.0.0.1:{port}'


def assert_clean(where):
    """Two witnesses of the formats: promtool, and the parser of Prometheus' Python client."""
    text = metrics.get(where)[2]
    promtool = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True,
                              capture_output=True)
    assert promtool.returncode == 0, promtool.stdout + promtool.stderr
    status, kind, text = metrics.get(where, accept=OPENMETRICS)
    assert status == 200 and kind == 'application/openmetrics-text; version=1.0.0; charset=utf-8'
    families = list(text_string_to_metric_families(text))
    assert len(families) >= 20


def test_a_producer_tells_its_counters(topic, pair, producer, port):
    process = producer(pair, topic, *listen(port), '-X', 'statistics.interval.ms=200')
    traffic.send(pair, 2000, 2000, size=100)
    topic.wait_count(2000)
    wait.until(lambda: metrics.scrape(port)[PRODUCER['delivered']] == 2000, 10, process.describe)
    line, samples = process.stats(), metrics.scrape(port)
    assert {name: samples[of] for name, of in PRODUCER.items()} == \
        {name: line[name] for name in PRODUCER}
    assert samples['pycapa_received_packets_total'] == 2000
    assert samples['pycapa_bytes_total'] == 2000 * 100
    assert samples['pycapa_queued_bytes'] == samples['pycapa_buffered_packets'] == 0
    assert metrics.state(samples) == 'capturing' and samples['pycapa_healthy'] == 1
    assert samples['pycapa_kafka_connected'] == 1
    assert samples['pycapa_delivery_age_seconds_count'] == 2000
    assert samples['pycapa_delivery_age_seconds_bucket{le="60.0"}'] == 2000
    assert 0 < samples['pycapa_delivery_age_seconds_sum'] < 2000 * 60
    assert abs(time.time() - samples['process_start_time_seconds']) < 60
    broker = f'{{broker="{topic.broker.bootstrap}"}}'
    wait.until(lambda: metrics.scrape(port).get(f'pycapa_broker_up{broker}') == 1, 10,
               process.describe)
    traffic.send(pair, 10, 100)
    wait.until(lambda: 0 < metrics.scrape(port).get(f'pycapa_broker_rtt_seconds{broker}', 0) < 10
               and f'pycapa_broker_outbuf_seconds{broker}' in metrics.scrape(port), 10,
               process.describe)
    assert_clean(port)
    assert process.stop() == 0, process.describe()


def test_a_consumer_tells_its_counters_and_its_lag(topic, consumer, tmp_path, port):
    topic.produce(captures.sample(300, size=80))
    process = consumer(topic, '-o', 'begin', '-w', str(tmp_path / 'x.pcap'), *listen(port))
    process.wait_line('Waiting for packets at the end', 20)
    wait.until(lambda: process.stats()['written'] == 300, 20, process.describe)
    line, samples = process.stats(), metrics.scrape(port)
    assert {name: samples[of] for name, of in CONSUMER.items()} == \
        {name: line[name] for name in CONSUMER}
    assert samples['pycapa_lag_time_seconds'] == 0 and metrics.state(samples) == 'reading'
    assert metrics.get(port, '/healthz')[::2] == (200, 'ok\n')
    assert_clean(port)
    assert process.stop() == 0, process.describe()


@contextlib.contextmanager
def silent(port, n):
    """Connections that say nothing."""
    connections = []
    try:
        for _ in range(n):
            connections.append(socket.create_connection(('127.0.0.1', port), timeout=20))
        yield connections
    finally:
        for c in connections:
            c.close()


GARBAGE = [b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'\0' * 5000, b'GET\r\n\r\n',
           b'GET /metrics HTTP/1.1\r\nX: ' + b'y' * 30000, b'\r\n' * 500,
           b'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nz']


def send_garbage(port):
    """All at once, as some is taken for the begin of a request, and waited for."""
    with silent(port, len(GARBAGE)) as connections:
        for c, garbage in zip(connections, GARBAGE):
            with contextlib.suppress(ConnectionError):
                c.sendall(garbage)
        for c in connections:
            with contextlib.suppress(ConnectionError):
                answer = c.recv(100)
                assert b' 200 ' not in answer, answer


def test_who_asks_much_or_badly_disturbs_nothing(topic, pair, producer, port):
    process = producer(pair, topic, *listen(port))
    sending = traffic.start(pair, 10 ** 6, 2000)
    cpu, began = process.cpu(first_thread=True), time.monotonic()
    for _ in range(1000):
        metrics.scrape(port)
    cpu = process.cpu(first_thread=True) - cpu
    print(f'{cpu:.2f} ms of CPU a scrape, {time.monotonic() - began:.2f} ms with the client')
    assert cpu < 1, 'a scrape costs less than a millisecond'
    with silent(port, 100) as connections:
        began = time.monotonic()
        metrics.scrape(port)
        assert time.monotonic() - began < 5
        send_garbage(port)
        for c in connections:
            assert c.recv(1) == b''
        assert time.monotonic() - began < 10
    sent = traffic.stop(sending)
    topic.wait_count(sent)
    wait.until(lambda: process.stats()['delivered'] == sent, 10, process.describe)
    line = process.stats()
    assert line['dropped_kernel'] == line['dropped'] == line['failed'] == 0
    assert process.stop() == 0, process.describe()


def test_health_is_whether_packets_get_somewhere(spawn, pair, tmp_path):
    """Kafka is away: the spool takes them, or nobody does."""
    argv = ('-p', '-i', pair.inside, '-k', f'127.0.0.1:{free_port()}', '-t', 'x')
    sockets = [str(tmp_path / name) for name in ('lost', 'kept')]
    lost = spawn(*argv, '--metrics-listen', sockets[0]).wait_capturing()
    kept = spawn(*argv, '--metrics-listen', sockets[1], '--spool-directory',
                 str(tmp_path / 'spool')).wait_capturing()
    traffic.send(pair, 50, 500)
    status, _, text = metrics.get(sockets[0], '/healthz')
    assert status == 503 and 'the broker 127.0.0.1:' in text and 'there is no spool' in text
    assert metrics.get(sockets[1], '/healthz')[::2] == (200, 'ok\n')
    # Copies of what waits in memory.
    wait.until(lambda: metrics.scrape(sockets[1])['pycapa_spool_bytes'] > 50 * 64, 10,
               kept.describe)
    samples = metrics.scrape(sockets[1])
    assert samples['pycapa_queued_packets'] == 50
    assert metrics.state(samples) == 'waiting_for_broker'
    assert samples['pycapa_kafka_connected'] == 0 and samples['pycapa_spool_files'] == 1
    assert samples['pycapa_spool_bytes'] < samples['pycapa_spool_limit_bytes']
    # Of the first of them, though what follows is copied too.
    age = samples['pycapa_spool_age_seconds']
    traffic.send(pair, 50, 100)
    wait.until(lambda: metrics.scrape(sockets[1])['pycapa_spooled_packets'] +
               metrics.scrape(sockets[1])['pycapa_queued_packets'] == 100, 10, kept.describe)
    assert age + 0.4 < metrics.scrape(sockets[1])['pycapa_spool_age_seconds'] < 60
    assert metrics.scrape(sockets[0])['pycapa_healthy'] == 0
    lost.send_signal(signal.SIGINT)
    lost.send_signal(signal.SIGINT)
    assert kept.stop() == 0, kept.describe()


def test_a_reload_moves_the_address_or_changes_nothing(topic, pair, spawn, tmp_path, port):
    file, textfile = tmp_path / 'x.cfg', tmp_path / 'x.prom'
    common = (f'interface = "{pair.inside}"; kafka-broker = "{topic.broker.bootstrap}";'
              f'kafka-topic = "{topic.name}";')
    file.write_text(common + f'metrics-listen = "{port}"; metrics-textfile = "{textfile}";')
    process = spawn('-C', str(file)).wait_capturing()
    assert metrics.scrape(port)['pycapa_reloads_total'] == 0
    wait.until(textfile.exists, 10, process.describe)
    taken = socket.create_server(('127.0.0.1', free_port()))
    file.write_text(common + f'metrics-listen = "127.0.0.1:{taken.getsockname()[1]}";')
    process.send_signal(signal.SIGHUP)
    process.wait_line('Reload refused.*metrics-listen: .*: Address already in use', 10)
    samples = metrics.scrape(port)
    assert samples['pycapa_reloads_refused_total'] == 1
    assert samples['pycapa_last_reload_successful'] == 0
    taken.close()
    file.write_text(common + f'metrics-listen = "{tmp_path}/socket";')
    process.send_signal(signal.SIGHUP)
    process.wait_line('Reloaded', 10)
    assert metrics.scrape(f'{tmp_path}/socket')['pycapa_last_reload_successful'] == 1
    assert not textfile.exists()
    with pytest.raises(ConnectionRefusedError):
        metrics.get(port)
    assert process.stop() == 0, process.describe()
