# SPDX-License-Identifier: Apache-2.0
"""What tests/bench/figures measures: one function a figure."""
import glob
import os
import re
import select
import signal
import struct
import subprocess
import time

from harness import captures, traffic, wait
from harness.daemon import BINARY, BUILD, Pycapa, environment
from harness.net import Pair, free_port
from harness.proc import Process, run
from harness.witness import Topic

PARTITIONS = 4
FLOWS = 8
SIZES = (64, 385, 1500)
PACE = 20000  # packets a second, where there is one
REPLAYED = 400000
# What pycapa sets (see `pycapa -p -X dump`), so that the bare programs run with the same. librdkafka
# counts for its statistics with each message; what it has counted is told rarely here, as that
# would come into the longer of two runs and not into the shorter, and is not for each packet.
TOLD = 'statistics.interval.ms=600000'
PRODUCER = ['client.id=bench', 'enable.idempotence=true', 'message.timeout.ms=0',
            'queue.buffering.max.messages=131072', 'queue.buffering.max.kbytes=98304',
            'linger.ms=5', 'max.in.flight=1', 'socket.keepalive.enable=true', TOLD]
BLOCKS = ['message.copy.max.bytes=4096']
BARE = {'bare': ('bare_producer', PRODUCER), 'bare blocks': ('bare_blocks', PRODUCER + BLOCKS)}
CONSUMER = ['group.id=bench', 'fetch.wait.max.ms=100', 'queued.max.messages.kbytes=65536']


class Bench:
    def __init__(self, broker, pair, directory, runs, add):
        self.broker, self.pair, self.directory = broker, pair, directory
        self.runs, self.add = runs, add
        self.flows = self.partitions_of_flows()

    def topic(self):
        return self.broker.topic(PARTITIONS)

    def bare(self, name):
        return os.path.join(BUILD, 'tests/bench', name)

    def producer_argv(self, kind, topic, count, *more, pair=None):
        """
        The command line of a producer of `count` packets: a bare one, a way of partitioning, or
        one of blocks.
        """
        interface = (pair or self.pair).inside
        if kind in BARE:
            program, properties = BARE[kind]
            return [self.bare(program), interface, self.broker.bootstrap, topic, count,
                    self.flows, *properties]
        argv = ['--record', 'block'] if kind == 'block' else ['--partition', kind]
        return [BINARY, '-p', '-i', interface, '-k', self.broker.bootstrap, '-t', topic,
                '-m', count, *argv, *more]

    def partitions_of_flows(self):
        """
        One digit for each of pktgen's flows: the partition that it goes to. The bare programs use
        the same: how even they are decides how fast librdkafka sends (it has one request for a
        partition under way).
        """
        topic = self.topic()
        p = self.start_producer([BINARY, '-p', '-i', self.pair.inside, '-k', self.broker.bootstrap,
                                 '-t', topic, '-m', FLOWS])
        traffic.send(self.pair, FLOWS, 0, 64, FLOWS)
        assert p.wait(60) == 0, p.describe()
        number = slice(42, 50)  # in the payload
        records = sorted(Topic(self.broker, topic).records(), key=lambda r: r.value[number])
        self.broker.delete_topic(topic)
        assert len(records) == FLOWS, records
        return ''.join(str(r.partition) for r in records)

    def broker_cpu(self):
        """Seconds, with those of threads that have ended."""
        return time.clock_gettime(~self.broker.process.pid << 3 | 2)  # its CPU-time clock

    def start_producer(self, argv, env=None):
        if argv[0] == BINARY:
            p = Pycapa(*argv[1:], directory=self.directory, env=env)
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


def finished(process, timeout=120):
    """Waits for the end; what the kernel says that its whole life took."""
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
    return usage


def finish(process, timeout=120):
    """Waits for the end; the CPU seconds of its whole life, from the kernel."""
    usage = finished(process, timeout)
    return usage.ru_utime + usage.ru_stime


def slice_of(process, pair, size, seconds):
    """CPU microseconds a packet, from the middle of a burst."""
    for _ in range(5):
        us = try_slice(process, pair, size, seconds)
        if us:
            return us
    raise AssertionError('the machine is too busy: five bursts ended before their slice did')


