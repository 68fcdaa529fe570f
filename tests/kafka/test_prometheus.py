# SPDX-License-Identifier: Apache-2.0
"""A Prometheus of Debian's that scrapes instances: its numbers, the dashboard's, the alerts."""
import json
import os
import urllib.parse
import urllib.request

import pytest

from harness import traffic, wait
from harness.daemon import TREE
from harness.net import free_port
from harness.proc import Process

CONF = '''global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: pycapa
    static_configs: [targets: [{targets}]]
'''


class Prometheus:
    def __init__(self, directory, ports):
        self.port = free_port()
        file = directory / 'prometheus.yml'
        file.write_text(CONF.format(
            rules=os.path.join(TREE, 'conf/prometheus/pycapa.rules.yml'),
            targets=', '.join(f"'127.0.0.1:{port}'" for port in ports)))
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


@pytest.fixture
def prometheus(tmp_path):
    running = []

    def start(*ports):
        running.append(Prometheus(tmp_path, ports))
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
    assert sensor.stop() == 0 and reader.stop() == 0


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
