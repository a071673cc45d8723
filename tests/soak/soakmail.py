# SPDX-License-Identifier: BSD-2-Clause
"""The mail of a soak: messages of every kind in one list for `load`, and the names they need."""

import json
import os
import random

from faulty import TXT, A, Server, record, strings
from mailkit import Key, message

# So short that each name is asked for again and again.
TTL = 1
RECIPIENT = "reader@mx.example.org"
POLICY = """
set resolver "127.0.0.1@%(port)d"
set journal.path "%(folder)s/journal"
set journal.size 16MB
set metrics "unix:%(folder)s/metrics"
table blocked networks { 203.0.113.66 }
table words strings file "%(folder)s/words"
table team map { "team@mx.example.org a@mx.example.org b@mx.example.org" }
client:  reject 550 "blocked" when client.ip in blocked
helo:    reject 550 "bad name" when helo.name is "bad.example"
unknown: reject 550 "no such domain" when not resolves(sender.domain)
spf:     reject 550 "forged" when spf is fail
nobody:  reject 550 "no such user" when recipient.local is "nobody"
words:   reject 550 "bad words" when subject in words
parts:   reject 550 "no programs" when any attachment.extension in { exe scr }
broken:  reject 550 "broken" when dkim is fail
held:    hold "large" when subject is "hold me"
gone:    discard "dropped" when subject is "drop me"
add authentication-results
insert header "X-Policy: %(number)d"
redirect "${team(recipient)}"
"""


class Names(Server):
    """Answers with records; other names do as their first label says, see faulty.py."""

    def __init__(self):
        self.records = {}
        super().__init__()

    def add(self, name, rtype, data):
        rows = self.records.setdefault((name.lower(), rtype), [])
        rows.append(record(b"\xc0\x0c", rtype, TTL, data))

    def add_text(self, name, text):
        self.add(name, TXT, strings(text.encode()))

    def answer(self, q, by_tcp):
        rows = self.records.get((q.name, q.type))
        return q.reply(rows) if rows else super().answer(q, by_tcp)


class Mail:
    """Writes messages to a folder, and the list of them."""

    def __init__(self, folder, names):
        self.folder, self.names = folder, names
        self.lines, self.late, self.count = [], [], 0
        self.random = random.Random(1)
        self.keys = {}

    def add(self, content, sender, recipients=(RECIPIENT,), client="198.51.100.1",
            helo="client.example.net", copies=1):
        name = "%04d.eml" % self.count
        self.count += 1
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)
        columns = (name, client, helo, helo, sender or "<>", ",".join(recipients))
        self.lines += ["\t".join(columns)] * copies

    def domain(self, name, policy="v=spf1 ip4:198.51.100.0/24 -all"):
        self.names.add(name, A, bytes([198, 51, 100, 80]))
        self.names.add_text(name, policy)
        self.names.add_text("_dmarc." + name, "v=DMARC1; p=reject")

    def plain(self, domain, body="Hello.\r\n", **more):
        return message("m%d" % self.count, "a@" + domain, RECIPIENT, body=body, **more)

    def signed(self, domain, algorithm, **more):
        key = Key(domain, "s%d" % self.count, algorithm)
        self.names.add_text(key.name, key.text)
        return key.sign(self.plain(domain, **more))

    def lines_of_text(self, size):
        return "".join("%076x\r\n" % self.random.getrandbits(300) for _ in range(size // 78))

    def write(self):
        """The path of the list. What waits the longest comes first, and all else meanwhile."""
        self.random.shuffle(self.lines)
        self.lines = self.late + 2 * self.lines
        path = os.path.join(self.folder, "list")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(self.lines) + "\n")
        return path


def add_signed(mail):
    for number in range(24):
        domain = "signed%d.example.net" % number
        mail.domain(domain)
        algorithm = "rsa-sha256" if number % 4 else "ed25519-sha256"
        content = mail.signed(domain, algorithm, body=mail.lines_of_text(4096))
        mail.add(content, "a@" + domain, client="198.51.100.%d" % (number % 6 + 1), copies=10)
    large = mail.signed("signed0.example.net", "rsa-sha256", body=mail.lines_of_text(1 << 20))
    mail.add(large, "a@signed0.example.net", copies=2)


def add_refused(mail):
    mail.domain("plain.example.net")
    mail.domain("other.example.net", "v=spf1 -all")
    plain, sender = mail.plain("plain.example.net"), "a@plain.example.net"
    attached = ("--b\r\nContent-Type: application/octet-stream; name=\"a.exe\"\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\nTVo=\r\n--b--\r\n")
    mail.add(plain, sender, client="203.0.113.66", copies=10)
    mail.add(plain, sender, helo="bad.example", copies=10)
    mail.add(plain, "a@other.example.net", copies=10)
    mail.add(plain, sender, ["nobody@mx.example.org"], copies=10)
    mail.add(mail.plain("plain.example.net", subject="lottery"), sender, copies=10)
    mail.add(mail.plain("plain.example.net", attached, fields=[
        ("Content-Type", "multipart/mixed; boundary=b")]), sender, copies=10)
    broken = mail.signed("plain.example.net", "rsa-sha256").replace(b"Hello", b"Hallo")
    mail.add(broken, sender, copies=10)
    for subject in ("hold me", "drop me"):
        mail.add(mail.plain("plain.example.net", subject=subject), sender, copies=10)


def add_odd(mail):
    plain = mail.plain("plain.example.net")
    crowd = ["r%d@mx.example.org" % number for number in range(60)]
    mail.add(plain, "a@plain.example.net", crowd + ["nobody@mx.example.org"], copies=10)
    mail.add(plain, "a@plain.example.net", ["team@mx.example.org"], copies=10)
    mail.add(plain, "", copies=10)
    for name in ("nxdomain", "servfail", "slow30", "txt3000", "chain5", "garbage", "nodata"):
        mail.add(plain, "a@%s.test" % name, copies=5)
    mail.add(plain, "a@drop.test")
    mail.late.append(mail.lines.pop())
    deep = "".join("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1)
                   for n in range(200))
    mail.add(mail.plain("plain.example.net", deep, fields=[
        ("Content-Type", "multipart/mixed; boundary=b0")]), "a@plain.example.net", copies=5)
    mail.add(mail.plain("plain.example.net", fields=[
        ("X-%d" % n, "x" * 60) for n in range(1500)]), "a@plain.example.net", copies=2)


def add_attacks(mail, path):
    """The crafted messages, where they are at hand."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        content = (case["headers"] + "\r\n" + case["body"]).encode("utf-8", "surrogateescape")
        lines = case["headers"].replace("\r\n", "\n").strip("\n").split("\n")
        # An MTA would have mended the others.
        if (all(":" in line[1:] or line[:1] in " \t" for line in lines) and case["helo"]
                and not set("\t\n\r\0") & set(case["mailfrom"] + case["helo"])):
            mail.add(content, case["mailfrom"], helo=case["helo"])


def make(folder, names, attacks):
    """The list of the messages in that folder; the names get their records."""
    mail = Mail(folder, names)
    add_signed(mail)
    add_refused(mail)
    add_odd(mail)
    add_attacks(mail, attacks)
    return mail.write()
