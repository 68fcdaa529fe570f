# SPDX-License-Identifier: Apache-2.0
"""What the journal holds, as `journalctl -o json` shows it."""
import contextlib
import os
import re
import signal
import time

from harness import captures, daemon, traffic, wait
from instance import ACCOUNT, BROKER_BACK, BROKER_LOST
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


def has_native_fields(entry, instance, topic):
    assert entry['PYCAPA_INSTANCE'] == entry['PYCAPA_INTERFACE'] == instance.name, entry
    assert (entry['PYCAPA_MODE'], entry['PYCAPA_TOPIC']) == ('producer', topic.name), entry


def test_fault_at_the_start_has_native_fields(instances, host):
    i = instances('faulty0', None, None)
    i.write('snaplen = ;\n')
    assert i.systemctl('start', check=False).returncode != 0
    entry = i.wait_message(r'faulty0\.cfg:1: ')
    assert (entry['PYCAPA_INSTANCE'], entry['PRIORITY']) == ('faulty0', '3'), entry
    assert entry['SYSLOG_IDENTIFIER'] == 'pycapa', entry


@contextlib.contextmanager
def stopped_journald(host):
    pid, = host.processes('systemd-journald.service')
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wchan(pid):
    """Where in the kernel its first thread waits; '' when it has ended."""
    try:
        with open(f'/proc/{pid}/wchan') as f:
            return f.read()
    except OSError:
        return ''


def test_the_reason_of_a_failed_start_is_shown_however_late_journald_reads_it(instances, host):
    """journald knows the unit of a process that lives: it must live for so long."""
    i = instances('faulty1', None, None)
    i.write('snaplen = ;\n')
    with stopped_journald(host):
        host.systemctl('start', '--no-block', i.unit)
        pid, = wait.until(lambda: host.processes(i.unit, 'system.slice/system-pycapa.slice'), 30,
                          f'a process of {i.unit}')
        wait.until(lambda: wchan(pid) in ('hrtimer_nanosleep', ''), 30, lambda: wchan(pid))
    wait.until(lambda: i.show('ActiveState') == 'failed', 10, lambda: i.show('ActiveState'))
    assert 'faulty1.cfg:1: ' in i.systemctl('status', check=False).stdout, i.story()


def test_refused_reload_has_native_fields_and_leaves_them_as_they_were(producer, link, topic):
    producer.configure(interface='nowhere0', kafka_topic='elsewhere')
    assert producer.reload(check=False).returncode != 0
    entry = producer.wait_message('Reload refused')
    has_native_fields(entry, producer, topic)
    assert entry['PRIORITY'] == '3'
    producer.stats()
    has_native_fields(producer.stats_entries()[-1], producer, topic)


def test_broker_killed_and_restarted_is_two_entries(outage_broker, instances, link):
    """The whole story of an outage: what is a warning or worse, or an event, and nothing else."""
    i = instances(link.name, outage_broker, outage_broker.topic()).start()
    i.wait_status('capturing')
    stream = traffic.start(link, 100000, 1000)
    i.wait_stats(lambda c: c['DELIVERED'] > 1000)
    outage_broker.kill()
    wait.until(lambda: i.entries(BROKER_LOST), 60, i.story)
    wait.elapse(3)
    outage_broker.start()
    wait.until(lambda: i.entries(BROKER_BACK), 60, i.story)
    sent = traffic.stop(stream)
    i.wait_stats(lambda c: c['DELIVERED'] == sent)
    told = [f'MESSAGE_ID={e.get("MESSAGE_ID")}' for e in i.own_entries()
            if int(e['PRIORITY']) <= 4 or 'MESSAGE_ID' in e]
    assert told == [BROKER_LOST, BROKER_BACK], i.story()


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
    traffic.send(link, 2500, 1000)
    before = len(i.stats_entries())
    wait.until(lambda: len(i.stats_entries()) >= max(before + 2, 5), 10, i.story)
    rates = [int(re.search(r'packets/s=(\d+)', e['MESSAGE']).group(1)) for e in i.stats_entries()]
    # The moments at which they were written: the journal may read them later.
    moments = [int(e['_SOURCE_REALTIME_TIMESTAMP']) / 1e6 for e in i.stats_entries()]
    spans = [after - before for before, after in zip(moments, moments[1:])]
    assert all(0.5 < span < 1.5 for span in spans), moments
    assert 0.9 < sum(spans) / len(spans) < 1.1, moments
    # Each rate is that of its own span: together they are what was sent, and at its end none is.
    assert rates[-1] == 0, rates
    counted = rates[0] + sum(rate * span for rate, span in zip(rates[1:], spans))
    assert 2200 < counted < 2800, (rates, spans)  # a line is counted and written at two moments


