# SPDX-License-Identifier: Apache-2.0
"""
A TCP proxy before a broker's listener: a test can cut the connections, make them long, or count
what comes through them.
"""
import contextlib
import queue
import socket
import threading
import time

from . import wait


class Proxy:
    """`delay`: how long a byte is on its way, each way, in seconds."""

    def __init__(self, target_port, address="127.0.0.1", delay=0, port=0):
        self.target_port = target_port
        self.delay = delay
        self.listener = socket.create_server((address, port))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open = set()
        self.accepted = 0  # connections since the start
        self.answered = 0  # bytes that came from the target
        self.swaps = {}  # what comes through once as something of the same length: {old: new}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.accepted += 1
                self.open |= {client, server}
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(a, b, a is server), daemon=True).start()

    def _copy(self, source, sink, answers):
        line = queue.SimpleQueue()
        threading.Thread(target=self._deliver, args=(line, source, sink), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    with self.lock:
                        self.answered += len(data)
                for old in [old for old in self.swaps if old in data]:
                    data = data.replace(old, self.swaps.pop(old), 1)
                line.put((time.monotonic() + self.delay, data))
        line.put(None)

    def _deliver(self, line, source, sink):
        with contextlib.suppress(OSError):
            while item := line.get():
                due, data = item
                wait.elapse(max(0, due - time.monotonic()))
                sink.sendall(data)
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        with self.lock:
            self.open -= {source, sink}

    def cut(self):
        """Ends every connection that is open now."""
        with self.lock:
            sockets = list(self.open)
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.cut()
