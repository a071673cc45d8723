#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The resolver against real and misbehaving name servers on the loopback interface.

    resolver_test.py [ASK]      ASK: the program built from tests/dns/ask.c (default tests/dns/ask)
"""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import faulty  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lib"))
from ports import free_port  # noqa: E402

ASK = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.environ.get("BUILD", "."), "tests", "dns", "ask")
# Sanitizers and a busy machine take their time; the deadlines themselves are 5 s.
SLACK = 1500
counts = {"passed": 0, "failed": 0, "skipped": 0}

ZONES = {
    "example.test": """
@       IN SOA ns host 1 3600 600 86400 60
@       IN NS ns
ns      IN A 127.0.0.1
a       IN A 192.0.2.1
        IN A 192.0.2.2
        IN AAAA 2001:db8::1
mx      IN MX 20 Second.Example.Test.
        IN MX 10 first.example.test.
null    IN MX 0 .
txt     IN TXT "v=spf1 " "include:x " "-all"
odd     IN TXT "a\\000b\\255\\"c"
long    IN TXT {long}
alias   IN CNAME middle
middle  IN CNAME a
away    IN CNAME host.other.test.
dangle  IN CNAME nowhere
*.wild  IN TXT "wild"
_dmarc._sub IN TXT "under"
sp\\032ace IN TXT "blank"
dot\\.ted IN TXT "dot"
back\\092 IN TXT "back"
short 1 IN A 192.0.2.9
ptrs    IN PTR we\\.ird.example.
""".format(long=" ".join(f'"{"x" * 200}"' for _ in range(20))),
    "other.test": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n"
                  "host IN A 192.0.2.77\n",
    "2.0.192.in-addr.arpa": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns.example.test.\n"
                            "1 IN PTR Mail.Example.Test.\n",
    "8.b.d.0.1.0.0.2.ip6.arpa": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns.example.test.\n"
                                "1" + ".0" * 23 + " IN PTR six.example.test.\n",
    "10.in-addr.arpa": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns.example.test.\n"
                       "1.0.0 IN PTR private.example.test.\n",
    "localhost": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns\n@ IN A 192.0.2.88\n",
    "invalid": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns\nx IN A 192.0.2.89\n",
    "onion": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns\nx IN A 192.0.2.90\n",
    "home.arpa": "@ IN SOA ns host 1 3600 600 86400 60\n@ IN NS ns\nx IN A 192.0.2.91\n",
}


class Ask:
    """The driver, run as a child; answers come back as (status, milliseconds, detail)."""

    def __init__(self, port):
        self.child = subprocess.Popen([ASK, f"127.0.0.1@{port}"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      bufsize=1)

    def run(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        lines = []
        while True:
            line = self.child.stdout.readline()
            if line in ("done\n", ""):
                return lines
            lines.append(line.rstrip("\n"))

    def ask(self, *questions):
        answers = []
        for line in self.run("ask " + " ".join(questions)):
            word = line.split(" ", 4)
            answers.append((word[2], int(word[3]), word[4] if len(word) > 4 else ""))
        return answers

    def one(self, question):
        status, _, detail = self.ask(question)[0]
        return f"{status} {detail}".strip()

    def close(self):
        """The exit status and what was complained of, which should be 0 and nothing."""
        self.child.stdin.close()
        noise = self.child.stderr.read()
        return self.child.wait(20), noise


def check(name, value, expected=True):
    good = expected(value) if callable(expected) else value == expected
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"FAILED: {name}: {value!r}" + ("" if callable(expected) else f", not {expected!r}"))


@contextlib.contextmanager
def nsd(folder):
    """An NSD that serves ZONES; gives its port."""
    port = free_port(kind=socket.SOCK_DGRAM)
    lines = ["server:", f" ip-address: 127.0.0.1@{port}", ' username: ""', ' chroot: ""',
             " server-count: 1", f' pidfile: "{folder}/nsd.pid"', f' zonesdir: "{folder}"',
             ' database: ""', f' xfrdfile: "{folder}/xfrd"', f' zonelistfile: "{folder}/list"',
             f' xfrdir: "{folder}"', ' logfile: "' + folder + '/log"', "remote-control:",
             " control-enable: no"]
    for zone, text in ZONES.items():
        with open(f"{folder}/{zone}.zone", "w", encoding="ascii") as out:
            out.write(f"$ORIGIN {zone}.\n$TTL 300\n{text.lstrip()}")
        lines += ["zone:", f' name: "{zone}"', f' zonefile: "{zone}.zone"']
    with open(f"{folder}/nsd.conf", "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")
    server = subprocess.Popen(["nsd", "-d", "-c", f"{folder}/nsd.conf"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def test_real_server():
    if not shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        print("SKIPPED: a real name server (nsd is not installed)")
        counts["skipped"] += 1
        return
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory(prefix="postern-dns.") as folder, nsd(folder) as port:
        ask = Ask(port)
        check("A", ask.one("A.Example.Test. A").split(), lambda w: sorted(w[1:]) ==
              ["192.0.2.1", "192.0.2.2"] and w[0] == "FOUND")
        for question, expected in {
                "a.example.test AAAA": "FOUND 2001:db8::1",
                "null.example.test MX": 'FOUND 0 ""',
                "txt.example.test TXT": 'FOUND "v=spf1 include:x -all"',
                "odd.example.test TXT": r'FOUND "a\x00b\xFF"c"',
                "alias.example.test AAAA": "FOUND 2001:db8::1",
                "alias.example.test CNAME": 'FOUND "middle.example.test"',
                "away.example.test A": "FOUND 192.0.2.77",
                "away.example.test TXT": "NODATA",
                "dangle.example.test A": "NXDOMAIN",
                "a.example.test TXT": "NODATA",
                "nowhere.example.test A": "NXDOMAIN",
                "_sub.example.test A": "NODATA",
                "_dmarc._sub.example.test TXT": 'FOUND "under"',
                "x.wild.example.test TXT": 'FOUND "wild"',
                "back\\.example.test TXT": 'FOUND "back"',
                "dot.ted.example.test TXT": "NXDOMAIN",
                "ptrs.example.test PTR": r'FOUND "we\x5C046ird.example"',
                "1.2.0.192.in-addr.arpa PTR": 'FOUND "mail.example.test"',
                "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa PTR": 'FOUND "six.example.test"',
                "1.0.0.10.in-addr.arpa PTR": 'FOUND "private.example.test"',
                "localhost A": "FOUND 192.0.2.88",
                "x.invalid A": "FOUND 192.0.2.89",
                "x.onion A": "FOUND 192.0.2.90",
                "x.home.arpa A": "FOUND 192.0.2.91",
                "elsewhere.example A": "FAILED SERVFAIL",  # NSD refuses
                "a..b A": "NXDOMAIN"}.items():
            check(question, ask.one(question), expected)
        check("MX", sorted(re.findall(r'\d+ "[^"]*"', ask.one("mx.example.test MX"))),
              ['10 "first.example.test"', '20 "second.example.test"'])
        check("long TXT", ask.one("long.example.test TXT"), lambda a: a.startswith('FOUND "xxxx'))
        check("TTL of one second", [ask.one("short.example.test A") for _ in range(2)],
              ["FOUND 192.0.2.9"] * 2)
        check("quiet end", ask.close(), (0, ""))


def test_cache():
    server = faulty.Server()
    ask = Ask(server.port)
    for name, first, second, pause in (("ok.test", 1, 1, 0), ("ttl0.test", 1, 2, 0),
                                       ("ttl1.test", 1, 2, 2.2), ("nxdomain.test", 1, 1, 0),
                                       ("nodata.test", 1, 1, 0), ("gone.test", 1, 2, 0)):
        before = ask.one(f"{name} A")
        check(f"{name} asked first", server.asked(name), first)
        time.sleep(pause)
        check(f"{name} again", ask.one(f"{name.upper()} A"), before)
        check(f"{name} asked then", server.asked(name), second)
    ask.one("servfail.test A")
    before = server.asked("servfail.test")
    check("few questions for one SERVFAIL", before <= 4)
    ask.one("servfail.test A")
    check("a failure is tried afresh", server.asked("servfail.test") > before)
    check("crowd", {tuple(line.split(" ")[2:3] + line.split(" ")[4:])
                    for line in ask.run("crowd 50 slow300.test A ok1.test A")},
          {("FOUND", "192.0.2.1")})
    check("the crowd asks once", server.asked("slow300.test"), 1)
    before = server.asked("ok.test")
    hot = int(ask.run("hot ok.test A")[0].split()[1])
    print(f"a message with one answer from the cache: {hot} ns")
    check("hot answers come from the cache", server.asked("ok.test") <= before + 1)
    check("quiet end", ask.close(), (0, ""))


def test_faults():
    server = faulty.Server()
    ask = Ask(server.port)
    for name in ("servfail", "refused", "formerr", "garbage", "wrongname", "lies", "broken"):
        status, took, _ = ask.ask(f"{name}.test A")[0]
        check(name, (status, took < SLACK), ("FAILED", True))
    status, took, _ = ask.ask("reset.test TXT")[0]
    check("reset", (status, took < SLACK), ("FAILED", True))
    check("flip", ask.one("flip.test A"), "FOUND 192.0.2.1")
    check("16 KB", ask.one("txt16384.test TXT"), lambda a: a.startswith('FOUND "xxx'))
    check("more", ask.one("txt16385.test TXT"), "FAILED answer too large")
    check("60 KB", ask.one("txt60000.test TXT"), "FAILED answer too large")
    check("11 CNAMEs", ask.one("chain11.test A"), "FOUND 192.0.2.1")
    check("12 CNAMEs", ask.one("chain12.test A"), lambda a: a.startswith("FAILED"))
    status, took, _ = ask.ask("slow900.test A")[0]
    check("slow", (status, 900 <= took < 900 + SLACK), ("FOUND", True))
    # All that hangs, at once, and questions that do not.
    hanging = [f"{name}{n}.test {rtype}" for n in range(10)
               for name, rtype in (("drop", "A"), ("wrongid", "A"), ("short", "A"),
                                   ("stalled", "TXT"))]
    good = [f"ok{n}.good TXT" for n in range(10)] + ["txt4000.good TXT"]
    answers = ask.ask(*hanging, *good)
    for question, (status, took, detail) in zip(hanging, answers):
        # At about the same time libunbound gives up too; who is first may say so.
        early = detail == "SERVFAIL" or took > 4900
        check(question, (status, early, took < 5000 + SLACK), ("FAILED", True, True))
    for question, (status, took, _) in zip(good, answers[len(hanging):]):
        check(f"{question} beside what hangs", (status, took < SLACK), ("FOUND", True))
    # The same with the bad ones already under way, and from other messages.
    ask.run("leave " + " ".join(f"drop{n}.late A stalled{n}.late TXT" for n in range(30)))
    for n in range(20, 25):
        status, took, _ = ask.ask(f"ok{n}.good A")[0]
        check("a question amid abandoned ones", (status, took < SLACK), ("FOUND", True))
    check("quiet end", ask.close(), (0, ""))


def test_flood():
    """Many more dead names than any honest hour brings, and a question that is not delayed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        print("SKIPPED: a flood of dead names (it needs 4096 descriptors)")
        counts["skipped"] += 1
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = faulty.Server()
    ask = Ask(server.port)
    for n in range(25):
        ask.run("leave " + " ".join(f"drop{i}.flood{n} A" for i in range(60)))
        time.sleep(0.03)  # the server's socket must not overflow
    status, took, _ = ask.ask("ok.test A")[0]
    check("a question amid 1500 dead ones", (status, took < SLACK), ("FOUND", True))
    check("quiet end", ask.close(), (0, ""))


