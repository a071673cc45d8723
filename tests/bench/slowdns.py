#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A name server that answers every question after the same delay, from a file of records.

slowdns.py PORT MILLISECONDS FILE    FILE as make_mail.py writes records.dns

What is not in the file does not exist. It answers on UDP of 127.0.0.1; a TXT question for
"asked." is answered at once with the number of questions since the last such question.
"""

import heapq
import select
import shlex
import socket
import struct
import sys
import time

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
SOA = 6
TTL = 3600
COUNTER = "asked"


def wire_name(name):
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def wire_data(kind, value):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack(">H", int(preference)) + wire_name(host)
    if kind == "PTR":
        return wire_name(value)
    return b"".join(bytes([len(part)]) + part.encode("ascii") for part in shlex.split(value))


def read_records(path):
    records = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            name, kind, value = line.rstrip("\n").split(" ", 2)
            kinds = records.setdefault(name.lower().rstrip("."), {})
            kinds.setdefault(TYPES[kind], []).append(wire_data(kind, value))
    return records


def read_question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].lower().decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack(">H", packet[at + 1:at + 3])[0], packet[12:at + 5]


def reply(packet, section, answers, rcode):
    """Answers of the question's own name; without any, an SOA record says for how long."""
    def record(owner, kind, data):
        return owner + struct.pack(">HHIH", kind, 1, TTL, len(data)) + data

    authority = [] if answers else [record(b"\0", SOA, b"\0\0" + struct.pack(
        ">IIIII", 1, TTL, TTL, TTL, TTL))]
    counts = struct.pack(">HHHHH", 0x8580 | rcode, 1, len(answers), len(authority), 0)
    return b"".join([packet[:2], counts, section,
                     *(record(b"\xc0\x0c", kind, data) for kind, data in answers), *authority])


def serve(port, delay, records):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    udp.bind(("127.0.0.1", port))
    names = set(records)
    for name in records:        # a name that only has names below it exists as well
        labels = name.split(".")
        names.update(".".join(labels[i:]) for i in range(1, len(labels)))
    waiting, asked, number = [], 0, 0
    while True:
        left = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        if select.select([udp], [], [], left)[0]:
            packet, address = udp.recvfrom(4096)
            name, kind, section = read_question(packet)
            if name == COUNTER:
                count = str(asked).encode()
                udp.sendto(reply(packet, section, [(kind, bytes([len(count)]) + count)], 0),
                           address)
                asked = 0
                continue
            asked += 1
            number += 1
            answers = [(kind, data) for data in records.get(name, {}).get(kind, [])]
            heapq.heappush(waiting, (time.monotonic() + delay, number, address, reply(
                packet, section, answers, 0 if name in names else 3)))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, address, bytes_out = heapq.heappop(waiting)
            udp.sendto(bytes_out, address)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, read_records(sys.argv[3]))
