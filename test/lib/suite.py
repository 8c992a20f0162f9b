# SPDX-License-Identifier: ISC
"""
The whole suite for tests in Python, and how such a test tells its results. Suite() starts test/stack in a temporary directory; stop()
ends it and all that belongs to it. Results are lines "ok NAME" and "not ok NAME: why", which test/all counts.

    s = Suite(overrides={"featured": ["features.max_call_duration=20"]})
    check("a call", lambda: ...)          # not ok when it raises
    finish(s)                             # stops it, exits 0 or 1
"""
import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failed = []


def check(name, what):
    """Runs what(); ok unless it raises. Returns what it returns, or None when it failed."""
    try:
        got = what()
        print("ok " + name, flush=True)
        return got
    except Exception as e:
        where = traceback.extract_tb(e.__traceback__)[-1]
        print("not ok %s: %s: %s (%s:%d)" % (name, type(e).__name__, str(e).replace("\n", " ")[:600],
                                             os.path.basename(where.filename), where.lineno), flush=True)
        if os.environ.get("TRACEBACK"):
            traceback.print_exc()
        failed.append(name)
        return None


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s%r instead of %r" % (what and what + ": ", got, wanted))


def until(what, timeout=10.0, why="not in time", every=0.03):
    """Waits until what() is true, and returns that; why may be a function that tells more."""
    end = time.monotonic() + timeout
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(why() if callable(why) else why)
        time.sleep(every)


def finish(*suites):
    for s in suites:
        s.stop()
    sys.exit(1 if failed else 0)


