#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of mail whose name server misbehaves, in each way that faulty.py knows: what SPF,
DKIM, DMARC and a block list say, how long a command takes, and that nobody is refused for good
where no answer came. Each behaviour is one message through the daemon, all of them side by side.
"""

import concurrent.futures
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]

import faulty  # noqa: E402
from commandkit import TOP, Folder  # noqa: E402
from daemon import Postern  # noqa: E402
from mailkit import Key, message  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from report import Tests, equal, true  # noqa: E402

tests = Tests()
SHARED = os.environ.get("POSTERN_SHARED", os.path.join(TOP, "..", "shared"))
# Seconds: of a command, of the end of a message, of silence at that end; and what a busy machine may
# add to each.
COMMAND, MESSAGE, SILENCE, SLACK = 8, 20, 5, 1.5

# Results of SPF, DKIM, DMARC, and is the domain on the list: no answer is no result but temperror.
GOOD = ("pass", "pass", "pass", "yes")
DEAD = ("temperror", "temperror", "temperror", "failed")
NOTHING = ("none", "permerror", "none", "no")
TABLE = {
    "ok": GOOD, "ttl0": GOOD, "slow300": GOOD, "slow900": GOOD, "chain5": GOOD, "flood": GOOD,
    "tcponly": DEAD, "truncated": GOOD, "empty": GOOD,
    "nxdomain": NOTHING, "gone": NOTHING, "nodata": NOTHING,
    "servfail": DEAD, "refused": DEAD, "formerr": DEAD, "notimp": DEAD, "lame": DEAD,
    "drop": DEAD, "garbage": DEAD, "short": DEAD, "wrongid": DEAD, "wrongname": DEAD,
    "lies": DEAD, "broken": DEAD, "pointer": DEAD, "question": DEAD, "stalled": DEAD,
    "reset": DEAD, "self": DEAD, "loop": DEAD, "chain30": DEAD,
    "flip": GOOD,
    "txt60000": ("permerror", "temperror", "temperror", "yes"),
    "many250": ("permerror", "temperror", "temperror", "yes"),
    "nul": ("permerror", "permerror", "none", "yes"),
    "bare": ("temperror", "temperror", "temperror", "yes"),
    "twice": ("permerror", "pass", "none", "yes"),
}
# What the shared server calls them.
SHARED_NAMES = {
    "ok": "ok", "servfail": "servfail", "refused": "refused", "nxdomain": "nxdomain",
    "notimp": "notimp", "formerr": "formerr", "nodata": "nodata", "drop": "drop",
    "slow": "slow300", "dropudp": "tcponly", "trunc": "truncated", "trunctcpdrop": "stalled",
    "tcprst": "reset", "garbage": "garbage", "shortpkt": "short", "badid": "wrongid",
    "wrongq": "wrongname", "badrr": "broken", "ptrloop": "pointer", "cnameloop": "loop",
    "xcnameloop": "loop", "cnamechain": "chain5", "selfcname": "self", "bigtxt": "txt60000",
    "manytxt": "many250", "nultxt": "nul", "emptytxt": "empty", "notxtstr": "bare",
    "twospf": "twice", "lame": "lame", "half": "lies", "qr0": "question", "flood": "flood",
    "flip": "flip", "nosuchzone": "gone",
}
KEYS = {word: Key(word + ".test", "s", "ed25519-sha256") for word in TABLE}
NUMBERS = {word: number for number, word in enumerate(TABLE, 1)}

FACTS = """
set authserv "mx.example.net"
add header "X-Results: ${spf} ${dkim} ${dmarc}"
add header "X-Listed: yes" when rhsbl("bl.example", sender.domain) is present
add header "X-Listed: no"  when rhsbl("bl.example", sender.domain) is absent
"""
# SPF is waited for at MAIL, as early as can be.
EARLY = """
add header "X-Early: yes"
no: reject 550 5.7.23 "SPF" when spf is fail
"""


def content(name, rtype):
    """What the name server says where it says anything."""
    labels = name.split(".")
    if rtype == faulty.A:
        return [bytes([127, 0, 0, 2] if name.endswith(".bl.example") else [192, 0, 2, 200])]
    if rtype == faulty.PTR:
        host = list(TABLE)[int(labels[0]) - 1]
        return [faulty.wire([b"mail", host.encode(), b"test"])]
    if rtype == faulty.MX and len(labels) == 2:
        return [b"\0\x0a" + faulty.wire([b"mail"] + [label.encode() for label in labels])]
    if rtype != faulty.TXT or len(labels) < 2 or labels[-1] != "test":
        return []
    if labels[0] == "_dmarc":
        return [faulty.strings(b"v=DMARC1; p=reject")] if len(labels) > 2 else []
    if "_domainkey" in labels:
        word = re.sub("^link[0-9]+-", "chain", labels[-2])
        return [faulty.strings(KEYS[word].text.encode())]
    return [faulty.strings(b"v=spf1 ip4:192.0.2.0/24 -all")]


class Watched(Milter):
    """An MTA that notes how long the longest command took, and the longest silence at the end."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, timeout=60, **options)
        self.longest = self.end = self.silence = self.last = 0

    def reply(self):
        begun = time.monotonic()
        reply = super().reply()
        self.longest = max(self.longest, time.monotonic() - begun)
        return reply

    def receive(self):
        begun = time.monotonic()
        packet = super().receive()
        self.silence = max(self.silence, time.monotonic() - begun)
        return packet

    def eom(self, macros=None):
        before, self.silence = self.longest, 0
        begun = time.monotonic()
        try:
            return super().eom(macros)
        finally:
            self.end, self.longest, self.last = time.monotonic() - begun, before, self.silence


