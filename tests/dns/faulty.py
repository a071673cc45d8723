#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A name server that misbehaves as a name tells it to: by the first label that is one of these
words, with a number behind some.

    ok          A 192.0.2.1, TXT "ok", with a TTL of 60 seconds; any number may follow the word
    ttlN        the same with a TTL of N seconds
    slowN       the same after N milliseconds
    txtN        TXT of N bytes in all, by TCP where it does not fit
    chainN      N CNAMEs, then as ok
    manyN       N TXT records of 200 bytes, by TCP where they do not fit
    nxdomain nodata servfail refused formerr notimp     what they say
    lame        refused, by a server that is no authority
    gone        NXDOMAIN without an SOA record
    flip        SERVFAIL, then as ok, in turns
    drop        no answer by UDP nor TCP
    tcponly     no answer by UDP
    truncated   truncated by UDP, as ok by TCP
    flood       as ok, a hundred times
    garbage     random bytes behind the right id
    short       four bytes
    wrongid     a good answer under another id
    wrongname   a good answer to another question
    lies        promises five records and has one
    broken      a record longer than the message
    pointer     a compressed name that points to itself
    question    a good answer that says it is a question
    self        a CNAME that leads to itself
    loop        a CNAME that leads to roundabout, whose CNAME leads back
    nul         TXT as ok with a NUL in its middle
    empty       TXT as ok between empty character strings
    bare        TXT without any character string
    twice       TXT as ok, and the same once more
    stalled     truncated by UDP; TCP is accepted and never answered
    reset       truncated by UDP; TCP is closed at once

What ok says may be told: Server(content=), a function of name and type that gives the data of the
records in wire form. Every question is counted: Server.count["name type"].
"""

import collections
import os
import re
import socket
import struct
import sys
import threading
import time

A, CNAME, SOA, PTR, MX, TXT = 1, 5, 6, 12, 15, 16


TEXT_WORDS = {"txt", "many", "nul", "empty", "bare", "twice"}
RCODES = {"formerr": 1, "servfail": 2, "notimp": 4, "refused": 5}
WORDS = {
    "chain", "drop", "flip", "flood", "garbage", "gone", "lame", "lies", "broken", "link", "loop",
    "nodata", "nxdomain", "ok", "pointer", "question", "reset", "roundabout", "self", "short",
    "slow", "stalled", "tcponly", "truncated", "ttl", "wrongid", "wrongname", *RCODES, *TEXT_WORDS}



def wire(labels):
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def record(owner, rtype, ttl, data):
    return owner + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data


def strings(data):
    parts = [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]
    return b"".join(bytes([len(x)]) + x for x in parts)


def usual(_, rtype):
    """What ok says unless told."""
    return {A: [bytes([192, 0, 2, 1])], TXT: [strings(b"ok")]}.get(rtype, [])


class Question:
    def __init__(self, packet):
        self.id = packet[:2]
        self.labels = []
        at = 12
        while packet[at]:
            self.labels.append(packet[at + 1:at + 1 + packet[at]].lower())
            at += 1 + packet[at]
        self.type = struct.unpack(">H", packet[at + 1:at + 3])[0]
        self.section = packet[12:at + 5]
        self.name = b".".join(self.labels).decode("latin-1")
        self.word, self.number, self.place = "ok", 0, 0
        for place, label in enumerate(self.labels):
            word = re.match(r"([a-z]*)([0-9]*)", label.decode("latin-1"))
            if word.group(1) in WORDS:
                self.word, self.number, self.place = word.group(1), int(word.group(2) or 0), place
                break

    def beside(self, label):
        """The name with another label in the word's place."""
        return wire(self.labels[:self.place] + [label] + self.labels[self.place + 1:])

    def reply(self, answers=(), rcode=0, flags=0x8580, authority=(), count=None, ident=None,
              section=None):
        count = len(answers) if count is None else count
        counts = struct.pack(">HHHHH", flags | rcode, 1, count, len(authority), 0)
        return b"".join([ident or self.id, counts, section or self.section, *answers, *authority])


