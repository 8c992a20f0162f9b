# SPDX-License-Identifier: ISC
"""
Subscriptions of a scripted phone (phone.py): SUBSCRIBE, its refreshes, and the NOTIFYs that come, which phone.py answers by itself.

    w = Watch(phone, "1002", "dialog"); w.next(lambda d: "early" in d)
    w.refresh(60); w.end()
"""
import re
import time
import xml.etree.ElementTree as ET

from phone import changed, lock
from sip_lib import unique

INFO = "{urn:ietf:params:xml:ns:dialog-info}"
PIDF = "{urn:ietf:params:xml:ns:pidf}"
MODEL = "{urn:ietf:params:xml:ns:pidf:data-model}"
RPID = "{urn:ietf:params:xml:ns:pidf:rpid}"


class Watch:
    def __init__(self, phone, user, event, expires=600, extra=(), status=200):
        self.phone, self.user, self.event, self.call_id, self.cseq = phone, user, event, unique("s"), 0
        self.local, self.remote, self.target = phone.me() + ";tag=" + unique("f"), phone.aor(user), "sip:%s@127.0.0.1" % user
        self.taken = 0          # NOTIFYs that next() has looked at
        self.extra = list(extra)
        self.answer = self._subscribe(expires)
        if self.answer.status != status:
            raise AssertionError("SUBSCRIBE %s to %s: %d" % (user, event, self.answer.status))
        if status == 200:
            self.remote, self.target = self.answer.get("to"), self.answer.uri()

    def _subscribe(self, expires):
        self.cseq += 1
        extra = ["Event: " + self.event] + ([] if expires is None else ["Expires: %d" % expires]) + self.extra
        m = self.phone.transact("SUBSCRIBE", self.target, self.local, self.remote, self.call_id, self.cseq, extra=extra)
        self.cseq = m.cseq
        return m

    def refresh(self, expires=600, status=200):
        m = self._subscribe(expires)
        if m.status != status:
            raise AssertionError("refresh: %d" % m.status)
        return m

    def end(self):
        return self.refresh(0)

    @property
    def notifies(self):
        """Each once, in order of CSeq's coming."""
        seen, out = set(), []
        for m in list(self.phone.seen):
            if not m.status and m.method == "NOTIFY" and m.get("call-id") == self.call_id and m.cseq not in seen:
                seen.add(m.cseq)
                out.append(m)
        return out

    def next(self, fits=lambda m: True, timeout=8.0):
        """The next NOTIFY that fits; those before it are passed over."""
        end = time.monotonic() + timeout
        with lock:
            while True:
                got = self.notifies
                while self.taken < len(got):
                    self.taken += 1
                    if fits(got[self.taken - 1]):
                        return got[self.taken - 1]
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("%s of %s: no such NOTIFY; got %s" % (self.event, self.user, [m.body for m in got][-4:]))
                changed.wait(min(left, 0.2))

    def now(self, fits, timeout=8.0):
        """Waits until the newest NOTIFY fits, whether it was seen before or not: what changes and changes back within the limit on the
        rate need not be told."""
        with lock:
            if not changed.wait_for(lambda: fits(self.notifies[-1]), timeout):
                raise AssertionError("%s of %s: stays %s" % (self.event, self.user, self.notifies[-1].body))
            self.taken = len(self.notifies)

    def none(self, seconds):
        with lock:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if len(self.notifies) > self.taken:
                    raise AssertionError("a NOTIFY came: %s" % self.notifies[-1].body)
                changed.wait(0.1)

    def only_up(self):
        """CSeq and the documents' versions only ever go up."""
        got = self.notifies
        cseqs = [m.cseq for m in got]
        versions = [int(v) for m in got for v in re.findall(r'<dialog-info[^>]* version="(\d+)"', m.body)]
        for name, v in (("CSeq", cseqs), ("version", versions)):
            if any(b <= a for a, b in zip(v, v[1:])):
                raise AssertionError("%s goes %s" % (name, v))
        return versions


def dialogs(m):
    """[{state, direction, remote, call-id, local-tag, remote-tag}] of a dialog-info document."""
    out = []
    for d in ET.fromstring(m.body).findall(INFO + "dialog"):
        remote = d.find(INFO + "remote/" + INFO + "identity")
        out.append(dict(d.attrib, state=d.findtext(INFO + "state"), remote=None if remote is None else remote.text,
                        name=None if remote is None else remote.get("display")))
    return out


def states(m):
    return sorted(d["state"] for d in dialogs(m))


def pidf(m):
    """(basic, activities, note) of a presence document."""
    root = ET.fromstring(m.body)
    acts = root.find(MODEL + "person/" + RPID + "activities")
    return (root.findtext(PIDF + "tuple/" + PIDF + "status/" + PIDF + "basic"),
            [a.tag.replace(RPID, "") for a in (acts if acts is not None else [])], root.findtext(PIDF + "tuple/" + PIDF + "note"))
