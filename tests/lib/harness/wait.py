# SPDX-License-Identifier: Apache-2.0
"""Waiting for events with a deadline; the only place that sleeps between two looks."""
import time

INTERVAL = 0.02


def until(condition, timeout, what):
    """Returns the first true value of condition(); fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            what = what() if callable(what) else what
            raise AssertionError(f'not within {timeout} s: {what}')
        time.sleep(INTERVAL)


def stays(condition, seconds, what):
    """Fails when condition() becomes false within `seconds`: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what() if callable(what) else what
        time.sleep(INTERVAL)


def elapse(seconds):
    """Lets a span pass that is itself what a test is about (an outage, an idle time)."""
    time.sleep(seconds)