def test_the_round_trip_is_a_field_when_it_is_known(instances, link, broker, topic):
    i = instances(link.name, broker, topic.name,
                  kafka_config=['statistics.interval.ms=200']).start()
    i.wait_stats(lambda c: c.get('RTT_US', 0) > 0)
    entry = i.stats_entries()[-1]
    assert f' rtt_ms={int(entry["PYCAPA_RTT_US"]) / 1000:.1f} ' in entry['MESSAGE']
    i.reload(kafka_config=['statistics.interval.ms=0'])
    assert 'RTT_US' not in i.stats()
    assert ' rtt_ms=unknown ' in i.stats_entries()[-1]['MESSAGE']


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
    counts = i.wait_stats(lambda c: c['RECEIVED'] + c['DROPPED_KERNEL'] == 50000)
    assert counts['DROPPED_KERNEL'] > 0, counts
    drops, = i.entries('MESSAGE_ID=8651ddec04e547e39e3c4551478d3956')
    assert drops['PRIORITY'] == '4'
    text = host.run('journalctl', '-x', '--no-pager', '-u', i.unit).stdout
    assert f'Packets were dropped on {link.name}' in text


def test_every_event_has_a_catalog_entry_and_every_entry_an_event(host):
    """daemon/base/events.h and the catalog name the same ids; journalctl knows each."""
    with open(f'{daemon.TREE}/daemon/base/events.h') as f:
        ids = set(re.findall(r'"([0-9a-f]{32})"', f.read()))
    with open(f'{daemon.TREE}/systemd/pycapa.catalog') as f:
        assert set(re.findall(r'^-- ([0-9a-f]{32})$', f.read(), re.M)) == ids
    listed = host.run('journalctl', '--list-catalog', '--no-pager').stdout
    for number in ids:
        assert re.search(f'^{number} pycapa: ', listed, re.M), number


def test_log_level_error_is_silent_and_debug_is_not(producer, link):
    producer.reload(log_level='ERROR')
    producer.stays_silent(log_level='DEBUG', kafka_config=['debug=broker'])
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
    assert entry['PYCAPA_SKIPPED'] == '0' and ' lag=0 ' in entry['MESSAGE']
    assert entry['PYCAPA_LAG'] == '0'
    c.stop()
    out = host.run('cat', f'/var/lib/pycapa/{link.name}-out/out.pcap', text=False).stdout
    assert [p.data for p in captures.parse(out)[1]] == [r.value for r in topic.records()]


def wchans(instance):
    """Where in the kernel the threads of the main process wait."""
    return instance.host.shell(f'tail -qn +1 /proc/{instance.pid}/task/*/wchan').stdout


def test_a_journald_that_stands_still_costs_no_packet_and_no_signal(instances, link, broker, topic,
                                                                    host):
    i = instances(link.name, broker, topic.name, stats_interval='1ms').start()
    i.wait_status('capturing')
    i.remember()
    with stopped_journald(host):
        wait.until(lambda: 'unix_wait_for_peer' in wchans(i), 20, lambda: wchans(i))
        traffic.send(link, 2000, 5000)
        topic.wait_count(2000)
        assert numbers(topic) == list(range(2000))
        before = time.monotonic()
        host.systemctl('stop', i.unit)
        assert time.monotonic() - before < 10
    assert i.ended_well(), i.story()
