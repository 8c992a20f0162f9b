# SPDX-License-Identifier: ISC
"""What the tests of apid share: a real apid beside a made-up featured in a temporary directory, requests, and ok lines as test/all
counts them. Imported by the scripts in test/web."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from fakefeatured import FakeFeatured

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WARDEN_BIN", os.path.join(TOP, "build/bin"))


def free_port(family=socket.AF_INET):
    with socket.socket(family) as s:
        s.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("not within %g s: %s" % (seconds, what))


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Suite:
    """apid (self.port, self.run) and a FakeFeatured (self.featured) with the tokens "plain" and "admin"."""

    def __init__(self, *overrides, host="127.0.0.1", featured=True):
        self.dir = tempfile.mkdtemp(prefix="warden-apid-")
        self.run = os.path.join(self.dir, "run")
        self.host = host
        self.port = free_port(socket.AF_INET6 if ":" in host else socket.AF_INET)
        os.mkdir(self.run)
        for d in (self.dir, self.run):
            os.chmod(d, 0o777)
        self.conf = os.path.join(self.dir, "apid.yml")
        shutil.copy(os.path.join(TOP, "etc/apid.yml"), self.conf)
        os.chmod(self.conf, 0o644)
        # The checkout may lie where the daemon's user cannot look.
        shutil.copytree(os.path.join(TOP, "apid/www"), os.path.join(self.dir, "www"))
        self.featured = FakeFeatured(TOP, os.path.join(self.run, "featured.sock"))
        self.featured.add_token("plain", "plain")
        self.featured.add_token("admin", "admin", admin=True)
        if featured:
            self.featured.start()
        args = [os.path.join(BIN, "apid"), "-f", self.conf, "-r", self.run, "-s", os.path.join(self.dir, "var")]
        for o in ("api.host=" + host, "api.port=%d" % self.port, "api.www_directory=" + os.path.join(self.dir, "www"),
                  "database.host=" + self.dir) + overrides:
            args += ["-o", o]
        if os.geteuid() == 0:
            args += ["-u", "nobody"]
        self.log = open(os.path.join(self.dir, "log"), "w+b")
        self.process = subprocess.Popen(args, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_for("apid is ready", self.ready)
        if featured:
            wait_for("apid found featured", lambda: self.get("/api/status").json["running"])

    def ready(self):
        assert self.process.poll() is None, "apid ended: " + self.logged()
        return "msg=ready" in self.logged()

    def logged(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "hung"
        if self.featured.server:
            self.featured.stop()
        self.log.close()
        text = self.logged()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert status == 0, "apid ended with %s: %s" % (status, text[-2000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("# apid's log: " + self.logged()[-3000:].replace("\n", "\n# "), file=sys.stderr)
        self.stop()

    def connect(self, timeout=10):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, token=None, headers=None, conn=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        own = conn is None
        conn = conn or self.connect()
        try:
            conn.request(method, path, body, headers)
            return Answer(conn.getresponse())
        finally:
            if own:
                conn.close()

    def get(self, path, token=None, **more):
        return self.request("GET", path, token=token, **more)

    def raw(self, data, timeout=10):
        """Sends bytes, returns all that comes until the end."""
        with socket.create_connection((self.host, self.port), timeout) as s:
            s.sendall(data)
            out = b""
            while True:
                try:
                    more = s.recv(65536)
                except ConnectionResetError:
                    break
                if not more:
                    break
                out += more
            return out


def same(got, wanted):
    if got != wanted:
        raise AssertionError("got %r, wanted %r" % (got, wanted))


def run_tests(tests):
    failed = 0
    for test in tests:
        name = os.path.basename(sys.argv[0]) + ": " + test.__name__.replace("_", " ")
        try:
            test()
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            print("not ok %s: %s" % (name, str(e).replace("\n", " ")[:500]), flush=True)
        else:
            print("ok " + name, flush=True)
    sys.exit(1 if failed else 0)
