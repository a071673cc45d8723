# SPDX-License-Identifier: BSD-2-Clause
"""How long a message waits for DNS servers that are far away, with nothing cached and with all.

Every answer comes after the same delay; the longest chain of questions that need one another's
answers is known from the records, so the wait can be compared with the least there could be.
"""

import os
import socket
import statistics
import struct
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DELAY_MS = 50
MESSAGES = 40
# Shape of the SPF records, rounds of its longest chain.
SHAPES = [("wide", 2), ("nested", 3)]
# Policy, rounds that it adds: where SPF alone may refuse, MAIL waits for it, and the key and the
# author's policy are asked for when the header comes after that.
POLICIES = [("verify.policy", "judged at the end", 0), ("bench.policy", "SPF refuses at MAIL", 1)]


def asked(port):
    """Questions since the last call."""
    packet = struct.pack(">HHHHHH", 1, 0x100, 1, 0, 0, 0) + b"\5asked\0" + struct.pack(">HH", 16, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        for _ in range(50):
            try:
                udp.sendto(packet, ("127.0.0.1", port))
                data = udp.recv(512)
                return int(data[data.rindex(bytes([0, 16, 0, 1])) + 11:])
            except OSError:
                time.sleep(0.05)
    raise SystemExit("slowdns.py does not answer")


def one_round(bench, start, port, policy):
    """A fresh daemon: the messages once with nothing cached, and again."""
    pid = start(policy)
    texts = ["dkim=pass", "spf=pass", "dmarc=pass"]
    asked(port)
    runs = []
    for _ in range(2):
        report = bench.load("postern", pid, 1, MESSAGES, texts, warm=0)
        runs.append((report["message_ms"]["p50"], asked(port) / MESSAGES))
    daemon = bench.daemons.pop()
    daemon.terminate()
    daemon.wait(20)
    return runs


def measure(bench, start, port):
    rows, figures = [], []
    for shape, rounds in SHAPES:
        bench.make_mail(4096, shape)
        bench.port = port
        bench.start("slowdns", ["/usr/bin/python3", os.path.join(HERE, "slowdns.py"), str(port),
                                str(DELAY_MS), os.path.join(bench.mail, "records.dns")],
                    lambda: asked(port) == 0)
        for policy, what, more in POLICIES:
            runs = [one_round(bench, start, port, policy) for _ in range(bench.arguments.rounds)]
            cold, warm = ([statistics.median(run[i][j] for run in runs) for j in range(2)]
                          for i in range(2))
            rows.append((shape, what, DELAY_MS * (rounds + more), cold, warm))
            figures.append({"scenario": "dns", "spf": shape, "policy": policy, "runs": runs})
        bench.stop_daemons()
    print("dns: every answer takes %d ms; %d messages, one after the other, medians of %d rounds"
          % (DELAY_MS, MESSAGES, bench.arguments.rounds))
    row = "%-7s  %-20s  %8s  %8s  %8s  %8s  %10s  %10s"
    print(row % ("SPF", "policy", "chain ms", "cold ms", "x chain", "warm ms", "asked cold",
                 "asked warm"))
    for shape, what, chain, cold, warm in rows:
        print(row % (shape, what, chain, "%.1f" % cold[0], "%.2f" % (cold[0] / chain),
                     "%.2f" % warm[0], "%.1f" % cold[1], "%.1f" % warm[1]))
    return figures
