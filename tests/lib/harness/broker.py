# SPDX-License-Identifier: Apache-2.0
"""An Apache Kafka node in KRaft mode on free loopback ports, its data kept between starts."""
import base64
import itertools
import json
import os
import shutil
import signal
import tempfile
import time
import uuid

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from confluent_kafka import KafkaException, Producer

from . import wait
from .net import free_port
from .proc import Process, run
from .proxy import Proxy

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
TOPICS = itertools.count()
ARCHIVE = 'classes.jsa'
CHECKPOINT = 'bootstrap.checkpoint'

LOG4J = '''<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders><Console name="out" target="SYSTEM_ERR">
    <PatternLayout pattern="%d{ISO8601} %p %m (%c)%n"/>
  </Console></Appenders>
  <Loggers><Root level="info"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
'''


def jars():
    """The directory of the Kafka jars; fetches them when that was not done yet."""
    return run(os.path.join(LIB, 'kafka-jars'), timeout=900).stdout.strip().splitlines()[-1]


def java(jars_dir, directory, *options):
    """The start of a java command line. What it unpacks and never removes stays in `directory`."""
    archive = os.path.join(jars_dir, ARCHIVE)
    shared = [f'-XX:SharedArchiveFile={archive}'] if os.path.exists(archive) else []
    return ['java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', *shared,
            f'-Djava.io.tmpdir={directory}', f'-Dlog4j2.configurationFile={directory}/log4j2.xml',
            *options, '-cp', f'{jars_dir}/*']


def archive_classes():
    """
    Archives the classes that a node loads beside the jars, once (JEP 350, class data sharing):
    with it a start takes 60 % of the CPU time.
    """
    path = os.path.join(jars(), ARCHIVE)
    if os.path.exists(path):
        return
    fresh = f'{path}.{os.getpid()}'
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(directory, java=[f'-XX:ArchiveClassesAtExit={fresh}']).start()
        broker.stop()
    os.rename(fresh, path)


def fresh_id():
    """One that begins with a dash would be taken for an option."""
    return 'p' + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')[1:]