def try_slice(process, pair, size, seconds):
    """The same; None when we woke only after the burst."""
    generator = traffic.start(pair, int(PACE * (seconds + 0.25)), PACE, size, FLOWS)
    try:
        wait.elapse(0.2)
        start, before = time.monotonic(), scheduled(process.pid)
        wait.elapse(seconds)
        cpu, seconds = scheduled(process.pid) - before, time.monotonic() - start
        late = not generator.running()
        assert process.running(), process.describe()
        assert generator.wait(10) == 0, generator.describe()
    finally:
        generator.kill()
    return None if late else cpu * 1e6 / (PACE * seconds)


def produce_paced(bench, kinds, size, slices=3, seconds=0.5):
    """
    CPU microseconds a packet at PACE, by kind, slice by slice: the programs live side by side,
    each with an interface of its own, and packets come to one of them at a time, by turns. So
    neither their start nor their end is in it, and slices that are compared saw the same machine.
    """
    us = {kind: [] for kind in kinds}
    pairs = {kind: Pair() for kind in kinds}
    topics = {kind: bench.topic() for kind in kinds}
    processes = {}
    try:
        for kind in kinds:
            processes[kind] = bench.start_producer(
                bench.producer_argv(kind, topics[kind], 10**9, pair=pairs[kind]))
        for i in range(1 + slices):
            for kind in kinds[i % len(kinds):] + kinds[:i % len(kinds)]:
                us[kind].append(slice_of(processes[kind], pairs[kind], size, seconds))
    finally:
        for process in processes.values():
            process.kill()
        for pair in pairs.values():
            pair.remove()
    for topic in topics.values():
        bench.broker.delete_topic(topic)
    return {kind: values[1:] for kind, values in us.items()}  # the first: not warm yet


def produce_fast(bench, kind, count, size):
    """CPU microseconds a packet at full speed, without the start of the program."""
    return produce_watched(bench, kind, count, size)[0]


def produce_watched(bench, kind, count, size):
    """The same, and what the broker took."""
    topic = bench.topic()
    process = bench.start_producer(bench.producer_argv(kind, topic, count))
    # More is sent than anyone can take: it is the packets taken that count.
    generator = traffic.start(bench.pair, count * 50, 0, size, FLOWS)
    try:
        before, broker = scheduled(process.pid), bench.broker_cpu()
        cpu = finish(process) - before
        broker = bench.broker_cpu() - broker
    finally:
        generator.kill()
        process.kill()
    bench.broker.delete_topic(topic)
    return cpu * 1e6 / count, broker * 1e6 / count


def add_producers(bench, where, us):
    bench.add(f'bare producer, {where}', us['bare'], 'us/packet')
    for kind, bar in (('flow', 1.10), ('random', 1.0)):
        bench.add(f'producer, {kind} / bare, {where}',
                  [a / b for a, b in zip(us[kind], us['bare'])], bar=bar)


def producer(bench):
    kinds = ['bare', 'flow', 'random']
    for size in SIZES:
        us = {kind: [] for kind in kinds}
        for _ in range(4 * bench.runs):  # where its memory happens to lie is worth some percent
            for kind, values in produce_paced(bench, kinds, size).items():
                us[kind] += values
        add_producers(bench, f'{size} bytes, {PACE}/s', us)
        us = {kind: [] for kind in kinds}
        for i in range(6 * bench.runs):  # short ones, that differ by three, as the machine does
            for kind in kinds[i % 3:] + kinds[:i % 3]:
                us[kind].append(produce_fast(bench, kind, 400000, size))
        add_producers(bench, f'{size} bytes, full speed', us)


def annotated(path):
    """Of one thread: instructions, and of them those of the sources that find the flow."""
    text = run('callgrind_annotate', '--threshold=100', path).stdout
    total = re.search(r'([\d,]+)(?: \(100.0%\))?  PROGRAM TOTALS', text)
    # By file: the functions are inlined into others. A build without -g does not tell.
    share = re.findall(
        r'^\s*([\d,]+) \([^)]*\)\s+\S*(?:flow\.c|(?:dissect|frame)\.[ch]|xxhash\.h):', text, re.M)
    return [int(total.group(1).replace(',', '')) if total else 0,
            sum(int(n.replace(',', '')) for n in share)]


def callgrind(bench, kind, count, size, *more):
    """Instructions of a run: of all threads, of the first, and those that find the flow."""
    topic = bench.topic()
    argv = bench.producer_argv(kind, topic, count, '-X', TOLD, *more)
    out = os.path.join(bench.directory, f'callgrind-{kind}-{count}-{size}-{len(more)}')
    process = bench.start_producer(['valgrind', '--tool=callgrind', '--separate-threads=yes',
                                    f'--callgrind-out-file={out}', *argv])
    generator = traffic.start(bench.pair, count, 4000, size, FLOWS)
    try:
        finish(process, 300)
    finally:
        generator.kill()
        process.kill()
    bench.broker.delete_topic(topic)
    threads = [annotated(path) for path in sorted(glob.glob(out + '-*'))]
    return sum(t[0] for t in threads), threads[0][0], sum(t[1] for t in threads)


