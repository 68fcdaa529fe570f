# SPDX-License-Identifier: Apache-2.0
"""A recorder's program, in the sandbox of the service."""
import gzip

from harness import captures, wait


def test_a_program_is_run_on_each_file(instances, broker, topic, name, host):
    directory = f'/var/lib/pycapa/{name}'
    topic.produce(captures.sample(25, size=100))
    recorder = instances(name, broker, topic.name, mode='consumer', kafka_offset='begin',
                         write_file=f'{directory}/a.pcap', ring_buffer='packets:10',
                         postrotate='gzip').start()

    def made():
        names = host.run('ls', directory).stdout.split()
        return len(names) == 2 and all(n.endswith('.gz') for n in names)
    wait.until(made, 20, recorder.story)
    # The last file has its turn before the end.
    assert recorder.stop().ended_well(), recorder.story()
    names = host.run('ls', directory).stdout.split()
    assert [n[:7] for n in names] == ['a_00001', 'a_00002', 'a_00003'], names
    assert all(n.endswith('.gz') for n in names), (names, recorder.story())
    found = [captures.parse(gzip.decompress(host.run('cat', f'{directory}/{n}', text=False).stdout))
             for n in names]
    assert [len(packets) for _, packets in found] == [10, 10, 5]
    assert not recorder.messages('exit status|killed|cannot run'), recorder.story()
