# SPDX-License-Identifier: Apache-2.0
"""Traffic from the far end of a pair, a sequence number in every packet."""
import os
import re
import signal

from . import captures
from .daemon import BUILD
from .proc import Process

PKTGEN = os.environ.get('PYCAPA_PKTGEN', os.path.join(BUILD, 'tests/kafka/pktgen'))


def start(pair, count, pps, size=64, flows=8, first=0):
    """Starts sending `count` packets, `pps` a second (0: as fast as it goes)."""
    return Process(pair.command(PKTGEN, pair.outside, count, pps, size, flows, first))


def stop(process):
    """Ends what start() started; returns how many the interface took."""
    assert process.running(), 'the traffic ended by itself: ' + process.describe()
    assert process.stop(signal.SIGTERM) == 0, process.describe()
    return int(process.stdout)


def send(pair, count, pps, size=64, flows=8, first=0):
    """Sends and waits; returns how many the interface took."""
    process = start(pair, count, pps, size, flows, first)
    assert process.wait(timeout=60 + (count / pps if pps else 60)) == 0, process.describe()
    sent = int(process.stdout)
    assert sent == count, process.describe()
    return sent


def replay(pair, directory, count, loops=1, size=128, timeout=300):
    """tcpreplay at full speed from a made-up file of `count` packets; returns how many it sent."""
    path = captures.write(os.path.join(str(directory), 'replay.pcap'),
                          captures.sample(count, size=size))
    process = Process(pair.command('tcpreplay', '--topspeed', '--preload-pcap', f'--loop={loops}',
                                   '-i', pair.outside, path))
    assert process.wait(timeout) == 0, process.describe()
    text = process.stdout.decode() + process.stderr
    failed = re.search(r'Failed packets:\s+(\d+)', text)
    assert failed and failed.group(1) == '0', text
    return int(re.search(r'Actual: (\d+) packets', text).group(1))