def instructions(bench):
    """
    From runs of two lengths, so that the start of the programs cancels out. Those of the thread
    that captures say what a change costs, to one in a hundred. What librdkafka's threads need
    beside it, for the same packets, differs by half with how they are batched: with the machine's
    other work.
    """
    for size in SIZES:
        per = {}
        for kind in ('bare', 'flow', 'random'):
            runs = [callgrind(bench, kind, count, size) for count in (4000, 24000)]
            per[kind] = [(b - a) / 20000 for a, b in zip(*runs)]
        where = f'{size} bytes'
        bench.add(f'instructions, bare producer, {where}', [per['bare'][0]], 'a packet')
        bench.add(f'instructions, bare, capturing thread, {where}', [per['bare'][1]], 'a packet')
        for kind, bar in (('flow', 1.10), ('random', 1.0)):
            bench.add(f'instructions, {kind} / bare, {where}', [per[kind][0] / per['bare'][0]],
                      bar=bar)
            bench.add(f'instructions, {kind}, capturing thread, {where}', [per[kind][1]],
                      'a packet')
        if per['flow'][2]:
            bench.add(f'dissection and hash / all instructions, {where}',
                      [per['flow'][2] / per['flow'][0]], bar=0.05)


def with_metrics(bench):
    """What a packet costs beside a server of metrics, and without one."""
    per = {}
    for way, more in (('off', ()), ('on', ('--metrics-listen', str(free_port())))):
        runs = [callgrind(bench, 'flow', count, 385, *more) for count in (4000, 24000)]
        per[way] = (runs[1][1] - runs[0][1]) / 20000
    bench.add('instructions, metrics off, capturing thread', [per['off']], 'a packet')
    bench.add('instructions, metrics on / off', [per['on'] / per['off']], bar=1.01)


def loop_once(bench, count, outage, size=385):
    """Packets delivered a second, from the first on, after the broker stood still for a while."""
    topic = bench.topic()
    bench.broker.pause()
    p = Process([bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, size,
                 bench.flows, *PRODUCER], directory=bench.directory)
    wait.elapse(outage)
    bench.broker.resume()
    assert p.wait(120) == 0, p.describe()
    bench.broker.delete_topic(topic)
    return count * 1e6 / int(re.search(rb'us=(\d+)', p.stdout).group(1))


def loop(bench):
    us, cpu = [], []
    for _ in range(bench.runs):
        topic = bench.topic()
        p = Process([bench.bare('produce_loop'), bench.broker.bootstrap, topic, 500000, 385,
                     bench.flows, *PRODUCER], directory=bench.directory)
        us.append(finish(p) * 1e6 / 500000)
        bench.broker.delete_topic(topic)
        cpu.append(produce_fast(bench, 'flow', 400000, 385))
    bench.add('produce loop without capture', us, 'us/packet')
    bench.add('producer, flow / produce loop', [a / b for a, b in zip(cpu, us)])


def consumer(bench):
    count = 1500000
    topic = bench.topic()
    run(bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, 385, bench.flows,
        *PRODUCER, timeout=120)
    bare = [bench.bare('bare_consumer'), bench.broker.bootstrap, topic, PARTITIONS, '/dev/null',
            *CONSUMER]
    ways = {'bare': bare, 'headers': [*bare, 'headers'], 'jemalloc': bare,
            'ours': [BINARY, '-c', '-o', 'begin', '-m', count, '--reorder', '0', '-k',
                     bench.broker.bootstrap, '-t', topic, '-w', '/dev/null']}
    us = {way: [] for way in ways}
    for i in range(3 * bench.runs):
        for way in list(ways)[i % 4:] + list(ways)[:i % 4]:
            more = {'LD_PRELOAD': 'libjemalloc.so.2'} if way == 'jemalloc' else {}
            p = Process(ways[way], env=environment(**more), directory=bench.directory)
            us[way].append(finish(p) * 1e6 / count)
            assert way == 'ours' or f'packets={count}'.encode() in p.stdout, p.describe()
            assert 'LD_PRELOAD' not in p.stderr, p.describe()  # the loader's: no jemalloc there
    bench.broker.delete_topic(topic)
    bench.add('bare consumer', us['bare'], 'us/packet')
    bench.add('bare consumer that looks for headers / bare',
              [a / b for a, b in zip(us['headers'], us['bare'])])
    bench.add('consumer / bare', [a / b for a, b in zip(us['ours'], us['bare'])], bar=1.15)
    bench.add('consumer / bare with jemalloc',
              [a / b for a, b in zip(us['ours'], us['jemalloc'])])


