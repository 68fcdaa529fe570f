# SPDX-License-Identifier: Apache-2.0
"""The metrics of an instance, as Prometheus gets them."""
import http.client
import re
import socket

SAMPLE = re.compile(r'^([a-z_]+)(\{[^}]*\})? (\S+)$')
# Of the line of counters and of the metrics.
PRODUCER = {'received': 'pycapa_received_packets_total',
            'recovered': 'pycapa_recovered_packets_total',
            'delivered': 'pycapa_delivered_packets_total',
            'queued': 'pycapa_queued_packets', 'spooled': 'pycapa_spooled_packets',
            'failed': 'pycapa_failed_packets_total', 'dropped': 'pycapa_dropped_packets_total',
            'dropped_kernel': 'pycapa_dropped_kernel_packets_total',
            'dropped_interface': 'pycapa_dropped_interface_packets_total',
            'own': 'pycapa_own_packets_total', 'doubled': 'pycapa_doubled_packets_total'}
CONSUMER = {'read': 'pycapa_read_records_total', 'written': 'pycapa_written_packets_total',
            'filtered': 'pycapa_filtered_packets_total', 'skipped': 'pycapa_skipped_records_total',
            'late': 'pycapa_late_packets_total', 'lag': 'pycapa_lag_records'}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, **kwargs):
        super().__init__('localhost', **kwargs)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(where, path='/metrics', accept=None, timeout=10):
    """(status, content type, text) of one GET. `where`: a port of this host, or a socket's path."""
    connection = (http.client.HTTPConnection('127.0.0.1', where, timeout=timeout)
                  if isinstance(where, int) else UnixConnection(where, timeout=timeout))
    try:
        connection.request('GET', path, headers={'Accept': accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader('Content-Type'), answer.read().decode()
    finally:
        connection.close()


def parse(text):
    """{'name' or 'name{labels}': value} of the Prometheus text format."""
    samples = {}
    for line in text.splitlines():
        if not line.startswith('#'):
            found = SAMPLE.match(line)
            assert found, line
            samples[found[1] + (found[2] or '')] = float(found[3])
    return samples


def scrape(where, **kwargs):
    """The samples of one scrape."""
    status, kind, text = get(where, **kwargs)
    assert status == 200 and kind.startswith('text/plain; version=0.0.4'), (status, kind)
    return parse(text)


def state(samples):
    """The one state that the instance is in."""
    found = [name for name, value in samples.items()
             if name.startswith('pycapa_state{') and value == 1]
    assert len(found) == 1, found
    return re.search('"(.*)"', found[0]).group(1)


def quantile(samples, family, q, since=None):
    """
    As Prometheus' histogram_quantile(): within the class that holds it, by its share; of all, or
    since an earlier scrape.
    """
    classes = []
    for name, value in samples.items():
        bound = re.match(re.escape(family) + r'_bucket\{le="([^"]+)"\}$', name)
        if bound:
            classes.append((float(bound[1]), value - (since or {}).get(name, 0)))
    classes.sort()
    rank, low, below = q * classes[-1][1], 0, 0
    for bound, count in classes:
        if count >= rank and count > below:
            share = (rank - below) / (count - below)
            return low if bound == float('inf') else low + (bound - low) * share
        low, below = bound, count
    return 0
