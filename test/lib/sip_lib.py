# SPDX-License-Identifier: ISC
"""
SIP phones for tests, small enough to do what no real phone does: send anything, wait for anything, hold an ACK back.
Used by test/call/sip_alone; tests only. A Phone is one UDP socket (or TCP connection) and what came in on it.
"""
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SDP = ("v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
       "m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
_n = [random.randrange(10 ** 6)]


def unique(prefix=""):
    _n[0] += 1
    return "%s%x%x" % (prefix, _n[0], random.getrandbits(40))


def sdp(port=4000):
    return SDP % (port, port)


class Msg:
    """A parsed message: start line, headers as (name, value), body."""
    LONG = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
            "c": "content-type", "k": "supported", "x": "session-expires"}

    def __init__(self, data, source=None):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        self.start, self.headers, self.body, self.source = lines[0], [], body.decode("utf-8", "replace"), source
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            self.headers.append((self.LONG.get(name, name), value.strip()))
        first = self.start.split(" ")
        self.status = int(first[1]) if first[0] == "SIP/2.0" else 0
        self.method = self.get("cseq", "0 ?").split()[1] if self.status else first[0]
        self.cseq = int(self.get("cseq", "0 ?").split()[0])

    def get(self, name, default=None):
        for n, v in self.headers:
            if n == name:
                return v
        return default

    def all(self, name):
        return [v for n, v in self.headers if n == name]

    def tag(self, name):
        m = re.search(r";tag=([^;>\s]+)", self.get(name, ""))
        return m.group(1) if m else None

    def uri(self):
        m = re.search(r"<([^>]+)>", self.get("contact", ""))
        return m.group(1) if m else self.get("contact")

    def __repr__(self):
        return self.start


def from_stream(data, source=None):
    """The messages in what a TCP connection has brought, and the beginning of the next one."""
    got = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        m = re.search(rb"(?i)\r\n(?:content-length|l)\s*:\s*(\d+)", head)
        n = int(m.group(1)) if m else 0
        if len(rest) < n:
            break
        got.append(Msg(head.lstrip() + b"\r\n\r\n" + rest[:n], source))
        data = rest[n:]
    return got, data