def assert_whole(path, begin, end, step):
    """All packets between two points in time, given that one came every `step` microseconds."""
    times = sorted(p.time_us for p in captures.read(path)[1])
    assert begin <= times[0] < begin + step and end - step <= times[-1] < end, (times[0], times[-1])
    assert all(b - a == step for a, b in zip(times, times[1:]))


def archive(bench):
    """One minute out of an hour, against all of it."""
    partitions, count, size, step = 8, 5000000, 128, 720
    topic = bench.broker.topic(partitions)
    run(bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, size, '01234567',
        f'step={step}', *PRODUCER, timeout=300)
    middle = int(time.time()) - 1800
    minute = ['--from', f'@{middle}', '--to', f'@{middle + 60}', '--slack', '0']

    def read(brokers, *argv, out='/dev/null'):
        """Seconds, and packets."""
        start = time.monotonic()
        p = Pycapa('-c', '-k', brokers, '-t', topic, '-w', out, *argv, directory=bench.directory)
        assert p.wait(120) == 0, p.describe()
        return time.monotonic() - start, p.counts()[1]

    path = os.path.join(bench.directory, 'minute.pcap')
    read(bench.broker.bootstrap, *minute, out=path)  # a young broker has not compiled look-ups yet
    assert_whole(path, middle * 10**6, (middle + 60) * 10**6, step)
    proxy, ratios, fetched = bench.broker.proxy, [], []
    for _ in range(bench.runs):
        part, packets = read(bench.broker.bootstrap, *minute)
        whole, everything = read(bench.broker.bootstrap, '-e')
        assert everything == count, everything
        ratios.append(part / whole)
        before = proxy.answered
        read(bench.broker.proxied, *minute)
        fetched.append((proxy.answered - before) / (2 * packets * (size + 8) + (partitions << 20)))
    bench.broker.delete_topic(topic)
    bench.add('a minute of an hour of 5000000 / the hour', ratios, bar=0.1)
    bench.add('bytes fetched for it / (2 x the minute + 1 MiB a partition)', fetched, bar=1)


def filled(bench, how, count, size=385):
    """A topic of as many partitions as `how` says (produce_loop)."""
    topic = bench.broker.topic(int(how.split('/')[1]))
    run(bench.bare('produce_loop'), bench.broker.bootstrap, topic, count, size, how, *PRODUCER,
        timeout=300)
    return topic


def ordered(bench, topic, *argv):
    """Reads a topic to its end, in order; its CPU, its memory and how long it took."""
    p = Process([BINARY, '-c', '-e', '-k', bench.broker.bootstrap, '-t', topic, '-w', '/dev/null',
                 *argv], env=environment(), directory=bench.directory)
    start = time.monotonic()
    usage = finished(p)
    return usage, time.monotonic() - start


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


def order(bench):
    """What it costs to put packets in order, by how they lie in the partitions."""
    count = 1500000
    jemalloc = environment(LD_PRELOAD='libjemalloc.so.2')
    topics = {n: filled(bench, f'turns/{n}', count) for n in (4, 200)}
    floors = {4: ('bare_consumer', 'headers'), 200: ('bare_merge',)}
    cpu = {key: [] for key in ((4, 'ours'), (4, 'bare'), (200, 'ours'), (200, 'bare'),
                               (4, 'filter'))}
    for i in range(bench.runs):
        for n, topic in topics.items():
            program, *more = floors[n]
            p = Process([bench.bare(program), bench.broker.bootstrap, topic, n, '/dev/null', *more,
                         *CONSUMER], env=jemalloc, directory=bench.directory)
            cpu[n, 'bare'].append(finish(p))
            cpu[n, 'ours'].append(cpu_of(ordered(bench, topic)[0]))
        cpu[4, 'filter'].append(cpu_of(ordered(bench, topics[4], 'ether[20] = 7')[0]))
    for topic in topics.values():
        bench.broker.delete_topic(topic)
    bench.add('ordered read, 4 partitions', [t * 1e6 / count for t in cpu[4, 'ours']], 'us/packet')
    for n, what, bar in ((4, 'bare consumer with jemalloc that looks for headers', 1.5),
                         (200, 'bare merge with jemalloc', 1.25)):
        bench.add(f'ordered read of {n} partitions / {what}',
                  [a / b for a, b in zip(cpu[n, 'ours'], cpu[n, 'bare'])], bar=bar)
    bench.add('ordered read with a filter that one packet in 100 passes / without',
              [a / b for a, b in zip(cpu[4, 'filter'], cpu[4, 'ours'])], bar=1.1)


