# SPDX-License-Identifier: Apache-2.0
"""A Prometheus of Debian's that scrapes instances: its numbers, the dashboard's, the alerts."""
import contextlib
import json
import os
import re
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import pytest

from harness import captures, faults, metrics, traffic, wait
from harness.daemon import TREE
from harness.net import Pair, free_port
from harness.proc import Process, run
from harness.witness import Topic

RULES = os.path.join(TREE, 'conf/prometheus/pycapa.rules.yml')

CONF = '''global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: pycapa
    static_configs: [targets: [{targets}]]
'''


class Prometheus:
    def __init__(self, directory, ports, rules):
        self.port = free_port()
        file = directory / 'prometheus.yml'
        file.write_text(CONF.format(
            rules=rules, targets=', '.join(f"'127.0.0.1:{port}'" for port in ports)))
        self.process = Process(['prometheus', f'--config.file={file}',
                                f'--storage.tsdb.path={directory}/data',
                                f'--web.listen-address=127.0.0.1:{self.port}'])
        self.process.wait_line('Server is ready to receive web requests', 30)

    def get(self, path, **parameters):
        url = f'http://127.0.0.1:{self.port}/api/v1/{path}?' + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=10) as answer:
            got = json.load(answer)
        assert got['status'] == 'success' and not got.get('warnings'), got
        return got['data']

    def query(self, expression):
        return self.get('query', query=expression)['result']

    def value(self, expression):
        """Of one series; None: there is none."""
        result = self.query(expression)
        assert len(result) < 2, result
        return float(result[0]['value'][1]) if result else None

    def of(self, port, names):
        """{name: value} of an instance; `names`: of the line of counters, and of the metrics."""
        return {name: self.value(f'{metric}{{instance="127.0.0.1:{port}"}}')
                for name, metric in names.items()}

    def alerts(self, state):
        """{(alert, port)}"""
        return {(a['labels']['alertname'], int(a['labels']['instance'].split(':')[1]))
                for a in self.get('alerts')['alerts'] if a['state'] == state}


@pytest.fixture
def prometheus(tmp_path):
    running = []

    def start(*ports, rules=RULES):
        running.append(Prometheus(tmp_path, ports, rules))
        return running[-1]
    yield start
    for p in running:
        p.process.kill()


def panels():
    with open(os.path.join(TREE, 'conf/grafana/pycapa.json')) as f:
        return [p for p in json.load(f)['panels'] if p['type'] != 'row']


def as_asked(expression):
    """What Grafana makes of it with all instances chosen."""
    for name, value in (('$job', '.*'), ('$instance', '.*'), ('$__rate_interval', '5s')):
        expression = expression.replace(name, value)
    assert '$' not in expression, expression
    return expression


def test_what_prometheus_has_and_the_dashboard_asks(topic, pair, producer, consumer, prometheus,
                                                    tmp_path):
    ports = free_port(), free_port()
    sensor = producer(pair, topic, '--metrics-listen', str(ports[0]), '-X',
                      'statistics.interval.ms=200', '--spool-directory', str(tmp_path / 'spool'))
    reader = consumer(topic, '-o', 'begin', '-w', str(tmp_path / 'x.pcap'),
                      '--metrics-listen', str(ports[1]), '-X', 'statistics.interval.ms=200')
    server = prometheus(*ports)
    sending = traffic.start(pair, 10 ** 6, 500)
    wait.until(lambda: (server.value('sum(rate(pycapa_received_packets_total[5s]))') or 0) > 100,
               20, sensor.describe)
    wait.until(lambda: server.query('pycapa_broker_outbuf_seconds'), 20, sensor.describe)
    for panel in panels():
        for target in panel['targets']:
            assert server.query(as_asked(target['expr'])), (panel['title'], target['expr'])
    sent = traffic.stop(sending)
    topic.wait_count(sent)
    for name, of in (('pycapa_delivered_packets_total', sensor),
                     ('pycapa_written_packets_total', reader)):
        wait.until(lambda: server.value(name) == sent, 10, of.describe)
    assert sensor.stats()['delivered'] == reader.stats()['written'] == sent
    rules = server.get('rules')['groups'][0]['rules']
    wait.until(lambda: all(rule['health'] == 'ok' for rule in
                           server.get('rules')['groups'][0]['rules']), 10, str(rules))
    assert server.get('alerts')['alerts'] == []
    # What the alerts look at is there: one that names nothing never fires.
    for rule in rules:
        for series in re.findall(r'(?:pycapa|process)_\w+(?:{[^}]*})?', rule['query']):
            wait.until(lambda: server.query(series), 10, f'{rule["name"]}: {series}')
    assert sensor.stop() == 0 and reader.stop() == 0


SENT, PPS = 30000, 500  # of each sensor: a minute


@pytest.fixture
def three_pairs():
    pairs = [Pair() for _ in range(3)]
    yield pairs
    for p in pairs:
        p.remove()


