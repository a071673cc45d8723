#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The outside DMARC vectors, twice: in process with made-up results of SPF and DKIM, and as signed
messages through `postern auth`. Then cases of our own: failed lookups, the public suffix list."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
import report

try:
    import dkim
except ImportError:
    dkim = None

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
SHARED = os.environ.get("POSTERN_SHARED") or os.path.join(SOURCE, "..", "shared")
VECTORS = os.path.join(SHARED, "vectors")
BUILD = os.environ.get("BUILD") or SOURCE
DRIVER = os.path.join(BUILD, "tests", "auth", "dmarc_suite")
POSTERN = os.environ.get("POSTERN") or os.path.join(BUILD, "postern")

tests = report.Tests()
scratch = tempfile.TemporaryDirectory()


def write(name, text):
    path = os.path.join(scratch.name, name)
    with open(path, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
    return path


def judge(zone, author, signers=(), spf="", *more):
    """What the driver says, by name."""
    path = write("zone", "\n".join(zone) + "\n")
    done = subprocess.run([DRIVER, path, author, ",".join(signers), spf, *more],
                          capture_output=True, text=True, timeout=20)
    report.equal((done.returncode, done.stderr), (0, ""), "exit and errors")
    names = ("result", "policy", "disposition", "domain", "spf", "dkim", "asked")
    return dict(zip(names, done.stdout.split()))


def auth(zone, author, signers=(), spf="", *more, header=b"", origin=None):
    """The same of a real message, signed by the signers, through the command."""
    message = b"From: %s\r\n%sSubject: x\r\n\r\nText.\r\n" % (
        origin or b"a@" + author.encode(), header)
    zone = list(zone)
    if signers:
        private, public = keys()
        for name in signers:
            message = dkim.sign(message, b"k", name.encode(), private,
                                include_headers=[b"from", b"subject"]) + message
            zone.append('k._domainkey.%s TXT "v=DKIM1; p=%s"' % (name, public))
    args = ["--client", "192.0.2.1", "--helo", "helo.invalid", "--sender", ""]
    if spf:
        args[-1] = "a@" + spf
        zone.append('%s TXT "v=spf1 ip4:192.0.2.1 -all"' % spf)
    done = subprocess.run([POSTERN, "auth", "--json", "--dns", write("zone", "\n".join(zone) + "\n"),
                           *args, *more, write("message", message)],
                          capture_output=True, text=True, timeout=60)
    report.equal((done.returncode, done.stderr), (0, ""), "exit and errors")
    return json.loads(done.stdout)


pair = []


def keys():
    """A private key as PEM, and the public one as a record has it."""
    if not pair:
        private = subprocess.run(["openssl", "genrsa", "-traditional", "2048"],
                                 capture_output=True, check=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True,
                                check=True).stdout.decode()
        pair.extend((private, "".join(public.split("\n")[1:-2])))
    return pair


# ---- the vectors ----

def meets(said, expect):
    for key in expect:
        report.equal(said[key], expect[key], key)
    if expect.get("result") == "fail" and "policy" in expect:
        report.equal(said["disposition"], expect["policy"], "disposition")
    if expect.get("result") in ("pass", "none"):
        report.equal(said["disposition"], "none", "disposition")


def field_agrees(answer):
    said = answer["dmarc"]
    wanted = "dmarc=%s" % said["result"]
    words = answer["authentication_results"].replace("\n\t", " ").replace(";", "").split()
    assert wanted in words, "%s not in %s" % (wanted, words)
    assert "header.from=" + answer["from"]["domain"] in words, words
    if said["policy"]:
        assert "policy.dmarc=" + said["policy"] in words, words


def add_vector(case):
    signers, spf = case["dkim_pass"], (case["spf_pass"] or [""])[0]

    def in_process():
        meets(judge(case["zone"], case["from_domain"], signers, spf), case["expect"])
    in_process.__name__ = "in process: " + case["id"]
    tests.test(in_process)

    def command():
        answer = auth(case["zone"], case["from_domain"], signers, spf)
        meets(answer["dmarc"], case["expect"])
        field_agrees(answer)
    command.__name__ = "auth: " + case["id"]
    if "." not in case["from_domain"]:
        return  # no author for us: a name of one label is nobody's on the Internet
    if dkim:
        tests.test(command)
    else:
        tests.skip(command.__name__ + ": no python3-dkim")


def add_attack(case, expect, reason):
    def check():
        zone = []
        for key, values in case["dns"].items():
            name, kind = key.split()
            zone += ["%s SERVFAIL" % name if v == "SERVFAIL" else '%s %s "%s"' % (name, kind, v)
                     for v in values]
        said = auth(zone, "good.example")["dmarc"]
        report.equal(said["result"], expect, "result")
        report.equal(said["reason"], reason, "reason")
    check.__name__ = "attack: " + case["id"]
    tests.test(check)


ATTACKS = {"dmarc_01": ("none", None), "dmarc_02": ("fail", None), "dmarc_03": ("none", None),
           "dmarc_12": ("none", None),
           "dmarc_15": ("temperror", "the DMARC record cannot be looked up")}


def vectors():
    if not os.path.exists(VECTORS):
        tests.skip("DMARC vectors: not at " + VECTORS)
        return
    for name in ("cases.json", "cases-other.json"):
        with open(os.path.join(VECTORS, "dmarc", name), encoding="utf-8") as file:
            for case in json.load(file):
                add_vector(case)
    with open(os.path.join(VECTORS, "attacks", "cases.json"), encoding="utf-8") as file:
        for case in json.load(file):
            if case["id"] in ATTACKS:
                add_attack(case, *ATTACKS[case["id"]])


# ---- failed lookups ----

REJECT = '_dmarc.example.com TXT "v=DMARC1; p=reject"'


def expect(said, **wanted):
    report.equal({key: said[key] for key in wanted}, wanted, "said")


@tests.test
def record_fails():
    expect(judge(["_dmarc.example.com TIMEOUT"], "example.com", ["example.com"]),
           result="temperror", policy="-", disposition="failed")
    # A name on the way to the record: it may have been the record.
    expect(judge([REJECT, "_dmarc.b.example.com SERVFAIL"], "a.b.example.com"),
           result="temperror", policy="-", disposition="failed")


@tests.test
def failure_above_that_cannot_matter():
    # Identical names align whatever stands above them, and strict ones do by nothing else.
    zone = [REJECT, "_dmarc.com SERVFAIL"]
    expect(judge(zone, "example.com", ["example.com"]), result="pass", dkim="yes")
    strict = ['_dmarc.example.com TXT "v=DMARC1; p=reject; adkim=s; aspf=s"', "_dmarc.com SERVFAIL"]
    expect(judge(strict, "example.com", ["a.example.com"]), result="fail", disposition="reject")
    # No name of another top-level domain aligns.
    expect(judge(zone, "example.com", ["example.net"], "example.net"), result="fail",
           disposition="reject")
    # Below one parent: whatever _dmarc.com says, both have the same organization.
    expect(judge(zone, "example.com", ["mail.example.com"]), result="pass", dkim="yes")
    # Whatever it says of a stranger below com, that may be com itself.
    expect(judge(zone, "example.com", ["example2.com"]), result="temperror", dkim="unsure",
           disposition="failed")


@tests.test
def failure_between():
    zone = [REJECT, "_dmarc.mail.example.com SERVFAIL"]
    # mail.example.com may be an organization of its own (psd=n).
    expect(judge(zone, "example.com", ["mail.example.com"]), result="temperror", dkim="unsure")
    expect(judge(zone, "example.com", ["mail.example.com"], "example.com"), result="pass")
    expect(judge(zone, "example.com", ["mail.example.com", "news.example.com"]), result="pass")


@tests.test
def monitoring_needs_no_lookup_to_ask_for_nothing():
    zone = ['_dmarc.example.com TXT "v=DMARC1; p=none"', "_dmarc.mail.example.com SERVFAIL"]
    expect(judge(zone, "example.com", ["mail.example.com"]), result="temperror",
           disposition="none", policy="none")


@tests.test
def temperror_of_spf_and_dkim():
    for signers, spf in (["?example.com"], ""), ([], "?mail.example.com"):
        expect(judge([REJECT], "example.com", signers, spf), result="temperror",
               disposition="failed", policy="reject")
    # They would not align: nothing hangs on them.
    expect(judge([REJECT], "example.com", ["?example.net"], "?other.example"), result="fail",
           disposition="reject")
    expect(judge([REJECT, '_dmarc.com TXT "v=DMARC1; psd=y"'], "example.com", ["?evil.com"],
                 "?evil.com"), result="fail", disposition="reject")
    # The other one passed.
    expect(judge([REJECT], "example.com", ["?example.com"], "example.com"), result="pass")
    expect(judge([REJECT], "example.com", ["?example.com", "example.com"]), result="pass")


@tests.test
def existence_fails():
    zone = ['_dmarc.example.com TXT "v=DMARC1; p=none; sp=quarantine; np=reject"',
            "sub.example.com SERVFAIL A"]
    # The name is in the file, so it exists for every other type; below it nothing does.
    expect(judge(zone, "sub.example.com"), result="fail", policy="-", disposition="failed")
    expect(judge(zone, "sub.example.com", ["example.com"]), result="pass", disposition="none")
    same = [zone[0].replace("np=reject", "np=quarantine"), zone[1]]
    expect(judge(same, "sub.example.com"), result="fail", disposition="quarantine")


@tests.test
def strangers_cost_no_walk():
    said = judge([REJECT], "mail.example.com", ["a.b.c.d.evil.com", "x.evil.net"], "evil.com")
    expect(said, result="fail", asked="3")


# ---- the public suffix list ----

@tests.test
def suffix_list():
    zone = ['_dmarc.example.co.uk TXT "v=DMARC1; p=reject"', '_dmarc.uk TXT "v=DMARC1; p=none"',
            '_dmarc.github.io TXT "v=DMARC1; p=reject"', '_dmarc.co.uk TXT "v=DMARC1; p=reject"']
    expect(judge(zone, "mail.example.co.uk", ["news.example.co.uk"], "", "psl"), result="pass",
           domain="example.co.uk", asked="2")
    expect(judge(zone, "mail.example.co.uk", ["other.co.uk", "co.uk"], "uk", "psl"), result="fail",
           disposition="reject")
    # Records between the name and its organization do not count, those above neither.
    expect(judge(['_dmarc.b.example.co.uk TXT "v=DMARC1; p=reject"'], "a.b.example.co.uk", [], "",
                 "psl"), result="none")
    expect(judge(zone, "other.co.uk", [], "", "psl"), result="none")
    # A public suffix is nobody's parent.
    expect(judge(zone, "github.io", ["attacker.github.io"], "", "psl"), result="fail",
           disposition="reject")
    expect(judge(zone, "github.io", ["github.io"], "", "psl"), result="pass")


@tests.test
def suffix_list_through_the_setting():
    zone = ['_dmarc.co.uk TXT "v=DMARC1; p=reject"', '_dmarc.example.co.uk TXT "v=DMARC1; p=none"']
    walk = auth(zone, "mail.example.co.uk", [], "other.co.uk")["dmarc"]
    report.equal((walk["result"], walk["domain"]), ("pass", "co.uk"), "the walk ends at co.uk")
    psl = auth(zone, "mail.example.co.uk", [], "other.co.uk", "--set", "dmarc.discovery=psl")
    report.equal((psl["dmarc"]["result"], psl["dmarc"]["domain"]), ("fail", "example.co.uk"), "psl")


# ---- signatures that pass and do not speak for the author ----

def aligned(message, *more):
    zone = [REJECT, 'k._domainkey.example.com TXT "v=DKIM1; p=%s"' % keys()[1]]
    done = subprocess.run([POSTERN, "auth", "--json", "--dns", write("zone", "\n".join(zone) + "\n"),
                           "--client", "192.0.2.1", *more, write("message", message)],
                          capture_output=True, text=True, check=True, timeout=60)
    said = json.loads(done.stdout)
    return said["dkim"][0]["result"], said["dkim"][0]["reason"], said["dmarc"]["result"]


@tests.test
def part_of_the_body_does_not_align():
    if not dkim:
        tests.skip("signed messages: no python3-dkim")
        return
    message = b"From: a@example.com\r\nSubject: x\r\n\r\nText.\r\n"
    signed = dkim.sign(message, b"k", b"example.com", keys()[0], length=True,
                       include_headers=[b"from", b"subject"]) + message
    for text in signed, signed + b"An advertisement.\r\n":
        report.equal(aligned(text), ("pass", "partial", "fail"), "refused")
        report.equal(aligned(text, "--set", "dkim.partial=allow"), ("pass", "partial", "pass"),
                     "allowed")


@tests.test
def field_added_to_those_signed_does_not_align():
    if not dkim:
        tests.skip("signed messages: no python3-dkim")
        return
    message = b"From: a@example.com\r\nSubject: x\r\nX-Note: y\r\n\r\nText.\r\n"
    signed = dkim.sign(message, b"k", b"example.com", keys()[0],
                       include_headers=[b"from", b"subject", b"x-note"]) + message
    report.equal(aligned(signed), ("pass", None, "pass"), "as signed")
    report.equal(aligned(b"X-Note: z\r\n" + signed), ("pass", None, "pass"), "one that may repeat")
    for name in b"Subject", b"SUBJECT":
        report.equal(aligned(name + b": Pay here\r\n" + signed),
                     ("pass", "a field was added to those signed", "fail"), "a second Subject")


# ---- several authors ----

@tests.test
def several_authors():
    zone = [REJECT, '_dmarc.example.net TXT "v=DMARC1; p=quarantine"']
    answer = auth(zone, "", [], "example.net", origin=b"a@example.net, b@example.com")
    report.equal(answer["dmarc"], {
        "result": "fail", "domain": "example.com", "policy": "reject", "disposition": "reject",
        "spf_aligned": False, "dkim_aligned": False, "reason": None}, "one of them fails")
    field = answer["authentication_results"].replace("\n\t", " ")
    assert "; dmarc=fail header.from=example.com policy.dmarc=reject" in field, field
    assert "dmarc=pass" not in field, field
    # A pass of one does not cover another who has no policy.
    said = auth(zone, "", [], "example.net", origin=b"a@example.net, b@example.org")["dmarc"]
    report.equal((said["result"], said["disposition"]), ("none", "none"), "one has no policy")


@tests.test
def author_that_cannot_be_trusted():
    four = b"a@example.net, b@example.com, c@example.org, d@example.edu"
    for origin, header in (b"a@example.com", b"From: b@example.net\r\n"), (b"nonsense", b""), \
            (four, b""):
        answer = auth([REJECT], "", [], "example.com", origin=origin, header=header)
        said = answer["dmarc"]
        report.equal((said["result"], said["domain"], said["policy"], said["disposition"]),
                     ("permerror", None, None, None), "said")
        report.equal(said["reason"], answer["from"]["trouble"], "reason")
        assert "dmarc=permerror reason=" in answer["authentication_results"].replace("\n\t", " ")
        assert "header.from" not in answer["authentication_results"]


vectors()
tests.finish()
