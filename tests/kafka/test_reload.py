# SPDX-License-Identifier: Apache-2.0
"""A reload (SIGHUP with a file) of what is not a live capture: a consumer, a replay."""
import os
import signal
import threading

import pytest

from harness import captures, wait

pytestmark = pytest.mark.library

COUNT = 6000
RELOADED = '^INFO:root:Reloaded '
BUSY = 'the last reload is still being applied'


class Stream:
    """Packets into a topic at a steady pace, by a client that is not ours, until it is ended."""

    def __init__(self, topic, packets):
        self.topic, self.packets, self.sent = topic, packets, 0
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for at in range(0, len(self.packets), 50):
                self.topic.produce(self.packets[at:at + 50])
                self.sent = at + 50
        except AssertionError as e:
            self.failure = e

    def wait_more(self, count):
        """Waits until so many more packets are in the topic."""
        upto = self.sent + count
        wait.until(lambda: self.sent >= upto, 30, f'{count} more packets, {self.failure}')


def write(path, topic, **settings):
    lines = {'mode': '"consumer"', 'kafka_broker': f'"{topic.broker.bootstrap}"',
             'kafka_topic': f'"{topic.name}"', **settings}
    path.write_text(''.join(f'{k.replace("_", "-")} = {v};\n' for k, v in lines.items()))


def reload(process):
    """Sends SIGHUP until it is taken: the client before the last may still be closing."""
    wanted = len(process.grep(RELOADED)) + 1

    def taken():
        seen = len(process.grep(f'{RELOADED}|Reload refused'))
        process.send_signal(signal.SIGHUP)
        wait.until(lambda: len(process.grep(f'{RELOADED}|Reload refused')) > seen, 20,
                   process.describe)
        assert len(process.grep('Reload refused')) == len(process.grep(BUSY)), process.describe()
        return len(process.grep(RELOADED)) == wanted
    wait.until(taken, 30, process.describe)


def numbers(blob):
    return [captures.sequence(p.data) for p in captures.parse(blob)[1]]


@pytest.mark.parametrize('offset', ['begin', 'stored'])
def test_a_consumer_takes_each_packet_once_across_new_clients(make_topic, spawn, tmp_path, offset):
    topic = make_topic(3)
    file, packets = tmp_path / 'out.cfg', captures.sample(COUNT, size=80)
    group = f'"group.id=group-{topic.name}"'
    settings = {'kafka_offset': f'"{offset}"', 'stats_interval': '0'}
    write(file, topic, **settings, kafka_config=f'({group})')
    process = spawn('-C', file)
    process.wait_stdout(24)
    stream = Stream(topic, packets)
    # A property, the brokers' list, a property that goes and one that comes.
    for change in ({'kafka_config': f'({group}, "fetch.wait.max.ms=50")'},
                   {'kafka_broker': f'"{topic.broker.bootstrap},{topic.broker.bootstrap}"'},
                   {'kafka_config': f'({group}, "queued.min.messages=1000")'}):
        before = os.path.getsize(process.stdout_path)
        stream.wait_more(300)
        process.wait_stdout(before + 1, timeout=60)
        settings.update(change)
        write(file, topic, **{'kafka_config': f'({group})', **settings})
        reload(process)
        assert stream.thread.is_alive(), 'the traffic ended before the reload'
    stream.thread.join(60)
    assert not stream.failure and stream.sent == COUNT
    process.wait_stdout(24 + COUNT * 96, timeout=60)
    assert process.stop() == 0, process.describe()
    assert process.counts() == (COUNT, COUNT)
    assert sorted(numbers(process.stdout)) == list(range(COUNT))
    for name in ('kafka-config fetch.wait.max.ms', 'kafka-broker',
                 'kafka-config queued.min.messages'):
        assert process.grep(f'^INFO:root:reload: {name}: .* -> '), process.describe()
    if offset == 'stored':
        ends = {p: high for p, (_, high) in topic.watermarks().items()}
        assert topic.group_offsets(f'group-{topic.name}', [0, 1, 2]) == ends


def test_a_consumer_that_gets_another_topic_goes_on_there(make_topic, spawn, tmp_path):
    first, second = make_topic(), make_topic()
    sample = captures.sample(200, size=80)
    first.produce(sample[:100])
    second.produce(sample[100:])
    file = tmp_path / 'out.cfg'
    write(file, first, kafka_offset='"begin"')
    process = spawn('-C', file)
    process.wait_stdout(24 + 100 * 96)
    write(file, second, kafka_offset='"begin"')
    reload(process)
    process.wait_stdout(24 + 200 * 96)
    assert process.stop() == 0, process.describe()
    assert numbers(process.stdout) == list(range(200))


def test_a_replay_refuses_what_a_reload_cannot_change(topic, spawn, tmp_path):
    """All that cannot change is named, and nothing of the rest is applied."""
    fifo, file = tmp_path / 'in.pcap', tmp_path / 'in.cfg'
    os.mkfifo(fifo)

    def configure(**more):
        write(file, topic, mode='"producer"', read_file=f'"{fifo}"', **more)
    configure()
    process = spawn('-C', file)
    with open(fifo, 'wb') as f:
        f.write(captures.header())
        f.flush()
        process.wait_capturing()
        configure(filter='"icmp"', spool_directory=f'"{tmp_path}/spool"', max_packets='20')
        process.send_signal(signal.SIGHUP)
        process.wait_line('^ERROR:root:Reload refused, the old settings stay: spool-directory: '
                          r'.* needs a restart \(and more, above\)')
        for change in (r'filter: \(unset\) -> icmp', rf'spool-directory: \(unset\) -> {tmp_path}/spool'):
            assert process.grep(f'^ERROR:root:reload: {change} needs a restart'), (
                process.describe())
        assert not process.grep('^INFO:root:reload: ') and not process.grep(RELOADED)
        configure(max_packets='20')
        process.send_signal(signal.SIGHUP)
        process.wait_line('^INFO:root:reload: max-packets: 0 -> 20')
        # More than the new limit, none of it ICMP.
        path = captures.write(tmp_path / 'all.pcap', captures.sample(30, size=200))
        with open(path, 'rb') as whole:
            f.write(whole.read()[24:])
    assert process.wait(30) == 0, process.describe()
    assert process.counts() == (20, 20), process.describe()
    assert [captures.sequence(r.value) for r in topic.records()] == list(range(20))
    assert not (tmp_path / 'spool').exists()


def test_a_reload_warns_as_a_start_does(topic, spawn, tmp_path):
    file = tmp_path / 'out.cfg'
    write(file, topic)
    file.chmod(0o644)
    process = spawn('-C', file)
    process.wait_stdout(24)
    assert not process.grep('^WARNING')
    write(file, topic, kafka_config='("sasl.password=secret")')
    reload(process)
    assert process.grep('^WARNING:root:.*holds a secret.*chmod'), process.describe()
    assert process.stop() == 0
