# SPDX-License-Identifier: Apache-2.0
"""What tests/bench/figures measures: one function a figure."""
import os
import re
import select
import signal
import struct
import subprocess
import time

from harness import captures, traffic, wait
from harness.daemon import BINARY, BUILD, Pycapa, environment
from harness.proc import Process, run
from harness.witness import Topic

PARTITIONS = 4
FLOWS = 8
# What pycapa sets (see `pycapa -p -X dump`), so that the bare programs run with the same.
PRODUCER = ['client.id=bench', 'enable.idempotence=true', 'message.timeout.ms=0',
            'queue.buffering.max.messages=131072', 'queue.buffering.max.kbytes=98304',
            'linger.ms=5', 'socket.keepalive.enable=true']
CONSUMER = ['group.id=bench', 'fetch.wait.max.ms=100', 'queued.max.messages.kbytes=65536']


class Bench:
    def __init__(self, broker, pair, directory, runs, add):
        self.broker, self.pair, self.directory = broker, pair, directory
        self.runs, self.add = runs, add

    def topic(self):
        return self.broker.topic(PARTITIONS)

    def bare(self, name):
        return os.path.join(BUILD, 'tests/bench', name)

    def producer_argv(self, kind, topic, count, *more):
        """The command line of a producer of `count` packets: bare, or a way of partitioning."""
        if kind == 'bare':
            return [self.bare('bare_producer'), self.pair.inside, self.broker.bootstrap, topic,
                    count, FLOWS, PARTITIONS, *PRODUCER]
        return [BINARY, '-p', '-i', self.pair.inside, '-k', self.broker.bootstrap, '-t', topic,
                '-m', count, '--partition', kind, *more]

    def start_producer(self, argv):
        if argv[0] == BINARY:
            p = Pycapa(*argv[1:], directory=self.directory)
        else:
            p = Process(argv, env=environment(), directory=self.directory)
        p.wait_line('^ready$|Starting packet capture', 30)
        return p


