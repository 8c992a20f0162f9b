#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
registrar.py PORT PASSWORD-1001 PASSWORD-1002: what phones do to a registrar, over UDP, against the running suite. Prints "ok NAME" or
"not ok NAME: why" for each; test/call/registrar counts them. The suite bans an address after 3 wrong credentials, for 6 seconds.
"""
import hashlib
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sip_lib  # noqa: E402

PASSWORDS = {}


class Suite:
    def __init__(self, port):
        self.port = port


class Reg(sip_lib.Phone):
    """A phone that registers as user: keeps Call-ID and CSeq, and answers challenges."""

    def __init__(self, suite, user, password=None):
        super().__init__(suite)
        self.user, self.password = user, password or PASSWORDS[user]
        self.call_id, self.cseq, self.challenge, self.nc = sip_lib.unique("r"), 0, None, 0

    def send(self, contacts=None, expires=None, extra=(), auth=None, aor=None, headers=()):
        """One REGISTER and its answer; contacts None: our own, []: none."""
        self.cseq += 1
        aor = "<sip:%s@127.0.0.1>" % (aor or self.user)
        h = list(extra) + list(headers)
        for c in [self.contact()] if contacts is None else contacts:
            h.append("Contact: " + c)
        if expires is not None:
            h.append("Expires: %s" % expires)
        if auth:
            h.append("Authorization: " + auth)
        text = self.request("REGISTER", "sip:127.0.0.1", aor + ";tag=" + sip_lib.unique(), aor, self.call_id, self.cseq,
                            extra=h, contact=False)
        # A machine that is busy with other things may take its time: retransmit as phones do.
        for last in (False, False, False, True):
            try:
                return self.wait(lambda m: m.status >= 200 and m.cseq == self.cseq)
            except AssertionError:
                if last:
                    raise
                self.send_raw(text)

    def learn(self, answer, algorithm="MD5"):
        for v in answer.all("www-authenticate"):
            got = dict((k.lower(), a or b) for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', v))
            if got.get("algorithm", "MD5") == algorithm:
                self.challenge, self.nc = got, 0
                return got
        raise AssertionError("no %s challenge in %s" % (algorithm, answer.headers))

    def credentials(self, nc=None, password=None, user=None, qop=True, nonce=None, method="REGISTER"):
        c, user = self.challenge, user or self.user
        name = c.get("algorithm", "MD5")
        alg = hashlib.sha256 if name == "SHA-256" else hashlib.md5
        h = lambda s: alg(s.encode()).hexdigest()
        self.nc += 1
        nc, nonce = "%08x" % (nc or self.nc), nonce or c["nonce"]
        ha1 = h("%s:%s:%s" % (user, c["realm"], password or self.password))
        ha2 = h("%s:sip:127.0.0.1" % method)
        text = 'Digest username="%s",realm="%s",nonce="%s",uri="sip:127.0.0.1",algorithm=%s' % (user, c["realm"], nonce, name)
        if qop:
            return text + ',qop=auth,nc=%s,cnonce="xyz",response="%s"' % (nc, h(":".join((ha1, nonce, nc, "xyz", "auth", ha2))))
        return text + ',response="%s"' % h(":".join((ha1, nonce, ha2)))

    def register(self, algorithm="MD5", **kw):
        """With the challenge in between."""
        answer = self.send(**kw)
        if answer.status != 401:
            return answer
        self.learn(answer, algorithm)
        return self.send(auth=self.credentials(), **kw)


def want(got, what):
    if got != what:
        raise AssertionError("%r instead of %r" % (got, what))


def expires_of(answer, contact):
    for c in answer.all("contact"):
        if c.startswith(contact):
            return int(re.search(r"expires=(\d+)", c).group(1))
    raise AssertionError("%s is not among %s" % (contact, answer.all("contact")))


def clear(suite, user):
    p = Reg(suite, user)
    want(p.register(contacts=["*"], expires=0).status, 200)
    p.close()


def plain(s):
    p = Reg(s, "1001")
    first = p.send(expires=300)
    want(first.status, 401)
    algorithms = [re.search(r"algorithm=([\w-]+)", v).group(1) for v in first.all("www-authenticate")]
    want(algorithms, ["SHA-256", "MD5"])
    p.learn(first)
    want(p.challenge["realm"], "warden")
    want(p.challenge["qop"], "auth")
    want(p.challenge.get("stale", "false").lower(), "false")
    r = p.send(expires=300, auth=p.credentials())
    want(r.status, 200)
    if not r.tag("to"):
        raise AssertionError("the 200 has no To-tag")
    want(expires_of(r, p.contact()), 300)
    p.close()


def sha256(s):
    p = Reg(s, "1001")
    want(p.register("SHA-256").status, 200)
    p.close()


def rfc2069(s):
    p = Reg(s, "1001")
    p.learn(p.send())
    want(p.send(auth=p.credentials(qop=False)).status, 200)
    p.close()


def nonce_counts(s):
    p = Reg(s, "1001")
    want(p.register().status, 200)
    want(p.send(auth=p.credentials()).status, 200)
    want(p.send(auth=p.credentials(nc=9)).status, 200)
    r = p.send(auth=p.credentials(nc=1))
    want(r.status, 401)
    p.learn(r)
    want(p.send(auth=p.credentials()).status, 200)
    p.close()


def foreign_nonce(s):
    p = Reg(s, "1001")
    p.learn(p.send())
    for password in (None, "wrong", "wrong", "wrong", "wrong"):
        r = p.send(auth=p.credentials(nonce="0123456789abcdef", password=password))
        want(r.status, 401)
        want(p.learn(r).get("stale", "").lower(), "true")
    want(p.send(auth=p.credentials()).status, 200)
    p.close()


def not_mine(s):
    p = Reg(s, "1001")
    p.learn(p.send())
    want(p.send(aor="1002", auth=p.credentials()).status, 403)
    p.close()


def unregister(s):
    p = Reg(s, "1001")
    want(p.register(expires=300).status, 200)
    r = p.register(expires=0)
    want((r.status, [c for c in r.all("contact") if c.startswith(p.contact())]), (200, []))
    p.close()


def star(s):
    p = Reg(s, "1001")
    p.register(contacts=["<sip:a@127.0.0.1:1>", "<sip:b@127.0.0.1:2>"])
    want(p.register(contacts=["*"], expires=60).status, 400)
    r = p.register(contacts=["*"], expires=0)
    want((r.status, r.all("contact")), (200, []))
    p.close()


def expiries(s):
    p = Reg(s, "1001")
    c = "<sip:x@127.0.0.1:9>"
    want(expires_of(p.register(contacts=[c], expires=120), c), 120)
    want(expires_of(p.register(contacts=[c + ";expires=180"], expires=120), c), 180)
    want(expires_of(p.register(contacts=[c]), c), 3600)
    want(expires_of(p.register(contacts=[c], expires=4294967295), c), 7200)
    r = p.register(contacts=[c], expires=5)
    want((r.status, r.get("min-expires")), (423, "60"))
    p.close()


def several(s):
    clear(s, "1001")
    p, q = Reg(s, "1001"), Reg(s, "1001")
    p.register()
    r = q.register()
    want(len(r.all("contact")), 2)
    r = q.register(contacts=[])
    want(len(r.all("contact")), 2)
    p.close()
    q.close()


def oldest_out(s):
    clear(s, "1001")
    p = Reg(s, "1001")
    for i in range(12):
        r = p.register(contacts=["<sip:a@127.0.0.1:%d>" % (100 + i)])
    have = sorted(int(re.search(r":(\d+)>", c).group(1)) for c in r.all("contact"))
    want(have, list(range(102, 112)))
    clear(s, "1001")
    p.close()


def rebooted(s):
    p = Reg(s, "1001")
    p.cseq = 1000
    want(p.register(expires=300).status, 200)
    p.cseq, p.call_id = 0, sip_lib.unique("r")
    r = p.register(expires=200)
    want((r.status, expires_of(r, p.contact())), (200, 200))
    p.close()


def cisco(s):
    p = Reg(s, "1001")
    p.register(expires=300)
    r = p.register(contacts=[p.contact() + ";expires=0;cisco-keep-alive"])
    want(r.status, 200)
    if expires_of(r, p.contact()) < 290:
        raise AssertionError("the keep-alive has unregistered")
    p.close()


def keepalives(s):
    p = Reg(s, "1001")
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"\r\n"):
        p.send_raw(data)
    want(p.register().status, 200)
    p.close()


def wrong(s):
    p = Reg(s, "1001", "wrong")
    want(p.register().status, 403)
    n = Reg(s, "9999", "wrong")
    want(n.register().status, 403)
    want(p.register().status, 403)
    good = Reg(s, "1002")
    want(good.send().status, 403)
    end = time.time() + 30
    while good.send().status == 403:
        if time.time() > end:
            raise AssertionError("the ban does not end")
        time.sleep(0.2)
    want(good.register().status, 200)
    for x in (p, n, good):
        x.close()


def main():
    suite = Suite(int(sys.argv[1]))
    PASSWORDS.update({"1001": sys.argv[2], "1002": sys.argv[3]})
    failed = 0
    for name, test in (("digest by MD5, and what the 200 says", plain), ("digest by SHA-256", sha256),
                       ("digest without qop", rfc2069), ("nonce counts", nonce_counts), ("a foreign nonce is stale, and no attack", foreign_nonce),
                       ("another's address of record", not_mine), ("Expires: 0", unregister), ("Contact: *", star),
                       ("expiry: header, contact, default, too long, too brief", expiries), ("several contacts, and a query", several),
                       ("the oldest contact goes out", oldest_out), ("a phone that reboots", rebooted), ("Cisco's keep-alive", cisco),
                       ("keep-alives between", keepalives), ("wrong credentials, the ban and its end", wrong)):
        try:
            test(suite)
            print("ok " + name)
        except (AssertionError, KeyError, AttributeError) as e:
            failed += 1
            print("not ok %s: %s" % (name, e))
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
