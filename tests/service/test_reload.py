# SPDX-License-Identifier: Apache-2.0
"""systemctl reload: synchronous, all or nothing, and without a packet lost."""
import re
import time
from collections import Counter

from harness import traffic, wait
from harness.witness import Topic
from host import Link
from outer import numbers, send

PPS = 20000

# One key changes with each reload; all of them let every packet through.
CHANGES = [
    {'filter': 'ip'}, {'snaplen': 2000}, {'buffer_size': '32M'}, {'promiscuous_mode': False},
    {'kafka_config': ['linger.ms=10']}, {'stats_interval': '10s'}, {'log_level': 'DEBUG'},
    {'buffer_timeout': '30ms'}, {'kafka_topic': 'OTHER'}, {'kafka_broker': 'TWICE'},
    {'partition': 'host'}, {'partition_inner': True}, {'own_traffic': True}, {'filter': 'udp'},
    {'spool_size': '20G'}, {'spool_segment': '32M'}, {'spool_sync': '2s'},
    {'snaplen': 65535}, {'log_level': 'INFO'}, {'promiscuous_mode': True},
    {'kafka_config': ['linger.ms=5', 'compression.type=lz4']}, {'shutdown_timeout': '20s'},
    {'filter': None},
]


def test_reloads_at_20000_pps_lose_nothing(producer, link, topic, broker):
    other = Topic(broker, broker.topic())
    named = {'OTHER': other.name, 'TWICE': f'{broker.outer},{broker.outer}'}
    pid, told = producer.pid, Counter()
    stream = traffic.start(link, 600 * PPS, PPS)
    try:
        producer.wait_stats(lambda c: c['RECEIVED'] > PPS)
        for n, change in enumerate(CHANGES):
            (key, value), = change.items()
            producer.reload(**{key: named.get(value, value) if isinstance(value, str) else value})
            name = key.replace('_', '-')
            # It returned after the apply: what changed is in the journal, with what it was, once
            # for each of its changes.
            told[name] += len(value) if isinstance(value, list) else 1
            told_now = fr'^reload: {name}[: ].* -> '
            wait.until(lambda: len(producer.messages(told_now)) >= told[name], 20, producer.story)
            assert len(producer.messages(told_now)) == told[name], producer.story()
            # The next one comes under traffic that this one has seen.
            before = producer.stats()['RECEIVED']
            producer.wait_stats(lambda c: c['RECEIVED'] > before + PPS // 10)
            assert stream.running(), f'the traffic ended before reload {n}'
        sent = traffic.stop(stream)
    finally:
        stream.kill()
    counts = producer.wait_stats(lambda c: c['DELIVERED'] >= sent, 60)
    assert counts['DROPPED_KERNEL'] == counts['FAILED'] == 0, counts
    assert producer.pid == pid
    assert counts['RECEIVED'] == sent, counts
    assert other.count() > 0 and topic.count() > 0
    got = numbers(topic) + numbers(other)
    assert set(got) == set(range(sent))
    # On a busy machine the old client has not sent all when a reload takes back the rest. What was
    # half sent then may be there, and is counted.
    assert len(got) - sent <= counts['DOUBLED'], counts


def test_reload_to_another_interface(producer, link, topic, host, name):
    second = Link(host, f'{name}b')
    try:
        send(link, 200, 2000)
        producer.reload(interface=second.name)
        producer.wait_status(f'capturing on {second.name}')
        send(second, 200, 2000, first=200)
        send(link, 200, 2000, first=1000)
        topic.wait_count(400)
        assert producer.wait_stats(lambda c: c['DELIVERED'] == 400)
        assert numbers(topic) == list(range(400))
        # Every entry from now on names the new one.
        assert producer.stats_entries()[-1]['PYCAPA_INTERFACE'] == second.name
    finally:
        second.remove()


def all_up_to(topic, last):
    """The numbers in the topic, once `last` is among them."""
    got = numbers(topic)
    return got if got and got[-1] == last else None


def test_another_interface_under_traffic_on_both(producer, link, topic, host, name):
    """Each gives one stretch without a gap: up to the change, and from then on."""
    second = Link(host, f'{name}b')
    streams = [traffic.start(link, 50000, 5000), traffic.start(second, 50000, 5000, first=100000)]
    try:
        producer.wait_stats(lambda c: c['RECEIVED'] > 5000)
        producer.reload(interface=second.name)
        before = producer.stats()['RECEIVED']
        counts = producer.wait_stats(lambda c: c['RECEIVED'] > before + 5000)
        assert all(stream.running() for stream in streams), 'the traffic ended before the reload'
        for stream in streams:
            assert stream.wait(60) == 0
        got = wait.until(lambda: all_up_to(topic, 149999), 60, 'the last number in Kafka')
        counts = producer.wait_stats(lambda c: c['DELIVERED'] >= len(got))
        assert len(got) == counts['RECEIVED'] == counts['DELIVERED']
        old, new = [n for n in got if n < 100000], [n for n in got if n >= 100000]
        assert old == list(range(len(old))) and 5000 < len(old) < 50000
        assert new == list(range(150000 - len(new), 150000)) and 5000 < len(new) < 50000
    finally:
        for stream in streams:
            stream.kill()
        second.remove()


def test_reloaded_filter_filters(producer, link, topic):
    producer.reload(filter='udp src port 5003')
    send(link, 800, 2000, flows=8)
    topic.wait_count(100)
    assert producer.stats()['RECEIVED'] == 100
    assert numbers(topic) == list(range(3, 800, 8))
    producer.reload(filter=None)
    send(link, 80, 2000, first=800)
    topic.wait_count(180)


def test_reloaded_topic_takes_what_comes_from_then_on(producer, link, topic, broker):
    other = Topic(broker, broker.topic())
    send(link, 100, 1000)
    producer.wait_stats(lambda c: c['RECEIVED'] == 100)
    producer.reload(kafka_topic=other.name)
    send(link, 100, 1000, first=100)
    other.wait_count(100)
    assert numbers(topic) == list(range(100)) and numbers(other) == list(range(100, 200))
    producer.stats()
    assert producer.stats_entries()[-1]['PYCAPA_TOPIC'] == other.name


def test_reloaded_broker_takes_what_comes_from_then_on(producer, link, topic, outage_broker):
    other = Topic(outage_broker, outage_broker.topic(name=topic.name))
    send(link, 100, 1000)
    topic.wait_count(100)
    producer.reload(kafka_broker=outage_broker.outer)
    send(link, 100, 1000, first=100)
    other.wait_count(100)
    assert numbers(topic) == list(range(100)) and numbers(other) == list(range(100, 200))


def test_reloaded_stats_interval_ticks(producer):
    before = len(producer.stats_entries())
    producer.reload(stats_interval='1s')
    wait.until(lambda: len(producer.stats_entries()) >= before + 3, 10, producer.story)


def test_reloaded_log_level_shows(producer, link):
    producer.reload(kafka_config=['debug=broker,msg'])
    send(link, 10, 1000)
    producer.wait_stats(lambda c: c['DELIVERED'] == 10)
    assert not producer.own_entries('PRIORITY=7')
    producer.reload(log_level='DEBUG')
    send(link, 10, 1000)
    wait.until(lambda: producer.own_entries('PRIORITY=7'), 10, producer.story)
    producer.reload(log_level='WARN')
    producer.stays_silent(log_level='INFO')


def test_reloaded_promiscuous_mode_shows_at_the_interface(producer, link, host):
    def promiscuity():
        shown = host.run('ip', '-details', 'link', 'show', link.name).stdout
        return int(re.search(r'promiscuity (\d+)', shown).group(1))
    wait.until(lambda: promiscuity() == 1, 20, promiscuity)
    producer.reload(promiscuous_mode=False)
    wait.until(lambda: promiscuity() == 0, 20, promiscuity)


def test_reloaded_buffer_shows_at_the_socket(producer, host):
    """By the account of ss: the blocks of the ring, and the time after which one is retired."""
    def ring():
        lines = host.run('ss', '--packet', '--extended').stdout.splitlines()
        found = [re.findall(r'(blk_size|blk_nr|tmo):(\d+)', line)
                 for line in lines if 'ring_rx' in line]
        return [{name: int(value) for name, value in pairs} for pairs in found]
    first, = ring()
    assert first['blk_size'] * first['blk_nr'] == 64 << 20 and first['tmo'] == 20, first
    producer.reload(buffer_size='16M', buffer_timeout='50ms')
    wait.until(lambda: len(ring()) == 1, 20, ring)
    second, = ring()
    assert second['blk_size'] * second['blk_nr'] == 16 << 20 and second['tmo'] == 50, second


def test_reloaded_shutdown_timeout_is_the_deadline(instances, link):
    i = instances(link.name, None, 'pcap', kafka_broker='127.0.0.1:9', shutdown_timeout='40s',
                  spool_directory='').start()
    i.wait_status('capturing')
    send(link, 100, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 100)
    i.reload(shutdown_timeout='1s')
    start = time.monotonic()
    i.systemctl('stop', check=False)
    assert time.monotonic() - start < 10
    assert i.show('ExecMainStatus') == '1', i.story()


def test_reloaded_spool_size_is_the_limit(instances, link):
    i = instances(link.name, None, 'pcap', kafka_broker='127.0.0.1:9', spool_segment='1M',
                  shutdown_timeout='1s', buffer_size='2M',
                  kafka_config=['queue.buffering.max.messages=1000']).start()
    i.wait_status('capturing')
    stream = traffic.start(link, 20000, 2000, size=1000)
    before = i.wait_stats(lambda c: c['SPOOLED'] > 2000)
    assert before['DROPPED'] == 0, before
    # Less than it holds already: nothing more goes in, and nothing that is in it is dropped.
    i.reload(spool_size='1M')
    full = i.wait_stats(lambda c: c['DROPPED_KERNEL'] > 0)
    counts = i.wait_stats(lambda c: c['DROPPED_KERNEL'] > 1000)
    held, first, last = (c['SPOOLED'] + c['BUFFERED'] for c in (before, full, counts))
    assert stream.running() and held <= first == last, (before, full, counts)
    assert counts['DROPPED'] == 0, counts
    stream.kill()


def refused(producer, pattern):
    """A reload that must fail: non-zero, with the reason in journal and with its catalog entry."""
    pid = producer.pid
    done = producer.reload(check=False)
    assert done.returncode != 0, 'the reload was taken'
    entry = producer.wait_message(pattern)
    assert entry['PRIORITY'] == '3'
    assert entry['MESSAGE_ID'] == '76911193443c4ebb8b8da679fec874f9'
    # The reason is where systemctl sends the operator.
    assert re.search(pattern, producer.systemctl('status', check=False).stdout)
    assert producer.pid == pid and producer.show('ActiveState') == 'active'


def still_captures(producer, link, topic, first):
    before = topic.count()
    send(link, 100, 1000, first=first)
    topic.wait_count(before + 100)


def test_broken_file_is_refused_and_the_capture_goes_on(producer, link, topic):
    producer.write('snaplen = ;\n')
    refused(producer, r'Reload refused.*\.cfg:1: ')
    still_captures(producer, link, topic, 0)


def test_wrong_value_is_refused_with_its_line(producer, link, topic):
    producer.configure(snaplen=5000000)
    refused(producer, r'Reload refused.*\.cfg:\d+: .*snaplen')
    still_captures(producer, link, topic, 0)


def test_missing_interface_is_refused_and_the_capture_goes_on(producer, link, topic):
    producer.configure(interface='nowhere0')
    refused(producer, r'Reload refused.*nowhere0')
    still_captures(producer, link, topic, 0)
    producer.wait_status(f'capturing on {link.name}')


def test_filter_that_does_not_compile_is_refused(producer, link, topic):
    producer.configure(filter='port of call')
    refused(producer, r'Reload refused.*\.cfg:\d+: .*filter .port of call.')
    still_captures(producer, link, topic, 0)


def test_bad_kafka_property_is_refused(producer, link, topic):
    producer.configure(kafka_config=['linger.ms=often'])
    refused(producer, r'Reload refused.*linger\.ms')
    still_captures(producer, link, topic, 0)


def test_after_a_refused_reload_a_good_one_applies(producer, link, topic):
    producer.configure(snaplen='x')
    refused(producer, r'Reload refused')
    producer.reload(snaplen=100)
    assert producer.messages('^reload: snaplen: 65535 -> 100$')
    send(link, 10, 1000, size=500)
    topic.wait_count(10)
    assert {len(r.value) for r in topic.records()} == {100}


def test_key_that_needs_a_restart_is_refused_and_nothing_applied(producer, link, topic):
    producer.configure(spool_directory='/var/lib/pycapa/elsewhere', snaplen=100)
    refused(producer, r'Reload refused.*spool-directory: \S+ -> /var/lib/pycapa/elsewhere needs a '
            'restart')
    assert not producer.messages('^reload: snaplen')
    send(link, 10, 1000, size=500)
    topic.wait_count(10)
    assert {len(r.value) for r in topic.records()} == {500}


def test_every_fault_is_shown_to_whoever_reloads(producer, host):
    producer.write('snaplen = "x";\n\nbuffer-size = 1;\n')
    done = host.run('pycapa', '--reload', producer.name, check=False)
    assert done.returncode == 1
    assert re.findall(r'\.cfg:(\d+): (\S+)', done.stderr) == [('1', 'snaplen'),
                                                             ('3', 'buffer-size:')], done.stderr


def test_reload_of_an_unchanged_file_changes_nothing(producer, link, topic):
    producer.reload()
    assert not producer.messages('^reload: ')
    still_captures(producer, link, topic, 0)


def test_secrets_are_masked_in_what_a_reload_logs(producer):
    producer.reload(kafka_config=['sasl.username=someone', 'sasl.password=top-secret-marker'])
    assert producer.messages('^reload: kafka-config')
    assert 'top-secret-marker' not in producer.story()


def test_sighup_reloads_too(producer, link, topic):
    producer.configure(snaplen=90)
    producer.kill('SIGHUP')
    producer.wait_message('^reload: snaplen: 65535 -> 90$')
    wait.until(lambda: producer.show('SubState') == 'running', 10, 'running again')
    still_captures(producer, link, topic, 0)


def test_reload_of_an_instance_that_does_not_run_fails(host):
    done = host.run('pycapa', '--reload', 'nobody0', check=False)
    assert done.returncode == 1
    assert 'no running instance' in done.stderr