def is_reading(port):
    with contextlib.suppress(ConnectionError):  # it does not listen yet
        return metrics.state(metrics.scrape(port)) == 'reading'


def draw(server, seconds):
    """The dashboard of the last seconds, as docs/dashboard.svg is made."""
    return xml.etree.ElementTree.fromstring(run(
        os.path.join(TREE, 'tests/lib/draw-dashboard'), f'http://127.0.0.1:{server.port}',
        seconds).stdout)


def assert_drawn(picture):
    name = '{http://www.w3.org/2000/svg}%s'
    titles = {text.text for text in picture.iter(name % 'text')}
    assert titles >= {panel['title'] for panel in panels()}
    lines = [line.get('points') for line in picture.iter(name % 'polyline')]
    assert len(lines) > len([p for p in panels() if p['type'] == 'timeseries']) and all(lines)


@pytest.mark.long
def test_a_minute_of_three_sensors_with_an_outage(own_broker, three_pairs, producer, consumer,
                                                  prometheus, tmp_path):
    """
    What is counted is the same in Prometheus, in the lines and at the broker; the outage fires its
    alerts and no other, with what is to last 2 minutes lasting 2 seconds; and it is drawn.
    """
    topic = Topic(own_broker.start(), own_broker.topic())
    ports = [free_port() for _ in range(4)]
    sensors = {port: producer(pair, topic, '--metrics-listen', port, '--spool-directory',
                              tmp_path / f'spool-{port}')
               for port, pair in zip(ports, three_pairs)}
    reader = consumer(topic, '-o', 'begin', '-w', tmp_path / 'x.pcap', '--metrics-listen', ports[3])
    wait.until(lambda: is_reading(ports[3]), 20, reader.describe)
    with open(RULES) as f:
        (tmp_path / 'rules.yml').write_text(f.read().replace('for: 2m', 'for: 2s'))
    server = prometheus(*ports, rules=tmp_path / 'rules.yml')
    generators = [traffic.start(pair, SENT, PPS, first=i * SENT)
                  for i, pair in enumerate(three_pairs)]

    def received(seconds):
        return all(p.stats()['received'] > seconds * PPS for p in sensors.values())
    wait.until(lambda: received(15), 60, 'a quarter of the minute')
    assert server.alerts('firing') == server.alerts('pending') == set()
    own_broker.kill()
    away = {('PycapaBrokerAway', port) for port in ports} | {('PycapaUnhealthy', ports[3])}
    wait.until(lambda: server.alerts('firing') == away, 30, lambda: server.get('alerts'))
    wait.until(lambda: received(35), 60, 'half of the minute')
    assert server.alerts('firing') == away
    assert server.alerts('pending') <= {('PycapaSpoolGrows', port) for port in sensors}
    own_broker.start()
    for generator in generators:
        assert generator.wait(120) == 0, generator.describe()
    wait.until(lambda: not server.alerts('firing') | server.alerts('pending'), 60,
               lambda: server.get('alerts'))

    for port, sensor in sensors.items():
        wait.until(lambda: sensor.stats()['delivered'] == SENT, 60, sensor.describe)
        line = {name: sensor.stats()[name] for name in metrics.PRODUCER}
        wait.until(lambda: server.of(port, metrics.PRODUCER) == line, 10,
                   lambda: f'{line}, not {server.of(port, metrics.PRODUCER)}')
        assert line['received'] == line['delivered'] == SENT
        assert line['dropped_kernel'] == line['dropped'] == line['failed'] == 0
    doubled = sum(faults.doubled_by_library(p, p.stats()) for p in sensors.values())
    numbers = [captures.sequence(r.value) for r in topic.records()]
    assert set(numbers) == set(range(3 * SENT)) and len(numbers) <= 3 * SENT + doubled
    wait.until(lambda: reader.stats()['written'] == len(numbers), 60, reader.describe)
    line = {name: reader.stats()[name] for name in metrics.CONSUMER}
    wait.until(lambda: server.of(ports[3], metrics.CONSUMER) == line, 10,
               lambda: f'{line}, not {server.of(ports[3], metrics.CONSUMER)}')
    assert_drawn(draw(server, 70))
    assert all(p.stop() == 0 for p in (*sensors.values(), reader))


def test_the_dashboard_is_whole():
    """What Grafana needs of it: panels with a place and an id of their own, and queries."""
    taken, ids = set(), set()
    for panel in panels():
        at = panel['gridPos']
        cells = {(x, y) for x in range(at['x'], at['x'] + at['w'])
                 for y in range(at['y'], at['y'] + at['h'])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel['title']
        taken |= cells
        assert panel['id'] not in ids and panel['type'] in ('stat', 'timeseries')
        ids.add(panel['id'])
        assert panel['targets'] and panel['title'] and panel['fieldConfig']['defaults']['unit']
        references = [t['refId'] for t in panel['targets']]
        assert len(set(references)) == len(references)
