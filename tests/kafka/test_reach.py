# SPDX-License-Identifier: Apache-2.0
"""What is said when Kafka cannot be reached, and that nothing is when it can."""
from harness import traffic, wait
from harness.broker import Broker
from harness.witness import Topic

CLOSED = '^DEBUG:root:Kafka client: all connections are closed'
LOST = '^WARNING:root:Kafka is out of reach'


def test_a_broker_that_closes_idle_connections(tmp_path, pair, spawn):
    """Nothing is wrong, so nothing is said; a broker that is gone is another matter."""
    with Broker(tmp_path / 'broker', {'connections.max.idle.ms': '1000'}) as broker:
        topic = Topic(broker, broker.topic())
        process = spawn('-p', '-i', pair.inside, '-k', broker.bootstrap, '-t', topic.name,
                        '-ll', 'DEBUG', '-X', 'topic.metadata.refresh.interval.ms=2000')
        process.wait_capturing()
        wait.until(lambda: len(process.grep(CLOSED)) >= 2 or process.grep(LOST), 30,
                   process.describe)
        assert not process.grep(LOST), process.describe()
        traffic.send(pair, 10, 100)
        topic.wait_count(10, 20)
        assert not process.grep(LOST), process.describe()
        broker.kill()
        process.wait_line(LOST + r' .*(Connection refused|Disconnected|down)', 20)
        assert process.stop() == 0, process.describe()
