# SPDX-License-Identifier: Apache-2.0
"""Waiting for events with a deadline; the only place that sleeps between two looks."""
import time


def pause(since):
    """
    A pause between two looks: a tenth of what was waited so far, so that a look which costs time,
    as most do, costs a long wait no more of the machine than it costs a short one.
    """
    time.sleep(min(0.2, max(0.01, (time.monotonic() - since) / 10)))


def until(condition, timeout, what):
    """Returns the first true value of condition(); fails with `what` after `timeout` seconds."""
    since = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= since + timeout:
            what = what() if callable(what) else what
            raise AssertionError(f'not within {timeout} s: {what}')
        pause(since)


def stays(condition, seconds, what):
    """Fails when condition() becomes false within `seconds`: for what must not happen."""
    since = time.monotonic()
    while time.monotonic() < since + seconds:
        assert condition(), what() if callable(what) else what
        time.sleep(0.02)


def elapse(seconds):
    """Lets a span pass that is itself what a test is about (an outage, an idle time)."""
    time.sleep(seconds)