class Phone:
    def __init__(self, sip, tcp=False, host="127.0.0.1", port=0):
        self.sip, self.tcp, self.host = sip, tcp, host
        fam = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(fam, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        if tcp:
            if port:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.sock.bind((host, port))
            self.sock.connect((host, sip.port))
        else:
            self.sock.bind((host, 0))
        self.port = self.sock.getsockname()[1]
        self.inbox, self.raw, self.buf = [], [], b""
        self.user = unique("u")

    def close(self):
        self.sock.close()

    def send_raw(self, data):
        if isinstance(data, str):
            data = data.encode()
        if self.tcp:
            self.sock.sendall(data)
        else:
            self.sock.sendto(data, (self.host, self.sip.port))

    def _take(self, timeout):
        if not select.select([self.sock], [], [], timeout)[0]:
            return False
        data, src = self.sock.recvfrom(65536)
        if not self.tcp:
            self.raw.append(data)
            if data.strip():
                self.inbox.append(Msg(data, src))
            return True
        if not data:
            raise EOFError("connection closed")
        got, self.buf = from_stream(self.buf + data, src)
        self.inbox += got
        return True

    def wait(self, want, timeout=4.0):
        """The first message that fits: a status, a method name or a predicate. Others stay."""
        if isinstance(want, int):
            fits = lambda m: m.status == want
        elif isinstance(want, str):
            fits = lambda m: not m.status and m.method == want
        else:
            fits = want
        end = time.time() + timeout
        while True:
            for i, m in enumerate(self.inbox):
                if fits(m):
                    return self.inbox.pop(i)
            left = end - time.time()
            if left <= 0:
                raise AssertionError("waited for %s, got %s" % (want if not callable(want) else "something", self.inbox))
            self._take(left)

    def none(self, want, seconds):
        """Nothing that fits comes for so long."""
        try:
            m = self.wait(want, seconds)
        except AssertionError:
            return
        raise AssertionError("unexpected %r" % m)

    def clear(self):
        while self._take(0):
            pass
        self.inbox.clear()

    def contact(self):
        h = "[%s]" % self.host if ":" in self.host else self.host
        return "<sip:%s@%s:%d%s>" % (self.user, h, self.port, ";transport=tcp" if self.tcp else "")

    def via(self, branch=None):
        h = "[%s]" % self.host if ":" in self.host else self.host
        return "SIP/2.0/%s %s:%d;rport;branch=%s" % ("TCP" if self.tcp else "UDP", h, self.port, branch or unique("z9hG4bK"))

    def request(self, method, uri, frm, to, call_id, cseq, body="", extra=(), branch=None, via=None, ctype="application/sdp",
                contact=True):
        h = ["%s %s SIP/2.0" % (method, uri), "Via: " + (via or self.via(branch)), "Max-Forwards: 70", "From: " + frm, "To: " + to,
             "Call-ID: " + call_id, "CSeq: %d %s" % (cseq, method)]
        if contact:
            h.append("Contact: " + self.contact())
        h += list(extra)
        if body:
            h.append("Content-Type: " + ctype)
        h.append("Content-Length: %d" % len(body))
        text = "\r\n".join(h) + "\r\n\r\n" + body
        self.send_raw(text)
        return text

    def reply(self, req, status, phrase="X", tag=None, body="", extra=(), contact=True):
        h = ["SIP/2.0 %d %s" % (status, phrase)] + ["Via: " + v for v in req.all("via")]
        h += ["Record-Route: " + v for v in req.all("record-route")]
        to = req.get("to")
        if tag and ";tag=" not in to:
            to += ";tag=" + tag
        h += ["From: " + req.get("from"), "To: " + to, "Call-ID: " + req.get("call-id"), "CSeq: " + req.get("cseq")]
        if contact:
            h.append("Contact: " + self.contact())
        h += list(extra)
        if body:
            h.append("Content-Type: application/sdp")
        h.append("Content-Length: %d" % len(body))
        self.send_raw("\r\n".join(h) + "\r\n\r\n" + body)

    def register(self, expires=300, extra=(), contact=None):
        me = "<sip:%s@warden.test>" % self.user
        self.request("REGISTER", "sip:warden.test", me + ";tag=" + unique(), me, unique("r"), 1,
                     extra=list(extra) + ["Expires: %d" % expires])
        return self.wait(lambda m: m.status >= 200)

    def call(self, user, body=None, extra=(), uri=None, **kw):
        return Call(self, user, sdp() if body is None else body, extra, uri, **kw)


class Call:
    """An outgoing call of a phone, and the dialog that comes of it."""

    def __init__(self, phone, user, body, extra=(), uri=None, **kw):
        self.phone, self.call_id, self.cseq = phone, unique("c"), 1
        self.frm = '"Caller" <sip:%s@warden.test>;tag=%s' % (phone.user, unique("f"))
        self.to = "<sip:%s@warden.test>" % user
        self.target, self.branch = uri or "sip:%s@warden.test" % user, unique("z9hG4bK")
        self.text = phone.request("INVITE", self.target, self.frm, self.to, self.call_id, 1, body, extra, self.branch, **kw)

    def wait(self, want, timeout=4.0):
        if isinstance(want, int):
            m = self.phone.wait(lambda m: m.status == want and m.get("call-id") == self.call_id, timeout)
        else:
            m = self.phone.wait(lambda m: not m.status and m.method == want and m.get("call-id") == self.call_id, timeout)
        return m

    def answered(self, timeout=4.0, ack=True, body=""):
        m = self.wait(200, timeout)
        self.to, self.target = m.get("to"), m.uri()
        if ack:
            self.ack(1, body)
        return m

    def ack(self, cseq, body=""):
        self.phone.request("ACK", self.target, self.frm, self.to, self.call_id, cseq, body)

    def refused(self, status, timeout=4.0):
        m = self.wait(status, timeout)
        self.phone.request("ACK", self.target, self.frm, m.get("to"), self.call_id, 1, branch=self.branch)
        return m

    def cancel(self):
        self.phone.request("CANCEL", self.target, self.frm, self.to, self.call_id, 1, branch=self.branch)

    def send(self, method, body="", extra=(), **kw):
        self.cseq += 1
        self.phone.request(method, self.target, self.frm, self.to, self.call_id, self.cseq, body, extra, **kw)

    def bye(self):
        self.send("BYE")
        return self.phone.wait(lambda m: m.status >= 200 and m.method == "BYE" and m.get("call-id") == self.call_id)


class Incoming:
    """An INVITE that a phone got, and its dialog seen from there."""

    def __init__(self, phone, timeout=4.0):
        self.phone = phone
        self.invite = phone.wait("INVITE", timeout)
        self.call_id, self.tag, self.cseq = self.invite.get("call-id"), unique("t"), 100
        self.frm, self.to = self.invite.get("to") + ";tag=" + self.tag, self.invite.get("from")
        self.target = self.invite.uri()

    def reply(self, status, body="", extra=(), tag=None, **kw):
        self.phone.reply(self.invite, status, "X", tag or self.tag, body, extra, **kw)

    def answer(self, body=None, extra=()):
        self.reply(200, sdp(5000) if body is None else body, extra)
        return self.wait("ACK")

    def wait(self, method, timeout=4.0):
        return self.phone.wait(lambda m: not m.status and m.method == method and m.get("call-id") == self.call_id, timeout)

    def send(self, method, body="", extra=(), **kw):
        self.cseq += 1
        self.phone.request(method, self.target, self.frm, self.to, self.call_id, self.cseq, body, extra, **kw)

    def status(self, method, timeout=4.0):
        return self.phone.wait(lambda m: m.status >= 200 and m.method == method and m.get("call-id") == self.call_id, timeout)


class Sip:
    """sipd and the stand-in for featured, in a temporary directory, on a free port."""

    def __init__(self, build, options=()):
        self.build, self.options = build, list(options)
        self.dir = tempfile.mkdtemp(prefix="sipd-test.")
        os.chmod(self.dir, 0o755)
        self.port, self.procs = self.free_port(), {}
        self.user = "nobody" if os.geteuid() == 0 else None
        os.mkdir(self.dir + "/run")
        if self.user:
            shutil.chown(self.dir + "/run", self.user)
        # The tools may lie where that user cannot look.
        self.bin = {n: shutil.copy(build + p, self.dir) for n, p in (("sipd", "/bin/sipd"), ("peer", "/test/sip_peer"))}
        self.conf = shutil.copy(os.path.dirname(os.path.abspath(__file__)) + "/../../etc/sipd.yml", self.dir)
        for f in list(self.bin.values()) + [self.conf]:
            os.chmod(f, 0o755)

    @staticmethod
    def free_port():
        while True:
            port = random.randrange(20000, 30000)
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    for fam, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                        s = socket.socket(fam, kind)
                        if fam == socket.AF_INET6:
                            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                        s.bind((host, port))
                        s.close()
                return port
            except OSError:
                continue

    def start_peer(self):
        out = open(self.dir + "/peer.log", "ab")
        self.procs["peer"] = subprocess.Popen([self.bin["peer"], self.dir + "/run", "-a"], stderr=out, user=self.user)
        self.until(lambda: os.path.exists(self.dir + "/run/featured.sock"))

    def start_sipd(self):
        out = open(self.dir + "/sipd.log", "ab")
        mark = out.tell()
        args = [self.bin["sipd"], "-f", self.conf, "-r", self.dir + "/run", "-s", self.dir + "/run/state", "-o",
                "server.sip_port=%d" % self.port]
        for o in self.options:
            args += ["-o", o]
        if self.user:
            args += ["-u", self.user]
        self.procs["sipd"] = subprocess.Popen(args, stderr=out)
        return mark

    def start(self):
        self.start_peer()
        mark = self.start_sipd()
        self.until(lambda: b"told featured" in open(self.dir + "/sipd.log", "rb").read()[mark:])

    def restart(self):
        """kill -9, and up again."""
        self.procs["sipd"].kill()
        self.procs["sipd"].wait()
        mark = self.start_sipd()
        self.until(lambda: b"told featured" in open(self.dir + "/sipd.log", "rb").read()[mark:])

    @staticmethod
    def until(what, timeout=10):
        end = time.time() + timeout
        while not what():
            if time.time() > end:
                raise AssertionError("not in time")
            time.sleep(0.01)

    def log(self, name):
        return open("%s/%s.log" % (self.dir, name), errors="replace").read()

    def alive(self):
        return self.procs["sipd"].poll() is None

    def pause(self, name, on=True):
        self.procs[name].send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def stop(self):
        for p in self.procs.values():
            if p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.terminate()
        for p in self.procs.values():
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
