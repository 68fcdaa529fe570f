# SPDX-License-Identifier: Apache-2.0
"""What the journal holds, as `journalctl -o json` shows it."""
import re

from harness import daemon, traffic, wait
from instance import ACCOUNT
from outer import numbers


def test_every_entry_has_the_native_fields(producer, link, topic):
    producer.stats()
    entries = producer.own_entries()
    assert entries
    for entry in entries:
        assert entry['PRIORITY'] in '34567', entry
        assert entry['PYCAPA_INSTANCE'] == link.name, entry
        assert entry['PYCAPA_MODE'] == 'producer', entry
        assert entry['PYCAPA_INTERFACE'] == link.name, entry
        assert entry['PYCAPA_TOPIC'] == topic.name, entry
        assert not re.match('(INFO|WARNING|ERROR):root:', entry['MESSAGE']), entry


def test_stats_line_carries_the_numbers_and_they_add_up_with_the_broker(producer, link, topic):
    traffic.send(link, 1234, 1000, size=100)
    counts = producer.wait_stats(lambda c: c['DELIVERED'] == 1234)
    assert counts['RECEIVED'] == 1234 == topic.count() == len(numbers(topic))
    assert counts['BYTES'] == 1234 * 100
    assert counts['DROPPED_KERNEL'] == counts['DROPPED_INTERFACE'] == 0
    # The text says the same as the fields.
    entry = producer.stats_entries()[-1]
    text = dict(pair.split('=', 1) for pair in entry['MESSAGE'].split() if '=' in pair)
    for name in ('RECEIVED', *ACCOUNT, 'DROPPED_KERNEL', 'DROPPED_INTERFACE'):
        assert int(text[name.lower()]) == counts[name], name
    assert {'packets/s', 'bits/s'} <= set(text)


def test_stats_come_every_interval_and_rates_are_since_the_last(instances, link, broker, topic):
    i = instances(link.name, broker, topic.name, stats_interval='1s').start()
    stream = traffic.start(link, 5000, 1000)
    wait.until(lambda: len(i.stats_entries()) >= 5, 10, i.story)
    stream.kill()
    rates = [int(re.search(r'packets/s=(\d+)', e['MESSAGE']).group(1)) for e in i.stats_entries()]
    assert any(900 <= r <= 1100 for r in rates), rates
    moments = [int(e['__REALTIME_TIMESTAMP']) / 1e6 for e in i.stats_entries()]
    for before, after in zip(moments, moments[1:]):
        assert 0.8 < after - before < 1.2, moments


def test_stats_interval_0_is_off(instances, link, broker, topic):
    i = instances(link.name, broker, topic.name, stats_interval='1s').start()
    wait.until(lambda: i.stats_entries(), 10, i.story)
    i.reload(stats_interval=0)
    before = len(i.stats_entries())
    wait.stays(lambda: len(i.stats_entries()) == before, 3, 'a stats line in spite of 0')
    assert i.stats()['RECEIVED'] == 0


def test_drops_make_the_stats_line_a_warning_with_its_catalog_entry(instances, link, broker, topic,
                                                                    host):
    """A stopped process and the smallest ring: what passes meanwhile overruns it."""
    i = instances(link.name, broker, topic.name, buffer_size='512K').start()
    i.wait_status('capturing')
    i.kill('SIGSTOP')
    traffic.send(link, 50000, 0, size=1000)
    i.kill('SIGCONT')
    counts = i.wait_stats(lambda c: c['DROPPED_KERNEL'] > 0)
    drops, = i.entries('MESSAGE_ID=8651ddec04e547e39e3c4551478d3956')
    assert drops['PRIORITY'] == '4'
    assert counts['RECEIVED'] + counts['DROPPED_KERNEL'] == 50000
    text = host.run('journalctl', '-x', '--no-pager', '-u', i.unit).stdout
    assert f'Packets were dropped on {link.name}' in text


def test_every_event_has_a_catalog_entry_and_every_entry_an_event(host):
    """daemon/events.h and the catalog name the same ids; journalctl knows each."""
    with open(f'{daemon.TREE}/daemon/events.h') as f:
        ids = set(re.findall(r'"([0-9a-f]{32})"', f.read()))
    with open(f'{daemon.TREE}/systemd/pycapa.catalog') as f:
        assert set(re.findall(r'^-- ([0-9a-f]{32})$', f.read(), re.M)) == ids
    listed = host.run('journalctl', '--list-catalog', '--no-pager').stdout
    for number in ids:
        assert re.search(f'^{number} pycapa: ', listed, re.M), number


def test_log_level_error_is_silent_and_debug_is_not(producer, link):
    producer.reload(log_level='ERROR')
    before = len(producer.own_entries())
    producer.kill('SIGUSR1')
    wait.stays(lambda: len(producer.own_entries()) == before, 1, 'INFO at level ERROR')
    producer.reload(log_level='DEBUG', kafka_config=['debug=broker'])
    wait.until(lambda: producer.own_entries('PRIORITY=7'), 10, producer.story)


def test_consumer_instance(instances, broker, topic, link, host):
    """A consumer is a service too: its own counters, its own fields."""
    p = instances(link.name, broker, topic.name).start()
    p.wait_status('capturing')
    traffic.send(link, 500, 1000)
    topic.wait_count(500)
    c = instances(f'{link.name}-out', broker, topic.name, mode='consumer', kafka_offset='begin',
                  write_file=f'/var/lib/pycapa/{link.name}-out/out.pcap').start()

    def written():
        before = len(c.entries())
        c.kill('SIGUSR1')
        wait.until(lambda: len(c.entries()) > before, 10, c.story)
        return [e for e in c.entries() if e.get('PYCAPA_WRITTEN') == '500']
    entry = wait.until(written, 20, c.story)[-1]
    assert entry['PYCAPA_MODE'] == 'consumer' and entry['PYCAPA_READ'] == '500'
    assert entry['PYCAPA_SKIPPED'] == '0' and 'lag=' in entry['MESSAGE']
    c.stop()
    out = host.run('tcpdump', '-nr', f'/var/lib/pycapa/{link.name}-out/out.pcap', '-Z', 'root')
    assert len(out.stdout.splitlines()) == 500
