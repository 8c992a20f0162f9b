# SPDX-License-Identifier: ISC
"""
RTP for test phones: a tone goes out, what comes in is kept and searched for tones and keys. One thread (engine) serves every socket of
the process; lock guards all that it shares with the test; changed is notified with each SIP message and each key, not with each packet of
sound, which would wake every waiting thread 50 times a second for each stream. Tests only.
"""
import collections
import contextlib
import math
import random
import selectors
import socket
import struct
import threading
import time

RATE, FRAME = 8000, 160
lock = threading.RLock()
changed = threading.Condition(lock)


def ulaw_octet(sample):
    sign = 0x80 if sample < 0 else 0
    sample = min(abs(sample), 32635) + 132
    exponent = sample.bit_length() - 8
    return ~(sign | exponent << 4 | sample >> exponent + 3 & 15) & 0xFF


def ulaw_sample(octet):
    octet = ~octet & 0xFF
    value = (((octet & 15) << 3) + 132 << (octet >> 4 & 7)) - 132
    return -value if octet & 0x80 else value


def alaw_sample(octet):
    octet ^= 0x55
    value = (octet & 15) << 4
    exponent = octet >> 4 & 7
    value = value + 8 if exponent == 0 else value + 264 << exponent - 1
    return value if octet & 0x80 else -value


DECODE = {0: [ulaw_sample(i) for i in range(256)], 8: [alaw_sample(i) for i in range(256)]}
TO_ALAW = bytes(min(range(256), key=lambda a: abs(DECODE[8][a] - DECODE[0][u])) for u in range(256))
SILENCE = bytes([0xFF]) * RATE
_tones = {}
KEY_HZ = {k: (lo, hi) for row, lo in zip(("123A", "456B", "789C", "*0#D"), (697, 770, 852, 941))
          for k, hi in zip(row, (1209, 1336, 1477, 1633))}


def tone_second(hz):
    """A second of it in mu-law; whole Hz, so that it can be repeated."""
    if hz not in _tones:
        _tones[hz] = bytes(ulaw_octet(int(9000 * math.sin(2 * math.pi * hz * i / RATE))) for i in range(RATE))
    return _tones[hz]


def share(samples, hz):
    """Which part of the samples' power is at hz (0 to 1), and their level (0 to 32767)."""
    n = len(samples)
    if n == 0:
        return 0.0, 0.0
    total = sum(x * x for x in samples) / n
    if total < 100:
        return 0.0, math.sqrt(total)
    k = 2 * math.cos(2 * math.pi * hz / RATE)
    a = b = 0.0
    for x in samples:
        a, b = x + k * a - b, a
    power = (a * a + b * b - k * a * b) / (n * n / 4) / 2
    return power / total, math.sqrt(total)


