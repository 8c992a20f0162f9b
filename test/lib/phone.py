# SPDX-License-Identifier: ISC
"""
A scripted SIP phone with real RTP, for call tests in Python: it registers with a password, calls, answers, holds, transfers, sends keys,
and tells what it hears (rtp.py). What a phone does by itself happens in the background: retransmissions, digest answers, ACK, 200 to
re-INVITE, BYE, UPDATE, INFO, OPTIONS and NOTIFY. All that arrives can be looked at too.

    a, b = Phone(s, "1001", tone=440), Phone(s, "1002", tone=1000)      # s: a Suite (suite.py)
    a.register(); b.register()
    out = a.call("1002"); inc = b.incoming(); inc.ring(); inc.answer(); out.up()
    out.rtp.hear(1000); inc.rtp.hear(440)
    out.bye(); inc.over()
"""
import contextlib
import hashlib
import re
import time

from rtp import Rtp, changed, engine, lock
from sip_lib import Msg, unique
import sip_lib

ANSWERED_BY_ITSELF = ("BYE", "UPDATE", "INFO", "OPTIONS", "NOTIFY", "MESSAGE", "PRACK")


class Phone(sip_lib.Phone):
    def __init__(self, suite, user, tcp=False, tone=None, password=None, name=None, te=101, ptime=None, port=0):
        """te: the payload type of its telephone-events, None: it has none. ptime: that it asks for. port: of its TCP connection."""
        super().__init__(suite, tcp, port=port)
        self.te, self.ptime = te, ptime
        self.user, self.tone, self.name = user, tone, name or "Phone " + user
        self.password = password if password is not None else suite.password(user)
        self.legs, self.cseq, self.reg_id = {}, 0, unique("r")
        self.pending = {}       # (branch, method): [text, due, interval, until]
        self.sent_200 = {}      # call-id: [text, due, interval, until]
        self.answers = {}       # (branch, method): text of our answer, for retransmitted requests
        self.seen = []          # every message, in order
        self.mute = set()       # methods that the test answers
        self.nonces = {}        # realm: challenge and use count
        engine.add(self.sock, self._read, self._tick)

    def close(self):
        with lock:
            for leg in list(self.legs.values()):
                leg.rtp.close()
            if self.sock.fileno() >= 0:
                engine.remove(self.sock, self._tick)
                self.sock.close()

    def reconnect(self):
        """TCP: a new connection, after the old one was lost."""
        import socket
        with lock:
            engine.remove(self.sock, self._tick)
            self.sock.close()
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.sock.connect((self.host, self.sip.port))
            self.port, self.buf = self.sock.getsockname()[1], b""
            engine.add(self.sock, self._read, self._tick)

    # ---- the engine's side; the lock is held ----

    def _read(self):
        before = len(self.inbox)
        try:
            super()._take(0)
        except (EOFError, ConnectionError):
            engine.remove(self.sock)
            return
        new, self.inbox = self.inbox[before:], self.inbox[:before]
        self._took(new)

    def _took(self, messages):
        for m in messages:
            self.seen.append(m)
            if m.status:
                self._response(m)
            else:
                self._request(m)
        changed.notify_all()

    def _tick(self):
        now = time.monotonic()
        for table in (self.pending, self.sent_200):
            for key, p in list(table.items()):
                if now > p[3]:
                    del table[key]
                # A 2xx is sent again until the ACK comes whatever it travels by (RFC 3261 section 13.3.1.4).
                elif now > p[1] and (not self.tcp or table is self.sent_200):
                    self.send_raw(p[0])
                    p[2] = min(p[2] * 2, 4)
                    p[1] = now + p[2]

    def _response(self, m):
        branch = re.search(r"branch=([^;,\s]+)", m.get("via", ""))
        key = (branch and branch.group(1), m.method)
        if m.status >= 200 or m.method == "INVITE":
            self.pending.pop(key, None)
        leg = self.legs.get(m.get("call-id"))
        if leg and m.method == "INVITE" and leg._response(m):
            return
        self.inbox.append(m)

    def _request(self, m):
        branch = re.search(r"branch=([^;,\s]+)", m.get("via", ""))
        key = (branch and branch.group(1), m.method)
        leg = self.legs.get(m.get("call-id"))
        if key in self.answers:
            self.send_raw(self.answers[key])
        elif m.method == "ACK":
            self.sent_200.pop(m.get("call-id"), None)
            if leg:
                leg.acked(m)
            self.inbox.append(m)
        elif m.method == "INVITE" and not m.tag("to"):
            if leg:
                if leg.told and leg.state == "ringing":     # a retransmission before the answer
                    leg.progress(*leg.told)
                return
            self.legs[m.get("call-id")] = Leg(self, invite=m)
            self.reply(m, 100)
        elif m.method == "CANCEL":
            self.answer(m, 200)
            if leg and leg.state in ("incoming", "ringing"):
                leg.final(487)
                leg.end("cancelled")
        elif leg and m.method in ("INVITE", "UPDATE"):
            leg.reinvited(m)
        elif m.method in ANSWERED_BY_ITSELF and m.method not in self.mute:
            if m.tag("to") and not leg and m.method != "NOTIFY":
                self.answer(m, 481)
            else:
                self.answer(m, 200)
            self.inbox.append(m)
            if leg:
                leg.requests.append(m)
                if m.method == "BYE":
                    leg.end("bye")
        else:
            self.inbox.append(m)

    # ---- for tests ----

    def _take(self, timeout):
        with lock:
            changed.wait(min(timeout, 0.5))
        return True

    def wait(self, want, timeout=8.0):
        with lock:
            return super().wait(want, timeout)

    def answer(self, m, status, body="", extra=(), tag=None, **kw):
        """Answers a request, and its retransmissions."""
        keep, sent = self.send_raw, []
        self.send_raw = sent.append
        try:
            self.reply(m, status, tag=tag, body=body, extra=extra, **kw)
        finally:
            self.send_raw = keep
        branch = re.search(r"branch=([^;,\s]+)", m.get("via", ""))
        self.answers[(branch and branch.group(1), m.method)] = sent[0]
        self.send_raw(sent[0])
        return sent[0]

    def send(self, method, uri, frm, to, call_id, cseq, body="", extra=(), seconds=16, **kw):
        """A request with retransmissions; returns its branch."""
        branch = kw.pop("branch", None) or unique("z9hG4bK")
        with lock:
            text = self.request(method, uri, frm, to, call_id, cseq, body, extra, branch, **kw)
            if method != "ACK":
                now = time.monotonic()
                self.pending[(branch, method)] = [text, now + 0.5, 0.5, now + seconds]
        return branch

    def credentials(self, m, method, uri):
        """The header that answers a 401 or 407; MD5, which every phone can."""
        proxy = m.status == 407
        for v in m.all("proxy-authenticate" if proxy else "www-authenticate"):
            c = dict((k.lower(), x or y) for k, x, y in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', v))
            if c.get("algorithm", "MD5").upper() == "MD5":
                break
        else:
            raise AssertionError("no MD5 challenge in %s" % m.headers)
        h = lambda s: hashlib.md5(s.encode()).hexdigest()
        ha1, ha2 = h("%s:%s:%s" % (self.user, c["realm"], self.password)), h("%s:%s" % (method, uri))
        response = h(":".join((ha1, c["nonce"], "00000001", "cn", "auth", ha2)))
        return ('%s: Digest username="%s",realm="%s",nonce="%s",uri="%s",algorithm=MD5,qop=auth,nc=00000001,cnonce="cn",response="%s"'
                % ("Proxy-Authorization" if proxy else "Authorization", self.user, c["realm"], c["nonce"], uri, response))

    def transact(self, method, uri, frm, to, call_id, cseq, body="", extra=(), timeout=8.0, **kw):
        """A request other than INVITE and its final answer, with a challenge in between; the CSeq used stands in the answer."""
        for auth in ([], None):
            branch = self.send(method, uri, frm, to, call_id, cseq, body, list(extra) + (auth if auth is not None else keys), **kw)
            m = self.wait(lambda m: m.status >= 200 and m.method == method and branch in m.get("via", ""), timeout)
            if m.status not in (401, 407) or auth is None:
                return m
            keys, cseq = [self.credentials(m, method, uri)], cseq + 1
        return m

    def aor(self, user=None):
        return "<sip:%s@127.0.0.1>" % (user or self.user)

    def me(self):
        return '"%s" %s' % (self.name, self.aor())

    def register(self, expires=300, extra=(), **kw):
        self.cseq += 2
        m = self.transact("REGISTER", "sip:127.0.0.1", self.aor() + ";tag=" + unique(), self.aor(), self.reg_id, self.cseq,
                          extra=list(extra) + ["Expires: %d" % expires], **kw)
        if m.status != 200:
            raise AssertionError("REGISTER of %s: %d" % (self.user, m.status))
        return m

    def unregister(self):
        return self.register(0)

    def out_of_dialog(self, method, user, body="", extra=(), **kw):
        """MESSAGE, SUBSCRIBE, PUBLISH, REFER, OPTIONS... to a user; the final answer."""
        return self.transact(method, "sip:%s@127.0.0.1" % user, self.me() + ";tag=" + unique("f"), self.aor(user), unique("o"), 1,
                             body, extra, **kw)

    def call(self, number, extra=(), body=None, name=None):
        """An INVITE (credentials follow by themselves); returns the leg at once."""
        with lock:
            leg = Leg(self, number=number, extra=list(extra), body=body)
            self.legs[leg.call_id] = leg
            leg._invite()
        return leg

    def incoming(self, timeout=8.0):
        """The next call that nobody has fetched yet."""
        with lock:
            find = lambda: next((x for x in self.legs.values() if x.is_incoming and not x.fetched), None)
            if not changed.wait_for(find, timeout):
                raise AssertionError("%s: no call comes in; got %s" % (self.user, self.seen[-5:]))
            leg = find()
            leg.fetched = True
            return leg

    def forget(self):
        """Ends what is still up, and closes the sockets of all legs: the next case begins anew."""
        for leg in list(self.legs.values()):
            with contextlib.suppress(Exception):
                if leg.state == "up":
                    leg.bye()
                elif leg.state != "over":
                    leg.refuse(480) if leg.is_incoming else leg.cancel()
        with lock:
            for leg in self.legs.values():
                leg.rtp.close()
            self.legs, self.sent_200, self.inbox = {}, {}, []
            del self.seen[:]

    def no_incoming(self, seconds=1.0):
        try:
            leg = self.incoming(seconds)
        except AssertionError:
            return
        raise AssertionError("%s: a call came in: %s" % (self.user, leg.invite.headers))


class Leg:
    """A dialog of a phone's, with its RTP. state: calling, early, incoming, ringing, up, over."""

    def __init__(self, phone, invite=None, number=None, extra=(), body=None):
        self.phone, self.invite, self.number, self.extra, self.body = phone, invite, number, extra, body
        self.rtp, self.direction, self.version = Rtp(phone.tone, phone.host, phone.te), "sendrecv", 0
        self.requests, self.answers, self.ended, self.status, self.fetched = [], [], None, 0, False
        self.is_incoming = invite is not None
        self.far_sdp, self.offers, self.acks, self.auth, self.answered_tag = "", 0, 0, [], None
        self.early_media, self.pracked = False, False
        self.told = None                        # what the last 1xx of ours said
        if invite:
            self.call_id, self.local, self.remote = invite.get("call-id"), invite.get("to") + ";tag=" + unique("t"), invite.get("from")
            self.target, self.cseq, self.state = invite.uri(), 100, "incoming"
            self.route = invite.all("record-route")
            self._far(invite.body)
        else:
            self.call_id, self.cseq, self.state, self.route = unique("c"), 0, "calling", []
            self.local = phone.me() + ";tag=" + unique("f")
            self.remote, self.target = phone.aor(number.replace("#", "%23")), "sip:%s@127.0.0.1" % number.replace("#", "%23")

    # ---- SDP ----

    def sdp(self, direction=None):
        """Ours now; another direction makes a new version."""
        if direction and direction != self.direction:
            self.direction, self.version = direction, self.version + 1
        te = self.rtp.te
        event = "" if te is None else "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-16\r\n" % (te, te)
        if self.phone.ptime:
            event += "a=ptime:%d\r\n" % self.phone.ptime
        return ("v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8%s\r\n"
                "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n%sa=%s\r\n"
                % (self.rtp.port, self.version, self.rtp.port, "" if te is None else " %d" % te, event, self.direction))

    def _far(self, body):
        if not body.strip():
            return
        self.far_sdp = body
        host, port = re.search(r"c=IN IP\d (\S+)", body), re.search(r"m=audio (\d+)", body)
        direction = (re.findall(r"a=(sendrecv|sendonly|recvonly|inactive)", body) or ["sendrecv"])[-1]
        if host and port:
            self.rtp.far = (host.group(1), int(port.group(1))) if int(port.group(1)) else None
        formats = re.search(r"m=audio \d+ \S+ (.*)", body)
        self.rtp.alaw = bool(formats) and "0" not in formats.group(1).split() and "8" in formats.group(1).split()
        # Who holds is silent, like most phones.
        self.rtp.sending = direction in ("sendrecv", "recvonly") and self.direction == "sendrecv"

    # ---- the engine's side; the lock is held ----

    def _invite(self):
        self.cseq += 1
        self.offers += 1
        self.invite_cseq = self.cseq
        self.branch = self.phone.send("INVITE", self.target, self.local, self.remote, self.call_id, self.cseq,
                                      self.sdp() if self.body is None else self.body, self.extra + self.auth, seconds=32)

    def _ack(self, m):
        ours = m.status < 300
        late = self.sdp() if ours and self.body == "" and m.body and not self.pracked else ""   # the answer to its offer
        self.phone.request("ACK", self.target, self.local, m.get("to"), self.call_id, m.cseq, late,
                           extra=["Route: " + r for r in self.route] if ours else self.extra, branch=None if ours else self.branch)

    def _response(self, m):
        """True: it is dealt with."""
        self.answers.append(m)
        if m.status < 200:
            if self.state == "calling" and m.status > 100:
                self.state = "early"
            if m.body and m.cseq == self.invite_cseq:
                self.early_media = True
                self._far(m.body)
            return False
        if m.status < 300:
            self.remote, self.target = m.get("to"), m.uri() or self.target
            if self.state in ("calling", "early"):
                self.route = m.all("record-route")[::-1]
            self._ack(m)
            if self.state != "over" and m.cseq == self.invite_cseq:
                self._far(m.body)
                self.state, self.status, self.answered_tag = "up", m.status, m.tag("to")
            return False
        self._ack(m)
        if m.status in (401, 407) and not self.auth and self.state == "calling":
            self.auth = [self.phone.credentials(m, "INVITE", self.target)]
            self._invite()
            return True
        if m.cseq == self.invite_cseq and self.state in ("calling", "early"):
            self.status = m.status
            self.end("refused")
        return False

    def acked(self, m):
        self.acks += 1
        self._far(m.body)

    def reinvited(self, m):
        self._far(m.body)
        self.requests.append(m)
        self.target = m.uri() or self.target
        text = self.phone.answer(m, 200, self.sdp() if m.method == "INVITE" or m.body else "")
        if m.method == "INVITE":
            now = time.monotonic()
            self.phone.sent_200[self.call_id] = [text, now + 0.5, 0.5, now + 16]

    def end(self, why):
        if self.state != "over":
            self.state, self.ended = "over", why
            self.rtp.sending = False
            changed.notify_all()

    # ---- what the one called does ----

    def progress(self, status, media=False, extra=()):
        """180, 183, with early media if media: then the tone goes out already."""
        with lock:
            self.phone.reply(self.invite, status, tag=self.local.rsplit("tag=", 1)[1], body=self.sdp() if media else "", extra=extra)
            self.state, self.told = "ringing", (status, media, extra)

    def ring(self):
        self.progress(180)

    def final(self, status, body="", extra=()):
        return self.phone.answer(self.invite, status, body, extra, tag=self.local.rsplit("tag=", 1)[1],
                                 contact=not any(x.startswith("Contact:") for x in extra))

    def answer(self, extra=(), timeout=8.0):
        with lock:
            if self.state == "over":
                raise AssertionError("the call is over: %s" % self.ended)
            text = self.final(200, self.sdp(), extra)
            now = time.monotonic()
            self.phone.sent_200[self.call_id] = [text, now + 0.5, 0.5, now + 32]
            self.state = "up"
            if not changed.wait_for(lambda: self.acks or self.state == "over", timeout):
                raise AssertionError("no ACK")

    def refuse(self, status, extra=()):
        with lock:
            self.final(status, extra=extra)
            self.end("refused by us")

    # ---- what both do ----

    def wait_state(self, states, timeout):
        with lock:
            if not changed.wait_for(lambda: self.state in states, timeout):
                raise AssertionError("%s: is %s, not %s; answers %s" % (self.phone.user, self.state, "/".join(states), self.answers))
        return self

    def early(self, timeout=8.0):
        return self.wait_state(("early", "up"), timeout)

    def up(self, timeout=8.0):
        self.wait_state(("up", "over"), timeout)
        if self.state == "over":
            raise AssertionError("%s: %s with %d instead of answered" % (self.phone.user, self.ended, self.status))
        return self

    def over(self, timeout=8.0):
        return self.wait_state(("over",), timeout)

    def refused(self, status, timeout=8.0):
        self.over(timeout)
        if self.status != status:
            raise AssertionError("%s: %d instead of %d" % (self.phone.user, self.status, status))
        return self

    def cancel(self):
        with lock:
            self.phone.send("CANCEL", self.target, self.local, self.remote, self.call_id, self.invite_cseq, branch=self.branch,
                            contact=False)

    def send(self, method, body="", extra=(), timeout=8.0, **kw):
        """A request inside the dialog other than INVITE; its final answer."""
        with lock:
            self.cseq += 1
            cseq, extra = self.cseq, list(extra) + ["Route: " + r for r in self.route]
        m = self.phone.transact(method, self.target, self.local, self.remote, self.call_id, cseq, body, extra, timeout, **kw)
        self.cseq = max(self.cseq, m.cseq)
        return m

    def reliable(self, rseq=None, timeout=8.0):
        """The next reliable 1xx, as the caller."""
        fits = lambda m: 100 < m.status < 200 and m.get("rseq") and m.get("call-id") == self.call_id and rseq in (None, int(m.get("rseq")))
        return self.phone.wait(fits, timeout)

    def prack(self, m, body="", extra=(), rseq=None):
        """PRACK (RFC 3262) for a reliable 1xx; its final answer. body: SDP."""
        with lock:
            self.remote, self.target, self.pracked = m.get("to"), m.uri() or self.target, self.pracked or bool(body)
        r = self.send("PRACK", body, ["RAck: %s %d INVITE" % (rseq or m.get("rseq"), m.cseq)] + list(extra))
        with lock:
            self._far(r.body)
        return r

    def bye(self, timeout=8.0):
        with lock:
            if self.state == "over":
                return None
            self.end("bye by us")
        return self.send("BYE", timeout=timeout)

    def reinvite(self, direction=None, body=None, extra=(), timeout=8.0):
        """A re-INVITE and its final answer; glare (491) is tried again."""
        for _ in range(4):
            with lock:
                text = self.sdp(direction) if body is None else body
                self.cseq += 1
                cseq = self.invite_cseq = self.cseq
                self.branch = self.phone.send("INVITE", self.target, self.local, self.remote, self.call_id, cseq, text,
                                              list(extra) + ["Route: " + r for r in self.route])
            m = self.phone.wait(lambda m: m.status >= 200 and m.method == "INVITE" and m.cseq == cseq
                                and m.get("call-id") == self.call_id, timeout)
            if m.status in (401, 407):
                extra = list(extra) + [self.phone.credentials(m, "INVITE", self.target)]
            elif m.status != 491:
                break
            else:
                time.sleep(0.3)
        return m

    def hold(self, direction="sendonly"):
        m = self.reinvite(direction)
        if m.status != 200:
            raise AssertionError("hold: %d" % m.status)
        return m

    def resume(self):
        return self.hold("sendrecv")

    def keys(self, keys):
        """By RFC 4733; returns at once."""
        self.rtp.send_keys(keys)

    def info_key(self, key, ms=160, content_type="application/dtmf-relay"):
        m = self.send("INFO", "Signal=%s\r\nDuration=%d\r\n" % (key, ms), ctype=content_type)
        if m.status != 200:
            raise AssertionError("INFO: %d" % m.status)

    def info_keys(self):
        """The keys that came by INFO."""
        return "".join(re.search(r"Signal=(.)", m.body).group(1) for m in self.requests if m.method == "INFO")

    def replaces(self):
        """The value that names this dialog for another phone's Replaces (RFC 3891): to-tag is the other side's."""
        early = [m.get("to") for m in self.answers if m.status > 100 and m.tag("to")]
        far = re.search(r";tag=([^;>\s]+)", self.remote if ";tag=" in self.remote else early[-1]).group(1)
        near = re.search(r";tag=([^;>\s]+)", self.local).group(1)
        return "%s;to-tag=%s;from-tag=%s" % (self.call_id, far, near)

    def refer(self, refer_to, extra=(), timeout=8.0):
        """refer_to: a number or a whole URI in <>."""
        if not refer_to.startswith("<"):
            refer_to = "<sip:%s@127.0.0.1>" % refer_to
        return self.send("REFER", extra=["Refer-To: " + refer_to, "Referred-By: " + self.phone.aor()] + list(extra), timeout=timeout)

    def sipfrag(self, timeout=12.0):
        """The final status that NOTIFYs about our REFER told."""
        def final():
            for m in self.requests:
                found = m.method == "NOTIFY" and re.search(r"SIP/2.0 (\d+)", m.body)
                if found and int(found.group(1)) >= 200:
                    return int(found.group(1))
            return 0
        with lock:
            if not changed.wait_for(final, timeout):
                raise AssertionError("no final NOTIFY, got %s" % [m.body for m in self.requests])
            return final()