def order_rate(bench):
    """A partition that is all before the other, beside two that take turns: the time it takes."""
    took = {how: [] for how in ('turns/2', 'each/2')}
    topics = {how: filled(bench, how, 1500000) for how in took}
    for _ in range(bench.runs):
        for how, topic in topics.items():
            took[how].append(ordered(bench, topic)[1])
    for topic in topics.values():
        bench.broker.delete_topic(topic)
    bench.add('rate of an ordered read, one partition all before the other / interleaved',
              [a / b for a, b in zip(took['turns/2'], took['each/2'])], bar=0.5, less=False)


def order_memory(bench):
    """
    One partition is 1,000,000 packets ahead of the others. Beyond 8 partitions, twice the largest
    batch of each is allowed for.
    """
    for n, bar in ((1, 200), (8, 200), (200, 150 + 200 * 2 * 1000000 / 2 ** 20)):
        topic = filled(bench, f'ahead/{n}', 1500000)
        bench.add(f'memory of an ordered read, {n} partition(s), one far ahead',
                  [ordered(bench, topic)[0].ru_maxrss / 1024], 'MiB', bar=bar)
        bench.broker.delete_topic(topic)


def replayed(bench, pps):
    path = os.path.join(bench.directory, 'replay.pcap')
    if not os.path.exists(path):
        captures.write(path, captures.sample(20000, size=385))
    speed = [f'--pps={pps}'] if pps else ['--topspeed']
    start = time.monotonic()
    bench.pair.run('tcpreplay', '--preload-pcap', *speed, f'--loop={REPLAYED // 20000}', '-i',
                   bench.pair.outside, path, timeout=120)
    return REPLAYED / (time.monotonic() - start)


def lost_by_pycapa(bench, pps):
    topic = bench.topic()
    p = bench.start_producer(bench.producer_argv('flow', topic, 0, '--stats-interval', '0'))
    rate = replayed(bench, pps)
    assert p.stop() == 0, p.describe()
    got = int(re.search(r"'(\d+)' packet\(s\) in, '(\d+)' packet", p.stderr).group(2))
    bench.broker.delete_topic(topic)
    return REPLAYED - got, rate


def lost_by_bare(bench, pps):
    """It ends with the last packet: one that does not end has lost some."""
    topic = bench.topic()
    p = bench.start_producer(bench.producer_argv('bare', topic, REPLAYED))
    rate = replayed(bench, pps)
    try:
        lost = p.wait(10)  # its status: 1 where it has not delivered all
    except AssertionError:
        lost = 1
    p.kill()
    bench.broker.delete_topic(topic)
    return lost, rate


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
    """The highest of some rates at which nothing is lost, for each."""
    programs = {'pycapa': lost_by_pycapa, 'bare': lost_by_bare, 'tcpdump': lost_by_tcpdump}
    best, full = {name: [] for name in programs}, []
    for i in range(3 * bench.runs):
        for name in list(programs)[i % 3:] + list(programs)[:i % 3]:
            for pps in (0, 200000, 160000, 120000, 90000, 60000):
                missing, rate = programs[name](bench, pps)
                if name == 'pycapa' and pps == 0:
                    full.append(missing)
                if not missing:
                    best[name].append(rate)
                    break
    bench.add(f'packets lost of {REPLAYED} at full speed', full, bar=0)
    bench.add('rate without loss', best['pycapa'], 'packets/s')
    for other in ('tcpdump', 'bare'):
        bench.add(f'rate without loss / {other}',
                  [a / b for a, b in zip(best['pycapa'], best[other])],
                  bar=0.8 if other == 'tcpdump' else None, less=False)


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