class Suite:
    def __init__(self, overrides=None, files=None, env=None):
        """overrides: {daemon: ["section.key=value"]}; files: {"featured.yml": text} in place of the shipped ones."""
        self.tmp = tempfile.mkdtemp(prefix="warden.", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.tmp, 0o755)
        self.dir, self.extra = self.tmp + "/s", dict(os.environ, **(env or {}))
        os.makedirs(self.dir + "/etc")
        for name, text in (files or {}).items():
            with open("%s/etc/%s" % (self.dir, name), "w") as f:
                f.write(text)
        # Who calls an extension that does not answer is to hear so, unless voicemail is what is tested.
        overrides = dict(overrides or {})
        if not any("voicemail" in line for line in overrides.get("featured", [])):
            overrides["featured"] = ["features.voicemail=false"] + overrides.get("featured", [])
        for name, lines in overrides.items():
            with open("%s/etc/%s.overrides" % (self.dir, name), "w") as f:
                f.write("".join(line + "\n" for line in lines))
        self.base, self.lock = self._port_base()
        self.stopped = False
        atexit.register(self.stop)      # also when the test ends by an exception, or nobody reads what it says
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, lambda n, f: (self.stop(), os._exit(128 + n)))
        r = self.stack("start", "--port-base", str(self.base))
        if r.returncode:
            self.stop()
            print("not ok start of the suite: " + r.stdout.replace("\n", " ")[-600:], flush=True)
            sys.exit(1)
        self.read_env()

    def _port_base(self):
        """By common.sh, so that tests of both kinds keep out of each other's way; it is ours as long as this process lives."""
        script = '. "%s/test/lib/common.sh"; port_base; echo "%d" >/tmp/warden-ports/$port_base; echo $port_base' % (TOP, os.getpid())
        out = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()
        return int(out[-1]), "/tmp/warden-ports/" + out[-1]

    def stack(self, verb, *args):
        return subprocess.run([TOP + "/test/stack", verb, self.dir] + list(args), env=self.extra, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)

    def read_env(self):
        with open(self.dir + "/run/env") as f:
            self.env = dict(line.strip().split("=", 1) for line in f if "=" in line)
        self.port, self.http, self.host = int(self.env["SIP_PORT"]), int(self.env["HTTP_PORT"]), "127.0.0.1"

    def password(self, user):
        return self.env["EXT_%s_PASSWORD" % user].strip("'\"")

    def pin(self, user):
        return self.env["EXT_%s_PIN" % user].strip("'\"")

    def pid(self, daemon):
        self.read_env()
        return int(self.env["PID_" + daemon.upper()])

    def api(self, method, path, body=None, token=None):
        """(status, what the JSON says); the bytes when it is no JSON."""
        req = urllib.request.Request("http://127.0.0.1:%d%s" % (self.http, path), method=method,
                                     data=None if body is None else json.dumps(body).encode())
        req.add_header("Authorization", "Bearer " + (token or self.env["API_TOKEN"].strip("'\"")))
        if body is not None:
            req.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(req, timeout=10) as r:
                status, data = r.status, r.read()
        except urllib.error.HTTPError as e:
            status, data = e.code, e.read()
        with contextlib.suppress(ValueError):
            data = json.loads(data)
        return status, data

    def calls(self):
        """How many calls are up; None while the suite cannot say."""
        try:
            return self.api("GET", "/api/status")[1].get("active_calls")
        except (OSError, AttributeError):
            return None

    def trace(self, user):
        """The lines of the trace of the call that this user has made and that is up; none while the suite cannot say."""
        try:
            for call in self.api("GET", "/api/v1/calls")[1]:
                if call["from"] == user:
                    return self.api("GET", "/api/v1/calls/%s/trace" % call["call_id"])[1]["trace"]
        except (OSError, TypeError, KeyError):      # a daemon is away
            pass
        return []

    def idle(self, timeout=15):
        until(lambda: self.calls() == 0, timeout, lambda: "%s calls are left" % self.calls())

    def sql(self, query):
        """Rows as lists of strings."""
        r = subprocess.run(["psql", "-X", "-q", "-At", "-F", "\x1f", "-h", self.env["PGHOST"], "-p", "5432", "-d", "warden", "-c", query],
                           capture_output=True, text=True, env=dict(os.environ, PGCONNECT_TIMEOUT="5"))
        if r.returncode:
            raise AssertionError(r.stderr.strip())
        return [line.split("\x1f") for line in r.stdout.splitlines()]

    def cdrs(self, columns="from_extension, to_extension, disposition", count=None, timeout=20):
        """The records, oldest first; waits until there are count of them (no more may be there then)."""
        get = lambda: self.sql("SELECT %s FROM report.cdr ORDER BY start_time, call_id" % columns)
        if count is not None:
            until(lambda: len(get()) >= count, timeout, lambda: "%d records instead of %d" % (len(get()), count))
            same(len(get()), count, "records")
        return get()

    def kill(self, daemon, wait=True):
        """kill -9; with wait until the supervisor has a new one that answers."""
        old = self.pid(daemon)
        os.kill(old, signal.SIGKILL)
        if wait:
            until(lambda: self.pid(daemon) != old and self.stack("status").returncode == 0, 20, daemon + " does not come back")

    def restart(self, daemon):
        same(self.stack("restart", daemon).returncode, 0, "restart of " + daemon)
        self.read_env()

    def set(self, daemon, *lines):
        """Overrides for the next start."""
        with open("%s/etc/%s.overrides" % (self.dir, daemon), "a") as f:
            f.write("".join(line + "\n" for line in lines))

    def db(self, on):
        same(self.stack("db-start" if on else "db-stop").returncode, 0, "database")

    def log(self, daemon):
        with open("%s/log/%s.log" % (self.dir, daemon), errors="replace") as f:
            return f.read()

    def rtp_ports(self):
        """How many UDP ports of the RTP range are open."""
        out = subprocess.run(["ss", "-Hnuap"], capture_output=True, text=True).stdout
        low, high = self.base + 1000, self.base + 5999
        return sum(1 for line in out.splitlines()
                   if low <= int(line.split()[3].rsplit(":", 1)[1]) <= high and "mediad" in line)

    def stop(self):
        if self.stopped:
            return
        self.stopped = True
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, signal.SIG_IGN)
        r = self.stack("stop")
        if r.returncode:
            print("not ok no daemon crashes: " + r.stdout.replace("\n", " ")[-600:], flush=True)
            failed.append("stop")
        with contextlib.suppress(OSError):
            os.unlink(self.lock)
        if os.environ.get("KEEP"):
            print("# kept: " + self.tmp)
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)
