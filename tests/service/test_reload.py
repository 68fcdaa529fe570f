# SPDX-License-Identifier: Apache-2.0
"""systemctl reload: synchronous, all or nothing, and without a packet lost or doubled."""
import re

from harness import traffic, wait
from harness.witness import Topic
from host import Link
from outer import numbers, send

PPS = 20000
COUNT = 25 * PPS

# One key changes with each reload; all of them let every packet through.
CHANGES = [
    {'filter': 'ip'}, {'snaplen': 2000}, {'buffer_size': '32M'}, {'promiscuous_mode': False},
    {'kafka_config': ['linger.ms=10']}, {'stats_interval': '10s'}, {'log_level': 'DEBUG'},
    {'buffer_timeout': '30ms'}, {'kafka_topic': 'OTHER'}, {'kafka_broker': 'TWICE'},
    {'partition': 'host'}, {'partition_inner': True}, {'own_traffic': True}, {'filter': 'udp'},
    {'snaplen': 65535}, {'log_level': 'INFO'}, {'promiscuous_mode': True},
    {'kafka_config': ['linger.ms=5', 'compression.type=lz4']}, {'shutdown_timeout': '20s'},
    {'filter': None},
]


def test_20_reloads_at_20000_pps_lose_and_double_nothing(producer, link, topic, broker):
    other = Topic(broker, broker.topic())
    named = {'OTHER': other.name, 'TWICE': f'{broker.outer},{broker.outer}'}
    pid = producer.pid
    stream = traffic.start(link, COUNT, PPS)
    try:
        producer.wait_stats(lambda c: c['RECEIVED'] > PPS)
        for n, change in enumerate(CHANGES):
            (key, value), = change.items()
            producer.reload(**{key: named.get(value, value) if isinstance(value, str) else value})
            name = key.replace('_', '-')
            # It returned after the apply: what changed is in the journal, with what it was.
            assert producer.messages(fr'^reload: {name}.* -> '), name + producer.story()
            # The next one comes under traffic that this one has seen.
            before = producer.stats()['RECEIVED']
            producer.wait_stats(lambda c: c['RECEIVED'] > before + PPS // 10)
            assert stream.running(), f'the traffic ended before reload {n}'
        assert stream.wait(120) == 0
    finally:
        stream.kill()
    counts = producer.wait_stats(lambda c: c['DELIVERED'] >= COUNT, 60)
    assert counts['DROPPED_KERNEL'] == counts['DOUBLED'] == counts['FAILED'] == 0, counts
    assert producer.pid == pid
    assert counts['RECEIVED'] == COUNT, counts
    assert other.count() > 0 and topic.count() > 0
    assert sorted(numbers(topic) + numbers(other)) == list(range(COUNT))


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
    refused(producer, r'Reload refused.*filter|Reload refused.*port of call')
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


def test_key_that_needs_a_restart_is_named_in_a_warning(producer, link, topic):
    producer.reload(spool_directory='$STATE_DIRECTORY')
    entry = producer.wait_message(r'spool-directory.*restart')
    assert entry['PRIORITY'] == '4'
    still_captures(producer, link, topic, 0)


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