class Broker:
    """
    One node, broker and controller at once. `settings` are lines of server.properties; `cluster`
    is the id of a cluster to join.
    """

    def __init__(self, directory, settings=None, java=(), cluster=None):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.jars = jars()
        self.java = list(java)
        self.process = None
        self.warm = False
        self.port = free_port()
        self.controller_port = free_port()
        self.bootstrap = f'127.0.0.1:{self.port}'
        self.properties = {
            'process.roles': 'broker,controller',
            'node.id': '1',
            'controller.quorum.voters': f'1@127.0.0.1:{self.controller_port}',
            'listeners': f'PLAINTEXT://127.0.0.1:{self.port},'
                         f'CONTROLLER://127.0.0.1:{self.controller_port}',
            'advertised.listeners': f'PLAINTEXT://127.0.0.1:{self.port}',
            'controller.listener.names': 'CONTROLLER',
            'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
            'log.dirs': os.path.join(self.directory, 'data'),
            'offsets.topic.replication.factor': '1',
            'offsets.topic.num.partitions': '4',
            'transaction.state.log.replication.factor': '1',
            'transaction.state.log.min.isr': '1',
            'transaction.state.log.num.partitions': '4',
            'group.initial.rebalance.delay.ms': '0',
            'group.min.session.timeout.ms': '1000',
            'auto.create.topics.enable': 'false',
            'metadata.max.idle.interval.ms': '0',  # many brokers idle at once
            'log.cleaner.backoff.ms': '1000',
            'log.cleaner.dedupe.buffer.size': str(16 << 20),
            'log.retention.check.interval.ms': '5000',
            'message.max.bytes': '4000000',
        }
        self.properties.update(settings or {})
        self.config = os.path.join(self.directory, 'server.properties')
        self.configure()
        with open(os.path.join(self.directory, 'log4j2.xml'), 'w') as f:
            f.write(LOG4J)
        self.cluster = cluster or fresh_id()
        self.format()

    def format(self):
        """The data directory of a new node; StorageTool's work for the first one serves all."""
        made, kept = os.path.join(self.properties['log.dirs'], CHECKPOINT), os.path.join(
            self.jars, CHECKPOINT)
        if 'controller' not in self.properties['process.roles'] or not os.path.exists(kept):
            self.tool('kafka.tools.StorageTool', 'format', '-t', self.cluster, '-c', self.config)
            if os.path.exists(made) and not os.path.exists(kept):
                fresh = shutil.copy(made, f'{kept}.{os.getpid()}')
                os.rename(fresh, kept)
            return
        os.makedirs(os.path.dirname(made), exist_ok=True)
        shutil.copy(kept, made)
        with open(os.path.join(os.path.dirname(made), 'meta.properties'), 'w') as f:
            f.write(f'version=1\ncluster.id={self.cluster}\ndirectory.id={fresh_id()}\n'
                    f'node.id={self.properties["node.id"]}\n')

    def configure(self, **properties):
        """Changes lines of server.properties (a dictionary's keys have dots): at the next start."""
        self.properties.update(properties)
        with open(self.config, 'w') as f:
            f.writelines(f'{k}={v}\n' for k, v in self.properties.items())

    def add_proxy(self):
        """
        Before the start: a second way in, by a proxy, for who asks at `proxied`. What it is told
        of the cluster leads there too.
        """
        port = free_port()
        self.proxy = Proxy(port)
        self.proxied = f'127.0.0.1:{self.proxy.port}'
        way = {'listeners': f'127.0.0.1:{port}', 'advertised.listeners': self.proxied}
        self.configure(**{name: f'{self.properties[name]},PROXIED://{at}'
                          for name, at in way.items()},
                       **{'listener.security.protocol.map':
                          'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT'})
        return self

    def tool(self, name, *argv, **kwargs):
        """Runs one of Kafka's own command line tools."""
        return run(*java(self.jars, self.directory, '-Xmx256m'), name, *argv, **kwargs)

    def command(self):
        """The argv of the node."""
        return [*java(self.jars, self.directory, '-Xmx768m', '-Xms256m', *self.java),
                'kafka.Kafka', self.config]

    def start(self, wait_ready=True):
        assert self.process is None or not self.process.running()
        self.process = Process(self.command(), directory=self.directory)
        if wait_ready:
            self.wait_ready()
            self.warm_up()
        return self

    def warm_up(self):
        """
        A first idempotent record: right after its first start a broker refuses those for a
        moment ("coordinator load in progress"), and every client then says so.
        """
        if self.warm:
            return
        self.warm = True
        producer = Producer({'bootstrap.servers': self.bootstrap, 'enable.idempotence': True,
                             'log_level': 0})
        producer.produce(self.topic(name='warm-up'), b'x')
        assert producer.flush(60) == 0, 'the broker takes no record'

    def wait_taking(self):
        """
        Waits for a record of another client that comes to it now, and returns the time: it may
        well have answered, and said that it had started, some seconds before.
        """
        self.warm = False
        self.warm_up()
        return time.monotonic()

    def wait_ready(self):
        """Returns the monotonic time at which the broker said that it had started."""
        self.process.wait_line('Kafka Server started', timeout=120)
        return time.monotonic()

    def stop(self):
        """A controlled stop; the data stays."""
        if self.process and self.process.running():
            self.process.send_signal(signal.SIGCONT)
            self.process.stop(signal.SIGTERM, timeout=120)

    def kill(self):
        """kill -9; the data stays."""
        if self.process:
            self.process.kill()

    def pause(self):
        """Stops it; returns once no thread of it runs any more, which a busy machine delays."""
        self.process.send_signal(signal.SIGSTOP)
        wait.until(lambda: set(self.process.states()) == {'T'}, 10,
                   lambda: f'a stopped broker, not {self.process.states()}')

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def admin(self):
        return AdminClient({'bootstrap.servers': self.bootstrap})

    def topic(self, partitions=1, name=None, replicas=None, **config):
        """
        Makes a topic and returns its name. Config names are given with _ for a dot. `replicas`:
        the nodes of each partition, the preferred leader first.
        """
        name = name or f'topic{os.getpid()}-{next(TOPICS)}'
        config = {k.replace('_', '.'): str(v) for k, v in config.items()}
        # Replays of old captures would be deleted at once by the age of their time stamps.
        config.setdefault('retention.ms', '-1')
        where = {'replica_assignment': replicas} if replicas else {'replication_factor': 1}
        new = NewTopic(name, num_partitions=partitions, config=config, **where)
        admin = self.admin()

        def create():
            try:
                admin.create_topics([new], operation_timeout=10)[name].result(30)
            except TimeoutError:  # of a broker that comes and goes
                return False
            except KafkaException as e:
                if e.args[0].name() != 'TOPIC_ALREADY_EXISTS':
                    return False
            return True

        wait.until(create, 120, f'topic {name} made')
        wait.until(lambda: self.partitions(name, admin) == partitions, 30, f'topic {name} known')
        return name

    def partitions(self, name, admin=None):
        topic = (admin or self.admin()).list_topics(timeout=20).topics.get(name)
        if topic is None or topic.error:
            return 0
        return len([p for p in topic.partitions.values() if p.leader >= 0])

    def leaders(self, name):
        """The nodes that lead a partition of the topic."""
        topic = self.admin().list_topics(name, timeout=20).topics[name]
        return {p.leader for p in topic.partitions.values()}

    def in_sync(self, name):
        """The nodes that are in sync for all partitions of the topic."""
        topic = self.admin().list_topics(name, timeout=20).topics[name]
        return set.intersection(*(set(p.isrs) for p in topic.partitions.values()))

    def add_partitions(self, name, total):
        admin = self.admin()
        admin.create_partitions([NewPartitions(name, total)])[name].result(30)
        wait.until(lambda: self.partitions(name, admin) == total, 30, f'{total} partitions')

    def delete_topic(self, name):
        admin = self.admin()
        admin.delete_topics([name], operation_timeout=30)[name].result(30)
        wait.until(lambda: self.partitions(name, admin) == 0, 30, f'topic {name} gone')

    def delete_records(self, name, partition, before):
        """Moves the start of the log, as retention does."""
        self.move_starts(name, {partition: before})

    def move_starts(self, name, starts):
        """The same for partitions: {partition: its first offset}."""
        path = os.path.join(self.directory, 'delete-records.json')
        with open(path, 'w') as f:
            json.dump({'version': 1, 'partitions': [
                {'topic': name, 'partition': p, 'offset': o} for p, o in starts.items()]}, f)
        self.tool('org.apache.kafka.tools.DeleteRecordsCommand', '--bootstrap-server',
                  self.bootstrap, '--offset-json-file', path)

    def configure_topic(self, name, **config):
        """Alters settings of a topic; the others are kept."""
        pairs = ','.join(f'{k.replace("_", ".")}={v}' for k, v in config.items())
        self.tool('kafka.admin.ConfigCommand', '--bootstrap-server', self.bootstrap,
                  '--entity-type', 'topics', '--entity-name', name, '--alter',
                  '--add-config', pairs)

    def clear(self):
        """Deletes the topics that were made."""
        admin = self.admin()
        names = [n for n in admin.list_topics(timeout=20).topics if n[:2] != '__' and n != 'warm-up']
        for deleted in admin.delete_topics(names, operation_timeout=30).values() if names else ():
            deleted.result(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


if __name__ == '__main__':
    archive_classes()
