#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fields written from 2,000 random, mostly hostile sets of results are read back: by the strict
reader of RFC 8601's grammar below, and by Debian's python3-authres. Both must find exactly what was
put in."""

import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
import report

try:
    import authres
except ImportError:
    authres = None

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
DRIVER = os.path.join(os.environ.get("BUILD") or SOURCE, "tests", "auth", "mail_driver")
AUTHSERV = "mx.example.org"
CASES = 2000
SEED = 8601

tests = report.Tests()
dice = random.Random(SEED)

METHODS = ["spf", "dkim", "dmarc", "arc", "auth", "iprev"]
RESULTS = ["none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror"]
NAMES = [("smtp", "mailfrom"), ("smtp", "helo"), ("header", "d"), ("header", "i"), ("header", "s"),
         ("header", "b"), ("header", "from"), ("policy", "iprev"), ("body", "x-y")]
PIECES = ["a", "B", "9", ".", "-", "_", "@", "+", "=", " ", ";", '"', "\\", "(", ")", "'", "`", ",",
          "<", ">", "[", "]", "{", "}", "/", "?", ":", "%", "!", "|", "~", "; dmarc=pass", "a(",
          "reason=", "example.org", "\xe9", "\u043f", "\u4e2d", "\U0001f600"]
ROUGH = ["\r\n ", "\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85"]


def text(limit, rough):
    """Bytes from the wire."""
    kind = dice.random()
    if kind < 0.15:
        return b"user+tag=x@mail.example.org"
    if kind < 0.2:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(limit)))
    if kind < 0.25:
        return dice.choice(PIECES).encode() * dice.randrange(1200)
    pieces = PIECES + ROUGH if dice.random() < rough else PIECES[:-4]
    return "".join(dice.choice(pieces) for _ in range(dice.randrange(limit))).encode()


def case():
    return [(dice.choice(METHODS), dice.choice(RESULTS),
             text(30, 0.3) if dice.random() < 0.4 else b"",
             [dice.choice(NAMES) + (text(20, 0.2),) for _ in range(dice.randrange(5))])
            for _ in range(dice.randrange(6))]


def request(results, utf8):
    words = ["write", str(int(utf8)), AUTHSERV.encode().hex()]
    for method, result, reason, properties in results:
        words += ["result", method, result, reason.hex() or "-"]
        for ptype, name, value in properties:
            words += [ptype, name, value.hex() or "-"]
    return " ".join(words)


def printable(character, utf8):
    return " " <= character <= "~" or (utf8 and character >= "\xa0")


def decoded(value, utf8):
    """As characters; a byte that belongs to none is a surrogate, which is not printable."""
    return value.decode("utf-8" if utf8 else "latin-1", "surrogateescape" if utf8 else "strict")


def allowed(value, utf8):
    return all(printable(c, utf8) and not "\ud800" <= c <= "\udfff" for c in decoded(value, utf8))


def cleaned(reason, utf8):
    out = ""
    for c in decoded(reason, utf8):
        c = c if printable(c, utf8) and not "\ud800" <= c <= "\udfff" else "?" * len(
            c.encode("utf-8", "surrogateescape") if utf8 else c)
        for piece in c if c.startswith("?") else [c]:
            if len((out + piece).encode()) > 256:
                return out
            out += piece
    return out


def quoted_length(name, value):
    ptype, prop = name
    escapes = sum(byte in b'"\\' for byte in value)
    return len(ptype) + len(prop) + 2 + len(value) + escapes + 2


def expected(results, utf8):
    """What a reader has to find: values that cannot be written, or are too long, are left out."""
    out = []
    for method, result, reason, properties in results:
        kept = [(ptype, name, value.decode()) for ptype, name, value in properties
                if value and allowed(value, utf8) and quoted_length((ptype, name), value) <= 900]
        out.append((method, result, cleaned(reason, utf8) or None, kept))
    return out


class Reader:
    """RFC 8601 2.2, nothing more lenient; RFC 8616's UTF-8 where `utf8`."""

    def __init__(self, field, utf8):
        self.rest = field
        self.high = "\xa0-\U0010ffff" if utf8 else ""

    def take(self, pattern):
        match = re.match(pattern.replace("HIGH", self.high), self.rest)
        if not match:
            raise AssertionError("no %s at %r" % (pattern, self.rest[:60]))
        self.rest = self.rest[match.end():]
        return match[0]

    def blanks(self, needed=False):
        self.take(r"(?:\n\t| )" + ("" if needed else "?"))

    def string(self):
        self.take('"')
        out = self.take(r'(?:[ !#-\[\]-~HIGH]|\\["\\])*')
        self.take('"')
        return re.sub(r"\\(.)", r"\1", out)

    def value(self):
        """pvalue: a quoted string, an address, a domain or a token."""
        if self.rest.startswith('"'):
            return self.string()
        word = r"[A-Za-z0-9!#$%&'*+^_`{|}~HIGH-]+"
        local = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~HIGH-]+"
        dotted = r"%s(?:\.%s)*"
        return self.take(r"(?:(?:%s)?@)?%s" % (dotted % (local, local), dotted % (word, word)))

    def field(self):
        out = []
        report.equal(self.take(r"[a-z.]+"), AUTHSERV, "authserv-id")
        if self.rest == "; none":
            return out
        while self.rest:
            self.take(";")
            self.blanks()
            method, result = self.take(r"[a-z]+=[a-z]+").split("=")
            reason, properties = None, []
            while self.rest and not self.rest.startswith(";"):
                self.blanks(needed=True)
                if self.rest.startswith("reason="):
                    report.true(not reason and not properties, "a reason comes first")
                    self.take("reason=")
                    reason = self.string()
                    continue
                ptype, name = self.take(r"[a-z]+\.[a-z-]+=")[:-1].split(".")
                properties.append((ptype, name, self.value()))
            out.append((method, result, reason, properties))
        return out