class Sent:
    """A message whose domain's name server behaves so."""

    def __init__(self, where, word):
        domain = word + ".test"
        sender = "a@" + domain
        text = KEYS[word].sign(message(word, sender, "postmaster@here.example"))
        with Watched(where) as mta:
            mta.negotiate()
            mta.connect("mail." + domain, "192.0.2.%d" % NUMBERS[word], 2525)
            mta.helo("mail." + domain)
            self.outcome = deliver(where, "<%s>" % sender, ["<reader@here.example>"], text,
                                   milter=mta)
            self.longest, self.end, self.silence = mta.longest, mta.end, mta.last
        added = {edit.name: edit.value.strip() for edit in self.outcome.edits or []
                 if edit.kind == "add"}
        listed = added.get("X-Listed", "failed")
        self.results = tuple(added.get("X-Results", "").split()) + (listed,)

    def put_off(self):
        return self.outcome.verdict == "tempfail" or "temperror" in self.results


def send_all(policies):
    """{(policy, word): Sent}, all at the same time."""
    server = faulty.Server(content=content)
    with Folder() as folder, concurrent.futures.ThreadPoolExecutor(200) as pool:
        for name in os.listdir(os.path.join(TOP, "policies")):
            if not name.endswith(".policy"):
                shutil.copy(os.path.join(TOP, "policies", name), folder.path)
        folder.file("local-domains", "here.example\n")
        daemons, jobs = [], {}
        try:
            for name, text in policies.items():
                path = os.path.join(folder.path, name + ".sock")
                daemons.append(Postern(folder.path, path, text + '\nset resolver "127.0.0.1@%d"\n'
                                       % server.port, name=name))
                daemons[-1].start()
                # Whose turn it is must not hang on another daemon's questions.
                for word in [word for word in TABLE if word != "flip" or name == "facts"]:
                    jobs[name, word] = pool.submit(Sent, "unix:" + path, word)
            sent = {key: job.result(60) for key, job in jobs.items()}
            # What a busy machine puts off is brought again, as mail servers do.
            for name, word in sent:
                if TABLE[word] == GOOD and sent[name, word].put_off():
                    path = os.path.join(folder.path, name + ".sock")
                    sent[name, word] = Sent("unix:" + path, word)
            return sent
        finally:
            for daemon in daemons:
                daemon.stop()


def policy(name):
    with open(os.path.join(TOP, "policies", name + ".policy"), encoding="ascii") as file:
        return file.read()


SENT = send_all({"facts": FACTS, "early": EARLY, "default": policy("default"),
                 "strict": policy("strict")})


@tests.test
def every_behaviour_has_its_results():
    for word, expected in TABLE.items():
        equal(SENT["facts", word].results, expected, word)


@tests.test
def no_command_takes_longer_than_its_budget():
    for (name, word), sent in SENT.items():
        what = "%s, policy %s" % (word, name)
        true(sent.longest < COMMAND + SLACK, "%s: a command took %.1f s" % (what, sent.longest))
        true(sent.end < MESSAGE + SLACK, "%s: the end took %.1f s" % (what, sent.end))
        true(sent.silence < SILENCE + SLACK, "%s: silent for %.1f s" % (what, sent.silence))


@tests.test
def nobody_is_refused_for_good_without_an_answer():
    for (name, word), sent in SENT.items():
        if "permerror" not in TABLE[word] and "none" not in TABLE[word]:
            true(sent.outcome.verdict != "reject",
                 "%s, policy %s: %s" % (word, name, sent.outcome.reply))
        # A name that is not there and a record with an error are answers; strict.policy refuses for
        # some of them, and who does not ask for that is not given it.
        if name != "strict":
            true(sent.outcome.verdict != "reject",
                 "%s, policy %s: %s" % (word, name, sent.outcome.reply))
        if TABLE[word] == GOOD:
            equal(sent.outcome.verdict, "accept", "%s, policy %s" % (word, name))


@tests.test
def dead_servers_have_mail_put_off_by_careful_policies():
    for name in ("default", "strict"):
        for word in TABLE:
            if TABLE[word] == DEAD:
                equal(SENT[name, word].outcome.verdict, "tempfail", "%s, %s" % (word, name))


@tests.test
def every_behaviour_of_the_shared_server_is_known():
    path = os.path.join(SHARED, "tools", "faultdns.py")
    if not os.path.exists(path):
        tests.skip("the shared name server is not there")
        return
    with open(path, encoding="utf-8") as file:
        listed = re.search(r"for k in \(([^)]*)\)", file.read()).group(1)
    names = set(re.findall(r"b'([a-z0-9]+)'", listed))
    equal(len(names), 35, "behaviours listed there")
    equal(sorted(names - set(SHARED_NAMES)), [], "behaviours without a counterpart")
    equal(sorted(set(SHARED_NAMES.values()) - set(TABLE)), [], "counterparts without results")


tests.finish()
