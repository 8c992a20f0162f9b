#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends RFC 4475's torture messages to a running sipd and judges the answers.

usage: run.py PORT [TRANSPORT]

Each message goes out from a socket of its own over UDP, then (as TRANSPORT says: udp, tcp or both) over a TCP connection of its own.
After each one an OPTIONS must still be answered. Prints a line per message; the exit status is 1 when an answer is not in expect.txt
or sipd fell silent. An INVITE's final answer is acknowledged, so that sipd is left without open transactions.
"""
import os
import re
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PING = ("OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKping{n};rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1>;tag=p{n}\r\nTo: <sip:127.0.0.1>\r\nCall-ID: ping-{n}@127.0.0.1\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def expectations():
    for line in open(os.path.join(HERE, "expect.txt")):
        words = line.split("#")[0].split()
        if words:
            yield words[0], set(words[1:])


def header(text, name):
    found = re.search(r"^%s\s*:\s*(.*)$" % name, text, re.I | re.M)
    return found.group(1).strip() if found else ""


def final_status(sock, wait):
    """The first final answer that comes within wait seconds, as (status, text); ("-", "") for none."""
    sock.settimeout(wait)
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return "-", ""
            text = data.decode("utf-8", "replace")
            found = re.match(r"SIP/\S+ (\d{3})", text)
            if found and found.group(1) >= "200":
                return found.group(1), text
    except (socket.timeout, ConnectionError):
        return "-", ""


def ack(sock, message, text, port):
    """For an INVITE that was refused: without it the server repeats its answer for 32 s."""
    if b"INVITE" not in message.split(b"\r\n")[0] or not header(text, "To"):
        return
    via = re.search(r"^Via\s*:\s*([^,\r\n]*)", text, re.I | re.M)
    uri = message.split(b"\r\n")[0].split()[1].decode("utf-8", "replace")
    lines = ["ACK %s SIP/2.0" % uri, "Via: " + via.group(1), "From: " + header(text, "From"), "To: " + header(text, "To"),
             "Call-ID: " + header(text, "Call-ID"), "CSeq: %s ACK" % header(text, "CSeq").split()[0], "Max-Forwards: 70",
             "Content-Length: 0", "", ""]
    try:
        sock.send("\r\n".join(lines).encode())
    except OSError:
        pass


def alive(port, n):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        for _ in range(5):
            s.send(PING.format(port=port, own=s.getsockname()[1], n=n).encode())
            if final_status(s, 1)[0] == "200":
                return True
    return False


def open_socket(kind, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.connect(("127.0.0.1", port))
    return s


def main():
    port = int(sys.argv[1])
    kinds = {"udp": ["udp"], "tcp": ["tcp"], "both": ["udp", "tcp"]}[sys.argv[2] if len(sys.argv) > 2 else "both"]
    bad = 0
    n = 0
    for name, wanted in expectations():
        message = open(os.path.join(HERE, name + ".dat"), "rb").read()
        for kind in kinds:
            n += 1
            with open_socket(kind, port) as s:
                s.send(message)
                status, text = final_status(s, 0.5 if "-" in wanted or kind == "tcp" else 5)
                ack(s, message, text, port)
            # Over TCP a message that cannot be framed, or whose Via names another transport, may cost the connection in silence.
            ok = status in wanted or (kind == "tcp" and status == "-")
            up = alive(port, n)
            print("%s %s %s: %s (right: %s)%s" % ("ok" if ok and up else "FAILED", name, kind, status, " ".join(sorted(wanted)),
                                                 "" if up else ", and sipd is silent"))
            bad += not (ok and up)
    print("%d of %d answers were wrong" % (bad, n))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
