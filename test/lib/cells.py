# SPDX-License-Identifier: ISC
"""
Many calls at once, each a cell of a matrix (test/kill/matrix): a cell brings its call to its middle (begin), something happens to the
daemons (during runs at that moment), and it goes on to its end (finish). What each call's record must say is gathered on the way: every
time in it has to lie between two moments that the cell has seen.
"""
import contextlib
import threading
import time

from suite import same

WAIT = 20           # seconds for what should take one at most; the machine may be busy
SLACK = 0.05        # seconds by which a time of a record may be off


class Span:
    """When something began and when it was seen to be done."""

    def __init__(self):
        self.first = self.last = None

    def __enter__(self):
        self.first = self.first or time.time()

    def __exit__(self, *_):
        self.last = time.time()

    def check(self, what, at):
        if self.first is None:
            same(at, "", what)
        elif not at or not self.first - SLACK <= float(at) <= self.last + SLACK:
            raise AssertionError("%s time is %s, not within %.3f to %.3f" % (what, at or "none", self.first, self.last))


class Record:
    """What a call's record must say; a span that was never entered: no such time."""

    def __init__(self, who, number, disposition="answered"):
        self.key = [who, number, disposition]
        self.start, self.answer, self.end = Span(), Span(), Span()

    def check(self, start, answer, end, duration, billsec):
        """Unix times, and milliseconds."""
        self.start.check("start", start)
        self.answer.check("answer", answer)
        self.end.check("end", end)
        same(int(duration), round((float(end) - float(start)) * 1000), "duration")
        same(int(billsec), round((float(end) - float(answer)) * 1000) if answer else 0, "billsec")


class Cell:
    """One call of the matrix. Phones a, b and c belong to it alone; each has a tone of its own."""
    def __init__(self, suite, killed, who, a, b, c, slot):
        self.s, self.killed, self.who, self.phones, self.slot = suite, killed, who, (a, b, c), slot
        self.a, self.b, self.c = a, b, c
        self.broken, self.records = None, []

    def begin(self):
        raise NotImplementedError

    def during(self):
        pass

    def finish(self):
        raise NotImplementedError

    def check(self):
        """After all is over; beside the records."""

    # ---- what cells are made of ----

    def record(self, phone, number, disposition="answered"):
        self.records.append(Record(phone.user, number, disposition))
        return self.records[-1]

    def dial(self, phone, number, target=None, recorded=None):
        """A call to number that rings at target (b); its record, which may have another number."""
        rec = self.record(phone, recorded or number)
        with rec.start:
            out = phone.call(number)
            inc = (target or self.b).incoming(WAIT)
        return out, inc, rec

    def talk(self):
        """a has called b; by acts, other does not."""
        self.out, self.inc, self.rec = self.dial(self.a, self.b.user)
        self.inc.ring()
        with self.rec.answer:
            self.inc.answer(timeout=WAIT)
            self.out.up(WAIT)
        self.by, self.other = (self.out, self.inc) if self.who == "caller" else (self.inc, self.out)

    def accept(self, phone, out=None, rec=None):
        """The next call of that phone's is answered; with out and rec: that answers theirs."""
        leg = phone.incoming(WAIT)
        self.pick_up(leg, out, rec)
        return leg

    def pick_up(self, leg, out=None, rec=None):
        with rec.answer if rec else contextlib.nullcontext():
            leg.answer(timeout=WAIT)
            if out:
                out.up(WAIT)

    def insist(self, send):
        """A request that is sent again, as long as no connection or no answer can be had, until it is known to have been done."""
        for _ in range(8):
            try:
                if send().status in (200, 202, 481):
                    return
            except (AssertionError, OSError):
                pass
            time.sleep(0.2)
        raise AssertionError("never answered")

    def hear(self, x, y, seconds=0.3):
        """Each the other, and nothing else."""
        x.rtp.clear()
        y.rtp.clear()
        x.rtp.hear(y.phone.tone, WAIT, seconds, fresh=False)
        y.rtp.hear(x.phone.tone, WAIT, seconds, fresh=False)

    def hang_up(self, leg, *others, rec=None):
        with (rec or self.rec).end:
            leg.bye(timeout=WAIT)
            for x in others:
                x.over(WAIT)

    def trace(self, phone):
        """The events of the call that this phone has made, which is up."""
        return self.s.trace(phone.user)

    def until_event(self, phone, event, detail=""):
        """Waits until the trace of its call says that last."""
        end = time.monotonic() + WAIT
        while True:
            got = [line["detail"] for line in self.trace(phone) if line["event"] == event]
            if got and detail in got[-1]:
                return
            if time.monotonic() > end:
                raise AssertionError("no event %s %s, but %s" % (event, detail, got[-3:]))
            time.sleep(0.15)


def all_do(cells, step):
    """A step of all cells that still work, at the same time."""
    def one(cell):
        try:
            getattr(cell, step)()
        except Exception as e:              # told with the cell's name at the end of the round
            cell.broken = (step, e)
    threads = [threading.Thread(target=one, args=(cell,)) for cell in cells if not cell.broken]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