def scheduled(pid):
    """Seconds of CPU that the threads of a process had so far, to the nanosecond."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/schedstat') as f:
            total += int(f.read().split()[0])
    return total / 1e9


def switches(pid):
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status') as f:
            total += int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', f.read(), re.M).group(1))
    return total


def finish(process, timeout=120):
    """Waits for the end; the CPU seconds of its whole life, from the kernel."""
    deadline = time.monotonic() + timeout
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            raise AssertionError(f'still running\n{process.describe()}')
        wait.elapse(0.02)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    assert process.popen.returncode == 0, process.describe()
    return usage.ru_utime + usage.ru_stime


def produce_once(bench, kind, count, pps, size):
    """CPU microseconds a packet, without the start of the program."""
    topic = bench.topic()
    process = bench.start_producer(bench.producer_argv(kind, topic, count))
    # At full speed more is sent than anyone can take: it is the packets taken that count.
    generator = traffic.start(bench.pair, count if pps else count * 50, pps, size, FLOWS)
    try:
        before = scheduled(process.pid)
        cpu = finish(process) - before
    finally:
        generator.kill()
        process.kill()
    bench.broker.delete_topic(topic)
    return cpu * 1e6 / count


def producer(bench):
    for size in (64, 385, 1500):
        for pps in (20000, 0):
            count = 60000 if pps else 400000
            us = {'bare': [], 'flow': [], 'random': []}
            for _ in range(bench.runs):
                for kind in us:
                    us[kind].append(produce_once(bench, kind, count, pps, size))
            where = f'{size} bytes, ' + (f'{pps}/s' if pps else 'full speed')
            bench.add(f'bare producer, {where}', us['bare'], 'us/packet')
            for kind, bar in (('flow', 1.10), ('random', 1.0)):
                bench.add(f'producer, {kind} / bare, {where}',
                          [a / b for a, b in zip(us[kind], us['bare'])], bar=bar)


def callgrind(bench, kind, count):
    """Instructions of a run, and the share of the functions that find the flow."""
    topic = bench.topic()
    out = os.path.join(bench.directory, f'callgrind-{kind}-{count}')
    process = bench.start_producer(['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}',
                                    *bench.producer_argv(kind, topic, count)])
    generator = traffic.start(bench.pair, count, 4000, 385, FLOWS)
    try:
        finish(process, 300)
    finally:
        generator.kill()
        process.kill()
    bench.broker.delete_topic(topic)
    text = run('callgrind_annotate', '--inclusive=yes', '--threshold=100', out).stdout
    total = int(re.search(r'([\d,]+) \(100.0%\)  PROGRAM TOTALS', text).group(1).replace(',', ''))
    share = sum(int(n.replace(',', '')) for n in re.findall(
        r'^\s*([\d,]+) \([^)]*\)\s+\S*:(?:flow_hash|dissect_tcp) \[', text, re.M))
    return total, share


def instructions(bench):
    """From runs of two lengths, so that the start of the programs cancels out."""
    per = {}
    for kind in ('bare', 'flow', 'random'):
        short, long = callgrind(bench, kind, 4000), callgrind(bench, kind, 24000)
        per[kind] = [(b - a) / 20000 for a, b in zip(short, long)]
    bench.add('instructions, bare producer', [per['bare'][0]], 'a packet')
    bench.add('instructions, flow / bare', [per['flow'][0] / per['bare'][0]], bar=1.10)
    bench.add('instructions, random / bare', [per['random'][0] / per['bare'][0]], bar=1.0)
    bench.add('dissection and hash / all instructions', [per['flow'][1] / per['flow'][0]],
              bar=0.05)


def loop_once(bench, count, size=385):
    topic = bench.topic()
    out = run(bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, size, PARTITIONS,
              *PRODUCER, timeout=120).stdout
    bench.broker.delete_topic(topic)
    return count * 1e6 / int(re.search(r'us=(\d+)', out).group(1))


def loop(bench):
    us, cpu = [], []
    for _ in range(bench.runs):
        topic = bench.topic()
        p = Process([bench.bare('produce_loop'), bench.broker.bootstrap, topic, 500000, 385,
                     PARTITIONS, *PRODUCER], directory=bench.directory)
        us.append(finish(p) * 1e6 / 500000)
        bench.broker.delete_topic(topic)
        cpu.append(produce_once(bench, 'flow', 400000, 0, 385))
    bench.add('produce loop without capture', us, 'us/packet')
    bench.add('producer, flow / produce loop', [a / b for a, b in zip(cpu, us)])


def consumer(bench):
    count = 500000
    topic = bench.topic()
    run(bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, 385, PARTITIONS,
        *PRODUCER, timeout=120)
    ours, bare = [], []
    for _ in range(bench.runs):
        p = Process([BINARY, '-c', '-e', '-k', bench.broker.bootstrap, '-t', topic, '-w',
                     '/dev/null'], env=environment(), directory=bench.directory)
        ours.append(finish(p) * 1e6 / count)
        p = Process([bench.bare('bare_consumer'), bench.broker.bootstrap, topic, PARTITIONS,
                     '/dev/null', *CONSUMER], directory=bench.directory)
        bare.append(finish(p) * 1e6 / count)
        assert f'packets={count}'.encode() in p.stdout, p.describe()
    bench.broker.delete_topic(topic)
    bench.add('bare consumer', bare, 'us/packet')
    bench.add('consumer / bare', [a / b for a, b in zip(ours, bare)], bar=1.15)


def replayed(bench, pps, count=400000):
    path = os.path.join(bench.directory, 'replay.pcap')
    if not os.path.exists(path):
        captures.write(path, captures.sample(20000, size=385))
    speed = [f'--pps={pps}'] if pps else ['--topspeed']
    start = time.monotonic()
    bench.pair.run('tcpreplay', '--preload-pcap', *speed, f'--loop={count // 20000}', '-i',
                   bench.pair.outside, path, timeout=120)
    return count / (time.monotonic() - start)


def lost_by_pycapa(bench, pps):
    topic = bench.topic()
    p = bench.start_producer([BINARY, '-p', '-i', bench.pair.inside, '-k', bench.broker.bootstrap,
                              '-t', topic, '--stats-interval', '0'])
    rate = replayed(bench, pps)
    assert p.stop() == 0, p.describe()
    got = int(re.search(r"'(\d+)' packet\(s\) in, '(\d+)' packet", p.stderr).group(2))
    bench.broker.delete_topic(topic)
    return 400000 - got, rate


def lost_by_tcpdump(bench, pps):
    p = Process(['tcpdump', '-i', bench.pair.inside, '-n', '-B', '65536', '-w',
                 '/dev/shm/pycapa-bench.pcap'], directory=bench.directory)
    try:
        p.wait_line('listening on', 30)
        rate = replayed(bench, pps)
        wait.elapse(1)  # packets wait in the kernel until their block is retired
        p.stop()
        dropped = int(re.search(r'(\d+) packets dropped by kernel', p.stderr).group(1))
    finally:
        p.kill()
        os.unlink('/dev/shm/pycapa-bench.pcap')
    return dropped, rate


def capture_rate(bench):
    """The highest of some rates at which nothing is lost, for both."""
    best = {}
    for name, lost in (('pycapa', lost_by_pycapa), ('tcpdump', lost_by_tcpdump)):
        best[name] = []
        for _ in range(bench.runs):
            for pps in (0, 200000, 160000, 120000, 90000, 60000):
                missing, rate = lost(bench, pps)
                if name == 'pycapa' and pps == 0:
                    best.setdefault('full', []).append(missing)
                if not missing:
                    best[name].append(rate)
                    break
    bench.add('packets lost of 400000 at full speed', best['full'], bar=0)
    bench.add('rate without loss', best['pycapa'], 'packets/s')
    bench.add('rate without loss / tcpdump',
              [a / b for a, b in zip(best['pycapa'], best['tcpdump'])], bar=0.8, less=False)


def read_latencies(process, seconds):
    """Arrival minus capture time, ms, of each packet on the consumer's stdout."""
    fd, buf, out = process.popen.stdout.fileno(), b'', []
    end, head = time.monotonic() + seconds, True
    first = None
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        buf += os.read(fd, 1 << 20)
        now = time.time()
        if head and len(buf) >= 24:
            buf, head = buf[24:], False
        while not head and len(buf) >= 16:
            sec, usec, caplen, _ = struct.unpack_from('=IIII', buf)
            if len(buf) < 16 + caplen:
                break
            buf = buf[16 + caplen:]
            first = first or now
            if now - first > 1:
                out.append((now - sec - usec / 1e6) * 1000)
    return sorted(out)