def test_end_amid_questions():
    server = faulty.Server()
    ask = Ask(server.port)
    lines = ask.run("end drop.test A stalled.test TXT ok.test A")
    check("failed at once", [(line.split(" ")[2], int(line.split(" ")[3]) < SLACK)
                             for line in lines],
          [("FAILED", True), ("FAILED", True), ("FOUND", True)])
    check("quiet end", ask.close(), (0, ""))
    ask = Ask(server.port)
    ask.run("leave drop1.test A stalled1.test TXT ok1.test A")
    check("quiet end with questions under way", ask.close(), (0, ""))


def test_server_comes_back():
    port = free_port(kind=socket.SOCK_DGRAM)
    ask = Ask(port)
    for n in range(3):
        status, took, _ = ask.ask(f"down{n}.test A")[0]
        check("no server", (status, took < 5000 + SLACK), ("FAILED", True))
    faulty.Server(port)
    start = time.monotonic()
    tries = 0
    while not ask.one(f"back{tries}.test A").startswith("FOUND") and tries < 50:
        tries += 1
        time.sleep(0.2)
    check("the server is found again within seconds", time.monotonic() - start < 8)
    check("quiet end", ask.close(), (0, ""))


for test in (test_real_server, test_cache, test_faults, test_flood, test_end_amid_questions,
             test_server_comes_back):
    test()
summary = f"{counts['passed']} passed, {counts['failed']} failed"
print(summary + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
sys.exit(1 if counts["failed"] else 0)
