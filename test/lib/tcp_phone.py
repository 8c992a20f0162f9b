# SPDX-License-Identifier: ISC
"""
A scripted phone (phone.py) on TCP that does what real ones do when their connection is lost, because sipd was killed, say:

- listens=False: as behind a NAT. Its Contact names the port of its connection, where nobody listens once that is gone. It connects again as
  soon as it can and registers; the Contacts in its dialogs go on naming the old port.
- listens=True: its Contact and Via name a port on which it listens. It does nothing until it has something to send, or sipd connects to it.

Either way an answer goes by the connection that is there, or a new one (RFC 3261 section 18.2.2).
"""
import contextlib
import random
import socket
import threading
import time

from phone import Phone
from rtp import engine, lock
from sip_lib import from_stream


def listener(host):
    """On a port that the kernel gives to nobody's connection, as one on another machine would be."""
    while True:
        with contextlib.suppress(OSError):
            return socket.create_server((host, random.randrange(10000, 19900)))


class TcpPhone(Phone):
    def __init__(self, suite, user, listens=False, **kw):
        super().__init__(suite, user, tcp=True, **kw)
        self.bufs, self.closed, self.server, self.again = {}, False, None, None
        self.registered = threading.Event()     # on the connection that there is
        with lock:
            engine.remove(self.sock)
            self._use(self.sock)
        if listens:
            self.server = listener(self.host)
            self.port = self.server.getsockname()[1]
            engine.add(self.server, self._accept)

    def close(self):
        with lock:
            self.closed = True
            for leg in self.legs.values():
                leg.rtp.close()
            for sock in list(self.bufs) + [self.server] * bool(self.server):
                engine.remove(sock)
                sock.close()
            if self._tick in engine.ticks:
                engine.ticks.remove(self._tick)

    def _accept(self):
        self._use(self.server.accept()[0])

    def _use(self, sock):
        self.sock, self.bufs[sock] = sock, b""
        engine.add(sock, lambda: self._read(sock))

    def _connect(self):
        self._use(socket.create_connection((self.host, self.sip.port), 1))
        if not self.server:
            self.port = self.sock.getsockname()[1]

    def _read(self, sock=None):
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._lost(sock)
            return
        self.sock = sock                        # what is answered goes back the way that it came
        got, self.bufs[sock] = from_stream(self.bufs[sock] + data)
        self._took(got)

    def _lost(self, sock):
        if sock not in self.bufs:
            return
        engine.remove(sock)
        sock.close()
        del self.bufs[sock]
        if self.sock is sock:
            self.sock = next(iter(self.bufs), None)
        if self.sock is None and not self.server and not self.closed:
            self.registered.clear()
            if self.again is None:
                self.again = threading.Thread(target=self._again, daemon=True)
                self.again.start()

    def _again(self):
        while not self.closed and not self.registered.is_set():
            try:
                with lock:
                    if self.sock is None:
                        self._connect()
                self.register(timeout=3)
            except (OSError, AssertionError):   # nobody listens yet, or nobody decides: 503
                time.sleep(0.2)

    def register(self, expires=300, extra=(), **kw):
        m = super().register(expires, extra, **kw)
        with lock:
            if self.sock is not None:
                self.registered.set()
                self.again = None
        return m

    def send_raw(self, data):
        with lock:
            for _ in range(2):
                if self.sock is None:
                    self._connect()
                try:
                    self.sock.sendall(data.encode() if isinstance(data, str) else data)
                    return
                except OSError:
                    self._lost(self.sock)
            raise ConnectionError("no connection")