class Engine(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.sel, self.ticks = selectors.DefaultSelector(), []
        self.wake_r, self.wake_w = socket.socketpair()
        self.sel.register(self.wake_r, selectors.EVENT_READ, lambda: self.wake_r.recv(100))

    def add(self, sock, readable, tick=None):
        with lock:
            self.sel.register(sock, selectors.EVENT_READ, readable)
            if tick:
                self.ticks.append(tick)
            if not self.is_alive():
                self.start()
        self.wake_w.send(b"x")

    def remove(self, sock, tick=None):
        with lock:
            if sock in self.sel.get_map():
                self.sel.unregister(sock)
            if tick:
                self.ticks.remove(tick)

    def run(self):
        due = time.monotonic()
        while True:
            ready = self.sel.select(max(0, due - time.monotonic()))
            with lock:
                for key, _ in ready:
                    if key.fileobj.fileno() >= 0:
                        with contextlib.suppress(OSError):
                            key.data()
            if time.monotonic() >= due:
                due = max(due + 0.02, time.monotonic() - 0.2)
                with lock:
                    for tick in list(self.ticks):
                        with contextlib.suppress(OSError):
                            tick()


engine = Engine()


class Rtp:
    """One stream of PCMU both ways (PCMA is understood too, and sent where it must be), with telephone-event at payload type te."""

    def __init__(self, tone=None, host="127.0.0.1", te=101):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.port = self.sock.getsockname()[1]
        self.far, self.tone, self.sending, self.te = None, tone, True, te
        self.ssrc, self.seq, self.ts, self.at = random.getrandbits(32), random.getrandbits(16), random.getrandbits(32), 0
        self.heard = collections.deque(maxlen=1500)         # payload type and payload of what was heard
        self.times = collections.deque(maxlen=4096)         # arrival, sequence number, SSRC, payload type
        self.sent = 0                                       # packets of the tone
        self.packets, self.keys, self._key_ts, self._dtmf = 0, "", None, collections.deque()
        self.alaw = False                                   # the far end takes no mu-law
        self.lose = None                                    # of a packet (payload type, payload): whether it gets lost on its way out
        self.jitter = 0.0                                   # seconds that a packet is late on its way out, at most
        self.pattern = None                                 # mu-law in place of the tone, once
        self._band = collections.deque()                    # frames of keys in band
        engine.add(self.sock, self._read, self._tick)

    def close(self):
        with lock:
            if self.sock.fileno() >= 0:
                engine.remove(self.sock, self._tick)
                self.sock.close()

    def _read(self):
        data = self.sock.recv(2048)
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        pt, seq, ts, ssrc = data[1] & 0x7F, *struct.unpack("!HII", data[2:12])
        payload = data[12 + 4 * (data[0] & 15):]
        self.packets += 1
        self.last_len = len(payload)
        self.times.append((time.monotonic(), seq, ssrc, pt))
        if pt == self.te and len(payload) >= 4:
            if (ssrc, ts) != self._key_ts:
                self._key_ts = (ssrc, ts)
                self.keys += "0123456789*#ABCD"[payload[0] & 15]
                changed.notify_all()
        elif pt in DECODE:
            self.heard.append((pt, payload))

    def _send(self, pt, payload, marker=False, ts=None):
        if pt == 0 and self.alaw:
            pt, payload = 8, payload.translate(TO_ALAW)
        if self.far and not (self.lose and self.lose(pt, payload)):
            head = struct.pack("!BBHII", 0x80, pt | (0x80 if marker else 0), self.seq, self.ts if ts is None else ts, self.ssrc)
            if self.jitter:
                threading.Timer(random.random() * self.jitter, self._late, (head + payload,)).start()
            else:
                self.sock.sendto(head + payload, self.far)
        self.seq = self.seq + 1 & 0xFFFF

    def _late(self, packet):
        with lock:
            if self.sock.fileno() >= 0:
                self.sock.sendto(packet, self.far)

    def _tick(self):
        if self._dtmf:
            event, step, start = self._dtmf[0]
            if step == 0:
                start = self.ts
            last = step >= 5
            self._send(self.te, struct.pack("!BBH", event, 0x8A if last else 0x0A, min(step + 1, 6) * FRAME), step == 0, start)
            self._dtmf[0] = (event, step + 1, start)
            if step >= 7:                                   # the end is sent three times
                self._dtmf.popleft()
                self._pause = 3
        elif self.pattern:
            self._send(0, self.pattern[:FRAME])
            self.pattern = self.pattern[FRAME:]
        elif self._band:
            self._send(0, self._band.popleft())
        elif self.sending and self.far:
            source = tone_second(self.tone) if self.tone else SILENCE
            self._send(0, source[self.at:self.at + FRAME])
            self.sent += 1
        self.ts = self.ts + FRAME & 0xFFFFFFFF
        self.at = (self.at + FRAME) % RATE

    def send_keys(self, keys):
        """RFC 4733, one after the other; returns at once."""
        with lock:
            for k in keys:
                self._dtmf.append(("0123456789*#ABCD".index(k), 0, 0))

    def send_tones(self, keys, on=5, off=4):
        """Keys in band, so many frames of 20 ms each; returns at once."""
        with lock:
            for k in keys:
                low, high = KEY_HZ[k]
                for f in range(on):
                    self._band.append(bytes(ulaw_octet(int(5000 * (math.sin(2 * math.pi * low * i / RATE)
                                                                   + math.sin(2 * math.pi * high * i / RATE))))
                                            for i in range(f * FRAME, f * FRAME + FRAME)))
                self._band.extend([SILENCE[:FRAME]] * off)

    @property
    def pcm(self):
        """The samples that were heard, of the last 1500 packets."""
        with lock:
            heard = list(self.heard)
        return [DECODE[pt][b] for pt, payload in heard for b in payload]

    def tone_keys(self):
        """The keys that were heard in band, each once."""
        got = self.pcm
        keys, last, since = "", None, 0
        for at in range(0, len(got) - 79, 80):
            part = got[at:at + 80]
            found = None
            if sum(x * x for x in part) / 80 > 500 * 500:
                level = {hz: share(part, hz)[0] for hz in sorted({h for pair in KEY_HZ.values() for h in pair})}
                found = next((k for k, (lo, hi) in KEY_HZ.items() if level[lo] > 0.25 and level[hi] > 0.25), None)
            since = since + 1 if found == last else 1
            last = found
            if found and since == 3:                        # 30 ms
                keys += found
        return keys

    def recent(self, seconds=0.3):
        n, parts = int(seconds * RATE), []
        with lock:
            for pt, payload in reversed(self.heard):
                if n <= 0:
                    break
                parts.append((pt, payload[-n:]))
                n -= len(payload)
        return [DECODE[pt][b] for pt, payload in reversed(parts) for b in payload]

    def hears_now(self, hz, seconds=0.3):
        got = self.recent(seconds)
        if len(got) < seconds * RATE * 0.9:
            return False
        part, level = share(got, hz)
        return part > 0.6 and level > 300

    def clear(self):
        with lock:
            self.heard.clear()

    def hear(self, hz, timeout=8.0, seconds=0.3, fresh=True):
        """Waits until the last so many seconds are that tone, of what comes from now on (or since the last clear())."""
        if fresh:
            self.clear()
        end = time.monotonic() + timeout
        while not self.hears_now(hz, seconds):
            if time.monotonic() > end:
                raise AssertionError("does not hear %d Hz: %s" % (hz, self.describe()))
            time.sleep(0.05)

    def hear_not(self, hz, for_s=0.6, timeout=8.0):
        """Waits until that tone has been absent for so long, whether there is something else or nothing."""
        end, since = time.monotonic() + timeout, None
        while True:
            part, level = share(self.recent(0.2), hz)
            fresh = self.times and self.times[-1][0] > time.monotonic() - 0.2
            if fresh and part > 0.3 and level > 300:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > for_s:
                return
            if time.monotonic() > end:
                raise AssertionError("still hears %d Hz" % hz)
            time.sleep(0.05)

    def hear_sound(self, timeout=8.0, seconds=0.5):
        """Waits for anything that is no silence: music, a voice."""
        self.clear()
        end = time.monotonic() + timeout
        while True:
            got = self.recent(seconds)
            if len(got) >= seconds * RATE * 0.9 and share(got, 1000)[1] > 100:
                return
            if time.monotonic() > end:
                raise AssertionError("hears nothing: %s" % self.describe())
            time.sleep(0.05)

    def wait_keys(self, keys, timeout=8.0):
        with lock:
            if not changed.wait_for(lambda: self.keys.endswith(keys), timeout):
                raise AssertionError("keys %r instead of %r" % (self.keys, keys))

    def longest_gap(self):
        """Seconds, of the packets kept."""
        with lock:
            t = [x[0] for x in self.times]
        return max((b - a for a, b in zip(t, t[1:])), default=0.0)

    def describe(self):
        got = self.recent(0.3)
        found = [hz for hz in range(300, 3400, 20) if share(got, hz)[0] > 0.25]
        return "%d packets in all, %d samples of the last 0.3 s, level %d, tones near %s" % (
            self.packets, len(got), share(got, 1000)[1], found)
