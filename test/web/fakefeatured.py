# SPDX-License-Identifier: ISC
"""A featured that exists only for the tests of apid: it speaks the IPC protocol over a Unix socket and answers from a small
made-up state. It reads the schema (common/ipc/schema/*.def) itself, so that it is also a second reading of the protocol.
Called by test/web/api_test; must never be taken for the real one."""

import contextlib
import hashlib
import os
import re
import socket
import struct
import threading

REQUEST, REPLY, ERROR, MORE = 1, 2, 4, 8
SIZES = {"U8": 1, "U16": 2, "U32": 4, "U64": 8}


def read_schema(top):
    by_name, by_number = {}, {}
    directory = os.path.join(top, "common/ipc/schema")
    for part in re.findall(r'#include "(\S+\.def)"', open(os.path.join(directory, "all.def")).read()):
        text = open(os.path.join(top, part)).read()
        text = re.sub(r'#include "(\S+)"', lambda m: open(os.path.join(top, m.group(1))).read(), text)
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for name, number, body in re.findall(r"MSG\((\w+), (0x\w+),[^)]*\)(.*?)END\(\w+\)", text, flags=re.S):
            fields = re.findall(r"(U8|U16|U32|U64|STR|BIN|VIEW)\((\w+)(?:, (\d+))?\)", body)
            by_name[name] = (int(number, 16), fields)
            by_number[int(number, 16)] = (name, fields)
    return by_name, by_number


class Schema:
    def __init__(self, top):
        self.by_name, self.by_number = read_schema(top)
        with open(os.path.join(top, "common/ipc/msg.h")) as f:
            self.minor = int(re.search(r"#define IPC_MINOR (\d+)", f.read()).group(1))

    def pack(self, name, flags, request_id, values):
        number, fields = self.by_name[name]
        out = struct.pack(">HBI", number, flags, request_id)
        for kind, field, size in fields:
            value = values.get(field, b"" if kind in ("STR", "VIEW") else bytes(int(size)) if kind == "BIN" else 0)
            if kind in SIZES:
                out += int(value).to_bytes(SIZES[kind], "big")
            elif kind == "BIN":
                out += value
            else:
                value = value.encode() if isinstance(value, str) else value
                out += struct.pack(">H", len(value)) + value
        return out

    def unpack(self, packet):
        number, flags, request_id = struct.unpack(">HBI", packet[:7])
        name, fields = self.by_number[number]
        at, values = 7, {}
        for kind, field, size in fields:
            if kind in SIZES:
                values[field] = int.from_bytes(packet[at:at + SIZES[kind]], "big")
                at += SIZES[kind]
            elif kind == "BIN":
                values[field] = packet[at:at + int(size)]
                at += int(size)
            else:
                n = struct.unpack(">H", packet[at:at + 2])[0]
                values[field] = packet[at + 2:at + 2 + n]
                if kind == "STR":
                    values[field] = values[field].decode("utf-8", "surrogateescape")
                at += 2 + n
        assert at == len(packet), name
        return name, flags, request_id, values


def sha256(text):
    return hashlib.sha256(text.encode()).digest()