def unescaped(value):
    return re.sub(r"\\(.)", r"\1", value)


def read_by_authres(field):
    header = authres.AuthenticationResultsHeader.parse("Authentication-Results: " + field)
    report.equal(header.authserv_id, AUTHSERV, "authserv-id")
    return [(r.method, r.result, unescaped(r.reason) if r.reason else None,
             [(p.type, p.name, p.value) for p in r.properties]) for r in header.results]


def seen_by_authres(results):
    """What that reader must find: it drops a quoted value that another property follows, and leaves
    the quoted pairs in one that it keeps."""
    out = []
    for method, result, reason, properties in results:
        kept = []
        for number, (ptype, name, value) in enumerate(properties):
            quoted = not BARE.fullmatch(value)
            if not quoted or number == len(properties) - 1:
                kept.append((ptype, name, re.sub(r'(["\\])', r"\\\1", value)))
        out.append((method, result, reason, kept))
    return out


WORDS = r"[A-Za-z0-9%s]+(?:\.[A-Za-z0-9%s]+)*"
BARE = re.compile("%s|(?:%s)?@%s" % (WORDS % ("_+-", "_+-"), WORDS % ("=_+-", "=_+-"),
                                     WORDS % ("_-", "_-")))

rounds = [(case(), number % 4 == 3) for number in range(CASES)]
answers = subprocess.run([DRIVER], input="\n".join(request(*r) for r in rounds) + "\n",
                         stdout=subprocess.PIPE, encoding="ascii", check=True, timeout=120)
fields = [bytes.fromhex(line).decode() for line in answers.stdout.split("\n")[:-1]]


@tests.test
def every_request_is_answered():
    report.equal(len(fields), CASES, "answers")


def add(number, results, utf8, field):
    def test():
        for line in field.split("\n\t"):
            report.true(len(line.encode()) <= 998, "lines of at most 998 bytes")
            report.true("\n" not in line, "line ends are folds")
        # Only a piece that is too long by itself stands on a line that is too long.
        for line in field.replace("\n\t", "\n        ").split("\n")[1:]:
            pieces = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^" ])+', line)
            report.true(len(line.encode()) <= 78 or len(pieces) == 1, "78 columns: %r" % line)
        report.equal(Reader(field, utf8).field(), expected(results, utf8), "what is read")
        # It knows nothing of UTF-8.
        if authres and field.isascii():
            report.equal(read_by_authres(field), seen_by_authres(expected(results, utf8)),
                         "what python3-authres reads")
    test.__name__ = "case %d" % number
    tests.test(test)


for count, ((given, wide), written) in enumerate(zip(rounds, fields)):
    add(count, given, wide, written)
if not authres:
    tests.skip("reading back by python3-authres: it is not installed")
tests.finish()
