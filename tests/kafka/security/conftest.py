# SPDX-License-Identifier: Apache-2.0
import itertools
import os

import pytest

from harness import captures
from harness.daemon import Pycapa
from harness.witness import Topic
from libraries import library
from secure_cluster import SecureCluster


@pytest.fixture(scope="session")
def secure(tmp_path_factory):
    """The broker, its realm and its CA, shared by the tests of this folder."""
    with SecureCluster(tmp_path_factory.mktemp("secure")) as cluster:
        yield cluster


NUMBERS = itertools.count()


@pytest.fixture
def make_pcap(secure):
    """Makes topics that the users of the cluster may use."""
    def make():
        name = f"pcap{os.getpid()}-{next(NUMBERS)}"
        return Topic(secure.broker, secure.broker.topic(name=name))
    return make


@pytest.fixture
def pcap(make_pcap):
    return make_pcap()


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A savefile of 10 packets."""
    return captures.write(str(tmp_path_factory.mktemp("sample") / "sample.pcap"),
                          captures.sample(10))


@pytest.fixture(scope="session", params=["debian", "current"])
def librdkafka(request):
    """Both ends: Debian 12's and a current release, chosen by the loader."""
    return library(request.param)


@pytest.fixture(scope="session")
def current():
    return library("current")


def environment(secure, libs="", **extra):
    env = {**secure.kdc.env, **extra}
    env["LD_LIBRARY_PATH"] = libs
    return env


@pytest.fixture
def client(secure, tmp_path):
    """Starts pycapa with the realm's environment; ends it with the test."""
    running = []

    def start(*argv, libs="", env=None, **kwargs):
        extra = {"KRB5CCNAME": f"FILE:{tmp_path}/cache", **(env or {})}
        running.append(Pycapa(*argv, env=environment(secure, libs, **extra),
                              directory=str(tmp_path), **kwargs))
        return running[-1]
    yield start
    for process in running:
        process.kill()


@pytest.fixture
def round_trip(client, pcap, sample):
    """Ten packets in by one way of authentication and out by the same."""
    def go(options, libs=""):
        producer = client("-p", "-r", sample, "-t", pcap.name, *options, libs=libs)
        assert producer.wait(60) == 0, producer.describe()
        assert producer.counts() == (10, 10)
        consumer = client("-c", "-e", "-t", pcap.name, *options, libs=libs)
        assert consumer.wait(60) == 0, consumer.describe()
        assert captures.parse(consumer.stdout) == captures.read(sample)
        return producer, consumer
    return go