class FakeFeatured:
    """State is plain attributes; a test changes them."""

    def __init__(self, top, path):
        self.schema = Schema(top)
        self.path = path
        self.tokens = {}            # id -> {name, admin, hash, created_ms}
        self.next_token = 1
        self.extensions = []
        self.calls = {}             # uuid bytes -> call_item
        self.traces = {}            # uuid bytes -> [trace_item]
        self.gauges = []
        self.bans = {}              # address -> ban_item
        self.status = {}
        self.errors = {}            # message -> (status, reason): answered instead
        self.silent = set()         # messages that get no answer
        self.asked = []             # (message, values)
        self.server = None
        self.conn = None

    def add_token(self, text, name, admin=False):
        self.tokens[self.next_token] = {"name": name, "admin": admin, "hash": sha256(text), "created_ms": 1700000000000}
        self.next_token += 1
        return self.next_token - 1

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(self.path)
        os.chmod(self.path, 0o666)
        self.server.listen(4)
        threading.Thread(target=self.serve, args=(self.server,), daemon=True).start()

    def stop(self):
        server, self.server = self.server, None
        os.unlink(self.path)
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        conn = self.conn
        if conn:
            # Its thread may have closed it just now, apid having gone first.
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def serve(self, server):
        while True:
            try:
                conn, _ = server.accept()
            except OSError:
                return
            self.conn = conn
            conn.send(self.schema.pack("hello", 0, 0, {"major": 1, "minor": self.schema.minor, "role": 4, "epoch": 1}))
            while True:
                try:
                    packet = conn.recv(65536)
                except OSError:
                    packet = b""
                if not packet:
                    break
                self.on_message(conn, *self.schema.unpack(packet))
            conn.close()
            self.conn = None

    def on_message(self, conn, name, flags, request_id, values):
        if not flags & REQUEST:
            return
        self.asked.append((name, values))
        if name in self.silent:
            return
        if name in self.errors:
            answers = [("error", dict(zip(("status", "reason"), self.errors[name])))]
        else:
            answers = getattr(self, "on_" + name)(values)
        for i, (answer, body) in enumerate(answers):
            last = i == len(answers) - 1
            conn.send(self.schema.pack(answer, REPLY | (0 if last else MORE) | (ERROR if answer == "error" else 0),
                                       request_id, body))

    @staticmethod
    def listed(kind, items):
        return [(kind, item) for item in items] + [("list_end", {"count": len(items)})]

    @staticmethod
    def error(status, reason):
        return [("error", {"status": status, "reason": reason})]

    def on_status_get(self, _):
        return [("status", dict(self.status, active_calls=len(self.calls),
                                registered_extensions=sum(e.get("registered", 0) for e in self.extensions)))]

    def on_extensions_get(self, _):
        return self.listed("extension_item", self.extensions)

    def on_calls_get(self, _):
        return self.listed("call_item", list(self.calls.values()))

    def on_call_get(self, values):
        call = self.calls.get(values["call"])
        return [("call_item", call)] if call else self.error(404, "no such call")

    def on_call_start(self, values):
        if values["from"] not in [e["number"] for e in self.extensions]:
            return self.error(404, "no such extension")
        call = os.urandom(16)
        self.calls[call] = {"call": call, "from": values["from"], "to": values["to"], "state": 1,
                            "start_ms": 1790000000000}
        return [("call_started", {"call": call})]

    def on_call_hangup(self, values):
        if self.calls.pop(values["call"], None) is None:
            return self.error(404, "no such call")
        return [("done", {})]

    def on_trace_get(self, values):
        if values["call"] not in self.traces:
            return self.error(404, "not known here")
        return self.listed("trace_item", self.traces[values["call"]])

    def on_token_check(self, values):
        for number, token in self.tokens.items():
            if token["hash"] == values["hash"]:
                return [("token_info", dict(token, id=number))]
        return self.error(401, "no such token")

    def on_token_create(self, values):
        text = os.urandom(16).hex()
        number = self.add_token(text, values["name"], bool(values["admin"]))
        return [("token_made", {"id": number, "token": text})]

    def on_tokens_get(self, _):
        return self.listed("token_info", [dict(t, id=n) for n, t in self.tokens.items()])

    def on_token_delete(self, values):
        return [("done", {})] if self.tokens.pop(values["id"], None) else self.error(404, "no such token")

    def on_bans_get(self, _):
        return self.listed("ban_item", [dict(b, address=a) for a, b in self.bans.items()])

    def on_ban_delete(self, values):
        return [("done", {})] if self.bans.pop(values["address"], None) else self.error(404, "this address is not banned")

    def on_presence_get(self, values):
        if values["extension"] not in ("", "1001"):
            return self.error(404, "no such extension")
        return self.listed("presence_item", [{"extension": "1001", "name": "Ann", "status": 3, "message": "Auto-away"}])

    def on_presence_set(self, values):
        return self.error(409, "in_call is set by calls alone") if values["status"] == 5 else [("done", {})]

    def on_reload(self, _):
        return [("done", {})]

    def on_gauges_get(self, _):
        return self.listed("gauge", self.gauges)
