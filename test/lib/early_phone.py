#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
A phone that answers each call with 183 and sound, for the test of early media: no phone in Debian sends sound before it
answers. early_phone.py SIP-PORT USER TONE-HZ [unregistered-after-s]: registers without a password (require_authentication is off),
and on an INVITE sends 180 without SDP, 183 with SDP and the tone, a plain 180 again (which must not silence it), and never a 200.
Prints a line for each message. Used by test/call/early.
"""
import math
import re
import select
import socket
import struct
import sys
import time

server = ("127.0.0.1", int(sys.argv[1]))
user = sys.argv[2]
hz = float(sys.argv[3])
sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sip.bind(("127.0.0.1", 0))
rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
rtp.bind(("127.0.0.1", 0))
port = sip.getsockname()[1]


def ulaw(sample):
    """G.711 mu-law of a 16-bit sample."""
    sign = 0x80 if sample < 0 else 0
    sample = min(abs(sample), 32635) + 132
    exponent = sample.bit_length() - 8
    return ~(sign | exponent << 4 | sample >> exponent + 3 & 15) & 0xFF


def header(text, name):
    return re.findall(r"(?im)^%s\s*:\s*(.*?)\r?$" % name, text)


def reply(text, status, body=""):
    out = ["SIP/2.0 " + status]
    out += ["Via: " + v for v in header(text, "Via")] + ["Record-Route: " + v for v in header(text, "Record-Route")]
    to = header(text, "To")[0]
    out += ["From: " + header(text, "From")[0], "To: " + to + ("" if ";tag=" in to else ";tag=early%d" % port)]
    out += ["Call-ID: " + header(text, "Call-ID")[0], "CSeq: " + header(text, "CSeq")[0]]
    out += ["Contact: <sip:%s@127.0.0.1:%d>" % (user, port)]
    if body:
        out += ["Content-Type: application/sdp"]
    out += ["Content-Length: %d" % len(body), "", body]
    sip.sendto("\r\n".join(out).encode(), server)


sip.sendto(("REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKr%d;rport\r\nMax-Forwards: 70\r\n"
            "From: <sip:%s@127.0.0.1>;tag=r\r\nTo: <sip:%s@127.0.0.1>\r\nCall-ID: early-%d\r\nCSeq: 1 REGISTER\r\n"
            "Contact: <sip:%s@127.0.0.1:%d>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
            % (port, port, user, user, port, user, port)).encode(), server)
far = None
invite = ""
step = 0
sequence = 0
due = time.monotonic()
while True:
    wait = max(0, due - time.monotonic()) if far else 1
    if select.select([sip], [], [], wait)[0]:
        text = sip.recv(65536).decode("utf-8", "replace")
        print(text.split("\r\n")[0], flush=True)
        if text.startswith("INVITE") and not invite:
            invite = text
            media = re.search(r"m=audio (\d+)", text)
            reply(text, "180 Ringing")
            body = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n"
                    "a=rtpmap:0 PCMU/8000\r\n" % rtp.getsockname()[1])
            reply(text, "183 Session Progress", body)
            far = (re.search(r"c=IN IP4 (\S+)", text).group(1), int(media.group(1)))
            due = time.monotonic()
        elif text.startswith("CANCEL"):
            reply(text, "200 OK")
            reply(invite, "487 Request Terminated")
            far = None
            invite = ""
    if far and time.monotonic() >= due:
        samples = range(sequence * 160, sequence * 160 + 160)
        sound = bytes(ulaw(int(12000 * math.sin(2 * math.pi * hz * i / 8000))) for i in samples)
        rtp.sendto(struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, sequence * 160, 4711) + sound, far)
        sequence += 1
        due += 0.02
        if sequence == 25:
            reply(invite, "180 Ringing")