class Server:
    """Runs on a free port of the loopback interface, in threads, until the process ends."""

    def __init__(self, port=0, content=None):
        self.content = content or usual
        self.count = collections.Counter()
        self.lock = threading.Lock()
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", port))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                if port:
                    raise
                self.udp.close()
        self.tcp.listen(256)
        for loop in (self.run_udp, self.run_tcp):
            threading.Thread(target=loop, daemon=True).start()

    def asked(self, name, rtype=A):
        with self.lock:
            return self.count[f"{name} {rtype}"]

    def plain(self, q, ttl=60, owner=b"\xc0\x0c"):
        return [record(owner, q.type, ttl, data) for data in self.content(q.name, q.type)]

    def texts(self, q, change):
        """As ok, with other character strings in the place of the one that there is."""
        return q.reply([record(b"\xc0\x0c", TXT, 60,
                               b"".join(bytes([len(x)]) + x for x in change(data[1:])))
                        for data in self.content(q.name, TXT)])

    def chain(self, q, first=0):
        """A chain of q.number CNAMEs; linkI-N is what number I, from 0, leads to."""
        owner, answers = b"\xc0\x0c", []
        for i in range(first, q.number):
            target = q.beside(b"link%d-%d" % (i, q.number))
            answers.append(record(owner, CNAME, 60, target))
            owner = target
        return answers + self.plain(q, owner=owner)

    def answer(self, q, by_tcp):
        """The bytes to send; None: nothing; b"": close the connection."""
        with self.lock:
            self.count[f"{q.name} {q.type}"] += 1
            turn = self.count[f"{q.name} {q.type}"]
        soa = record(wire(q.labels[-1:]), SOA, 60, wire([b"ns"]) + wire([b"host"])
                     + struct.pack(">IIIII", 1, 60, 60, 60, 60))
        truncated = q.reply(flags=0x8780)
        word = q.word
        if word in TEXT_WORDS and q.type != TXT:
            return q.reply(self.plain(q))
        if word == "ttl":
            return q.reply(self.plain(q, q.number))
        if word == "slow":
            time.sleep(q.number / 1000)
            return q.reply(self.plain(q))
        if word == "txt":
            full = q.reply([record(b"\xc0\x0c", TXT, 60, strings(b"x" * q.number))])
            return full if by_tcp or len(full) <= 1232 else truncated
        if word == "many":
            full = q.reply([record(b"\xc0\x0c", TXT, 60, strings(b"%03d" % i + b"x" * 197))
                            for i in range(q.number)])
            return full if by_tcp or len(full) <= 1232 else truncated
        if word == "chain":
            return q.reply(self.chain(q))
        if word == "link":
            first, q.number = q.number + 1, int(q.labels[q.place].split(b"-")[1])
            return q.reply(self.chain(q, first))
        if word == "nxdomain":
            return q.reply(rcode=3, authority=[soa])
        if word == "nodata":
            return q.reply(authority=[soa])
        if word == "gone":
            return q.reply(rcode=3)
        if word in RCODES:
            return q.reply(rcode=RCODES[word])
        if word == "lame":
            return q.reply(rcode=5, flags=0x8100)
        if word == "flip":
            return q.reply(rcode=2) if turn % 2 else q.reply(self.plain(q))
        if word == "drop":
            return None
        if word == "garbage":
            return q.id + os.urandom(80)
        if word == "short":
            return q.id + b"\x85\x80"
        if word == "wrongid":
            return q.reply(self.plain(q), ident=bytes([q.id[0] ^ 0x55, q.id[1]]))
        if word == "wrongname":
            return q.reply(self.plain(q), section=wire([b"other", b"test"]) + q.section[-4:])
        if word == "lies":
            return q.reply(self.plain(q), count=5)
        if word == "broken":
            return q.reply([b"\xc0\x0c" + struct.pack(">HHIH", q.type, 1, 60, 5000) + b"x"])
        if word == "pointer":
            at = 0xc000 | 12 + len(q.section)
            return q.reply([struct.pack(">H", at) + struct.pack(">HHIH", q.type, 1, 60, 3) + b"\2hi"])
        if word == "question":
            return q.reply(self.plain(q), flags=0x0580)
        if word == "self":
            return q.reply([record(b"\xc0\x0c", CNAME, 60, b"\xc0\x0c")])
        if word in ("loop", "roundabout"):
            other = b"roundabout" if word == "loop" else b"loop"
            return q.reply([record(b"\xc0\x0c", CNAME, 60, q.beside(other))])
        if word == "nul":
            return self.texts(q, lambda text: [text[:7] + b"\0" + text[7:]])
        if word == "empty":
            return self.texts(q, lambda text: [b"", text, b""])
        if word == "bare":
            return self.texts(q, lambda text: [])
        if word == "twice":
            return q.reply(self.plain(q) * 2)
        if word == "tcponly":
            return q.reply(self.plain(q)) if by_tcp else None
        if word == "truncated":
            return q.reply(self.plain(q)) if by_tcp else truncated
        if word == "stalled":
            return None if by_tcp else truncated
        if word == "reset":
            return b"" if by_tcp else truncated
        return q.reply(self.plain(q))

    def run_udp(self):
        def one(question, address):
            reply = self.answer(question, False)
            for _ in range(100 if question.word == "flood" else 1):
                if reply:
                    self.udp.sendto(reply, address)

        while True:
            packet, address = self.udp.recvfrom(4096)
            question = Question(packet)
            if question.word == "slow":
                threading.Thread(target=one, args=(question, address), daemon=True).start()
            else:
                one(question, address)

    def run_tcp(self):
        def one(connection):
            with connection, connection.makefile("rb") as stream:
                while True:
                    head = stream.read(2)
                    if len(head) < 2:
                        return
                    reply = self.answer(Question(stream.read(struct.unpack(">H", head)[0])), True)
                    if reply is None:
                        time.sleep(60)
                    if not reply:
                        return
                    connection.sendall(struct.pack(">H", len(reply)) + reply)

        while True:
            connection, _ = self.tcp.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    Server(int(sys.argv[1]) if len(sys.argv) > 1 else 5533)
    while True:
        time.sleep(3600)