def latency_of(bench, kind, retire):
    """Of half and of 99 in 100 packets, ms, from the wire to the consumer's stdout."""
    p50, p99 = [], []
    for _ in range(bench.runs):
        topic = bench.topic()
        p = bench.start_producer(bench.producer_argv(kind, topic, 0, '--buffer-timeout',
                                                     f'{retire}ms'))
        c = Process([BINARY, '-c', '-k', bench.broker.bootstrap, '-t', topic, '-o', 'begin',
                     '--reorder', '0'],
                    env=environment(), directory=bench.directory, stdout=subprocess.PIPE)
        generator = traffic.start(bench.pair, 6000, 1000, 385, FLOWS)
        got = read_latencies(c, 7)
        p50.append(got[len(got) // 2])
        p99.append(got[len(got) * 99 // 100])
        for process in (generator, p, c):
            process.kill()
        c.popen.stdout.close()
        bench.broker.delete_topic(topic)
    return p50, p99


def latency(bench):
    for retire in (20, 4):
        p50, p99 = latency_of(bench, 'flow', retire)
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


def memory_once(bench, *argv, env=None):
    """MiB; the broker stands still while packets come at full speed."""
    topic = bench.topic()
    p = bench.start_producer(bench.producer_argv('flow', topic, 0, *argv), env)
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
    return peak


def memory(bench):
    spool = ('--spool-directory', os.path.join(bench.directory, 'slow-spool'))
    slow = {'LD_PRELOAD': os.path.join(BUILD, 'tests/kafka/slowdisk.so')}
    bench.add('memory in overload', [memory_once(bench)], 'MiB', bar=400)
    bench.add('memory in overload, slow disk', [memory_once(bench, *spool, env=slow)], 'MiB',
              bar=400)


def replay_rate(process, count):
    """
    Packets delivered a second, from the first to the last look in mid-replay: how long the end of
    the program takes is no part of it, as it is none of the produce loop's. The looks are few:
    what they cost is missing to the broker and the client.
    """
    seen = []
    while process.running():
        asked = time.monotonic()
        process.send_signal(signal.SIGUSR1)
        wait.elapse(0.2 if seen else 0.05)
        delivered = process.account()['delivered']
        if delivered and delivered < count and (not seen or delivered > seen[-1][1]):
            seen.append((asked, delivered))
    (t0, d0), (t1, d1) = seen[0], seen[-1]
    assert d1 - d0 > count / 3, seen
    return (d1 - d0) / (t1 - t0)


def spool_once(bench, count):
    """
    An outage under full speed, and how fast what was spooled is sent after it, beside the produce
    loop after an outage that lasts as long: a broker that stood still needs a moment by itself.
    """
    topic = bench.topic()
    directory = os.path.join(bench.directory, 'spool-' + topic)
    p = bench.start_producer([BINARY, '-p', '-i', bench.pair.inside, '-k', bench.broker.bootstrap,
                              '-t', topic, '--spool-directory', directory, '-m', count])
    bench.broker.pause()
    start = time.monotonic()
    traffic.send(bench.pair, count, 0, 385, FLOWS)
    taken = count / (time.monotonic() - start)
    lost = wait.until(lambda: all_seen(p, count), 60, 'all packets received')['dropped_kernel']
    if lost:  # the run ends when so many are taken
        traffic.send(bench.pair, lost, 20000, 385, FLOWS)
    outage = time.monotonic() - start
    bench.broker.resume()
    rate = replay_rate(p, count)
    # The run has its packets, so it ends by itself once all of them are delivered.
    assert p.wait(60) == 0, p.describe()
    assert Topic(bench.broker, topic).count() == count
    bench.broker.delete_topic(topic)
    return taken, lost, rate / loop_once(bench, count, outage)


def spool(bench):
    count = 1000000
    # A young broker runs what is not compiled yet: that would be the first replay's alone.
    loop_once(bench, count, 3)
    taken, lost, ratios = zip(*(spool_once(bench, count) for _ in range(3 * bench.runs)))
    bench.add('spool: full-speed rate', taken, 'packets/s')
    bench.add('spool: packets lost of 1000000', lost, bar=0)
    bench.add('spool: replay / produce loop', ratios, bar=0.8, less=False)


def all_seen(process, count):
    stats = process.stats()
    return stats if stats['received'] + stats['dropped_kernel'] >= count else None


FIGURES = {'producer': producer, 'instructions': instructions, 'loop': loop, 'consumer': consumer,
           'archive': archive, 'order': order, 'order_rate': order_rate,
           'order_memory': order_memory, 'rate': capture_rate, 'latency': latency, 'idle': idle,
           'memory': memory, 'metrics': with_metrics, 'spool': spool}