def latency(bench):
    for retire in (20, 4):
        p50, p99 = [], []
        for _ in range(bench.runs):
            topic = bench.topic()
            p = bench.start_producer(bench.producer_argv('flow', topic, 0, '--buffer-timeout',
                                                         f'{retire}ms'))
            c = Process([BINARY, '-c', '-k', bench.broker.bootstrap, '-t', topic, '-o', 'begin'],
                        env=environment(), directory=bench.directory, stdout=subprocess.PIPE)
            generator = traffic.start(bench.pair, 6000, 1000, 385, FLOWS)
            got = read_latencies(c, 7)
            p50.append(got[len(got) // 2])
            p99.append(got[len(got) * 99 // 100])
            for process in (generator, p, c):
                process.kill()
            c.popen.stdout.close()
            bench.broker.delete_topic(topic)
        bench.add(f'latency p50, retire time {retire} ms', p50, 'ms')
        bench.add(f'latency p99, retire time {retire} ms', p99, 'ms', bar=2 * retire + 5 + 10)


def idle(bench):
    rates = {'bare': [], 'flow': []}
    for _ in range(bench.runs):
        for kind in rates:
            topic = bench.topic()
            p = bench.start_producer(bench.producer_argv(kind, topic, 1001))
            # One batch, so that it is connected.
            traffic.send(bench.pair, 1000, 0, 385, FLOWS)
            wait.until(lambda: Topic(bench.broker, topic).count() == 1000, 20, '1000 records')
            wait.elapse(2)
            before = switches(p.pid)
            wait.elapse(5)
            rates[kind].append((switches(p.pid) - before) / 5)
            p.kill()
            bench.broker.delete_topic(topic)
    bench.add('idle, bare producer', rates['bare'], 'voluntary switches/s')
    bench.add('idle, pycapa', rates['flow'], 'voluntary switches/s', bar=5)


def memory(bench):
    """The broker stands still while packets come at full speed."""
    topic = bench.topic()
    p = bench.start_producer(bench.producer_argv('flow', topic, 0))
    generator = traffic.start(bench.pair, 50000000, 0, 385, FLOWS)
    wait.elapse(1)
    bench.broker.pause()
    wait.elapse(6)
    with open(f'/proc/{p.pid}/status') as f:
        peak = int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1)) / 1024
    generator.kill()
    p.kill()
    bench.broker.resume()
    bench.broker.delete_topic(topic)
    bench.add('memory in overload', [peak], 'MiB', bar=400)


def replay_rate(process):
    """Packets delivered a second, from the first to the last look that saw more of them."""
    seen = []
    while process.running():
        process.send_signal(signal.SIGUSR1)
        wait.elapse(0.05)
        delivered = process.account()['delivered']
        if delivered and (not seen or delivered > seen[-1][1]):
            seen.append((time.monotonic(), delivered))
    (t0, d0), (t1, d1) = seen[0], seen[-1]
    return (d1 - d0) / (t1 - t0)


def spool(bench):
    """An outage under full speed, and how fast what was spooled is sent after it."""
    ratios, taken, lost = [], [], []
    count = 1000000
    for _ in range(bench.runs):
        topic = bench.topic()
        directory = os.path.join(bench.directory, 'spool-' + topic)
        p = bench.start_producer([BINARY, '-p', '-i', bench.pair.inside, '-k',
                                  bench.broker.bootstrap, '-t', topic, '--spool-directory',
                                  directory, '-m', count])
        bench.broker.pause()
        start = time.monotonic()
        traffic.send(bench.pair, count, 0, 385, FLOWS)
        taken.append(count / (time.monotonic() - start))
        stats = wait.until(lambda: full_stats(p, count), 60, 'all packets received')
        lost.append(count - stats['received'])
        bench.broker.resume()
        rate = replay_rate(p)
        # The run has its packets, so it ends by itself once all of them are delivered.
        assert p.wait(60) == 0, p.describe()
        assert Topic(bench.broker, topic).count() == count
        bench.broker.delete_topic(topic)
        ratios.append(rate / loop_once(bench, 500000))
    bench.add('spool: full-speed rate', taken, 'packets/s')
    bench.add('spool: packets lost of 1000000', lost, bar=0)
    bench.add('spool: replay / produce loop', ratios, bar=0.8, less=False)


def full_stats(process, count):
    stats = process.stats()
    return stats if stats['received'] >= count else None


FIGURES = {'producer': producer, 'instructions': instructions, 'loop': loop, 'consumer': consumer,
           'rate': capture_rate, 'latency': latency, 'idle': idle, 'memory': memory,
           'spool': spool}
