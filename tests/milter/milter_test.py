#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The milter room against an MTA that does as it is told, with a session that does the same:
replies, edits, negotiation, a peer that talks nonsense, the socket, the processes.

Over 600 lines because each of the many things that an MTA may do to a filter is one short test."""

import contextlib
import grp
import os
import pwd
import random
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import milterpeer as mp  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from ports import free_port  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

PROGRAM = os.path.join(os.environ.get("BUILD", "."), "tests", "milter", "scripted")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:")
MESSAGE = b"X-Old: 1\r\nSubject: a\r\nX-Old:2\r\n\r\nhello\r\n"

tests = Tests()
home = tempfile.TemporaryDirectory(prefix="milter")
os.chmod(home.name, 0o755)
serial = 0


def wait_until(condition, seconds=5, what="it"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("%s did not come in %g s" % (what, seconds))


class Scripted:
    def __init__(self, *options, where=None, wait=True):
        global serial
        serial += 1
        self.folder = os.path.join(home.name, str(serial))
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "s")
        self.where = where or "unix:" + self.path
        self.options = options
        self.logfile = os.path.join(self.folder, "log")
        self.process = None
        self.start(wait)

    def start(self, wait=True):
        with open(self.logfile, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, *self.options, self.where], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=log, start_new_session=True)
        if wait:
            wait_until(lambda: "serving at" in self.log() or self.process.poll() is not None)

    def log(self):
        with open(self.logfile, encoding="ascii", errors="replace") as log:
            return log.read()

    def events(self):
        return re.findall(r"event (.*)$", self.log(), re.M)

    def event(self, text, seconds=5):
        wait_until(lambda: text in self.events(), seconds, "event %r among %r" % (text,
                                                                                  self.events()))

    def filter_pid(self):
        pid = self.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as children:
            pids = children.read().split()
        return int(pids[0]) if pids else None

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(15), 0, "exit status")
        self.clean()

    def clean(self):
        true(not SANITIZER.search(self.log()), "no finding of a sanitizer: " + self.log())

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        try:
            if kind is None and self.process.poll() is None:
                self.stop()
            self.clean()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        return False


ready = {}


def daemon(needs="all"):
    """A daemon that several tests share."""
    if needs not in ready:
        ready[needs] = Scripted("-n", needs)
    return ready[needs]


def send(script, needs="all", **options):
    options.setdefault("recipients", ["<b@example.net>"])
    return deliver(daemon(needs).where, sender="<%s@example.org>" % script, message=MESSAGE,
                   **options)


@contextlib.contextmanager
def session(needs="all", greet=True, **options):
    with Milter(daemon(needs).where, **options) as m:
        if greet:
            m.negotiate()
            m.connect()
            m.helo()
        yield m


# ---- negotiation ----

@tests.test
def only_what_is_needed_is_asked_for():
    with session("", greet=False) as m:
        m.negotiate()
        equal(m.actions, mp.SETSYMLIST, "actions")
        for name in ("NOHELO NORCPT NODATA NOHDRS NOEOH NOBODY NOUNKNOWN NR_CONN NR_HELO NR_RCPT "
                     "NR_DATA NR_UNKN NR_EOH NR_HDR NR_BODY HDR_LEADSPC").split():
            true(m.steps & getattr(mp, name), name)
        for name in "NOCONNECT NOMAIL NR_MAIL RCPT_REJ".split():
            true(not m.steps & getattr(mp, name), "not " + name)
        equal(m.connect(), None, "answer to connect")
        equal(m.helo(), None, "answer to HELO")
        equal(m.mail("<a@b>").kind, "continue", "answer to MAIL")
        equal(m.rcpt("<a@b>"), None, "answer to RCPT")
        equal(m.eom().kind, "continue", "answer to the end")
        m.quit()


@tests.test
def a_policy_that_needs_all_gets_all():
    with session(greet=False) as m:
        m.negotiate()
        equal(m.actions, mp.SETSYMLIST | mp.ADDHDRS | mp.CHGHDRS | mp.ADDRCPT | mp.DELRCPT |
              mp.QUARANTINE, "actions")
        equal(m.steps,
              mp.NOUNKNOWN | mp.NR_UNKN | mp.NR_HDR | mp.NR_BODY | mp.HDR_LEADSPC | mp.SKIP |
              mp.RCPT_REJ, "steps")
        equal(m.connect().kind, "continue", "answer to connect")
        equal(m.helo().kind, "continue", "answer to HELO")


@tests.test
def each_reply_bit_follows_its_need():
    for need, bit in (("rcpt_reply", mp.NR_RCPT), ("data_reply", mp.NR_DATA), ("eoh_reply",
                                                                               mp.NR_EOH),
                      ("connect_reply", mp.NR_CONN | mp.NR_HELO)):
        every = mp.NR_RCPT | mp.NR_DATA | mp.NR_EOH | mp.NR_CONN | mp.NR_HELO
        with Scripted("-n", "rcpt,data,eoh,helo," + need) as d, Milter(d.where) as m:
            m.negotiate()
            equal(m.steps & every, every & ~bit, "bits with " + need)


@tests.test
def an_mta_that_awaits_every_reply_gets_it():
    with session(greet=False, steps=mp.STEPS & ~(mp.NR_HDR | mp.NR_BODY)) as m:
        m.negotiate()
        m.connect(), m.helo(), m.mail("<a@b>"), m.rcpt("<c@d>"), m.data()
        equal(m.header("A", " b").kind, "continue", "answer to a header")
        equal(m.eoh().kind, "continue", "answer to the end of headers")
        # libmilter makes up for the missing bit, so the filter itself never answers a body.
        equal(m.body(b"x").kind, "continue", "answer to a body")
        equal(m.eom().kind, "continue", "answer to the end")


@tests.test
def a_version_2_mta_is_served():
    with session(greet=False, version=2, actions=0x3f, steps=mp.STEPS_V2) as m:
        m.negotiate()
        equal(m.steps, 0, "steps")
        for reply in (m.connect("old.example"), m.helo(), m.mail("<eom-reject@x>"),
                      m.rcpt("<c@d>"),
                      m.header("Subject", " one  space"), m.header("Empty", ""), m.eoh(),
                      m.body(b"x")):
            equal(reply.kind, "continue", "answer")
        m.packet(b"E", b"the rest")
        equal(m.reply().code, 554, "answer to the end, with the rest of the body")
        m.quit()
    daemon().event("header [Subject: one  space]")
    daemon().event("header [Empty: ]")
    daemon().event("body [8]")


@tests.test
def an_mta_that_lacks_an_action_is_deferred():
    with session(actions=mp.ACTIONS & ~mp.CHGHDRS) as m:
        reply = m.mail("<a@b>")
        equal((reply.kind, reply.code, reply.enhanced), ("tempfail", 451, "4.3.0"),
              "answer to MAIL")
    contains(daemon().log(), "does not offer edits that the policy needs (actions 0x10)")


@tests.test
def macros_are_asked_for_beside_the_usual():
    with session("macros", greet=False) as m:
        m.negotiate()
        equal(sorted(m.lists), ["connect", "rcpt"], "stages")
        contains(m.lists["connect"], "j")
        contains(m.lists["connect"], "{client_addr}")
        contains(m.lists["connect"], "{client_port}")
        equal(m.lists["rcpt"], ["i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}",
                                "{tls_version}"])
        m.connect(macros={"j": "mx.example", "client_addr": "192.0.2.77", "unasked": "1"})
        m.mail("<a@b>", "SIZE=10", "BODY=8BITMIME", macros={"auth_authen": "jo\tan"})
    daemon("macros").event("connect [[192.0.2.1] 192.0.2.1 25000 j=mx.example "
                           "client_addr=192.0.2.77]")
    daemon("macros").event("mail [<a@b> SIZE=10 BODY=8BITMIME auth_authen=jo\\x5Cx09an]")


@tests.test
def no_macros_where_the_mta_takes_no_lists():
    with session("macros", greet=False, actions=mp.ACTIONS & ~mp.SETSYMLIST) as m:
        equal(m.negotiate().lists, {}, "lists")


# ---- events ----

@tests.test
def addresses_of_all_families():
    for address, port, seen in (("192.0.2.9", 1025, "192.0.2.9 1025"), ("2001:db8::9", 65535,
                                "2001:db8::9 65535"), ("/run/x", 0, "none 0"), (None, 0,
                                                                                "none 0")):
        with session(greet=False) as m:
            m.negotiate()
            equal(m.connect("n" + str(port), address, port).kind, "continue", "answer")
        daemon().event("connect [n%d %s j=- client_addr=-]" % (port, seen))


@tests.test
def header_values_keep_their_space():
    with session() as m:
        m.mail("<a@b>"), m.rcpt("<c@d>"), m.data()
        m.header("None", "x"), m.header("One", " x"), m.header("Two", "  x\n\ty"), m.eoh()
        equal(m.eom().kind, "continue", "answer")
    for line in ("header [None:x]", "header [One: x]", "header [Two:  x\\x0A\\x09y]"):
        daemon().event(line)


@tests.test
def several_messages_a_connection():
    with session() as m:
        for _ in range(3):
            equal(deliver(None, "<a@b>", ["<c@d>"], milter=m).verdict, "accept", "verdict")
            equal(deliver(None, "<eoh-reject@b>", ["<c@d>"], milter=m).stage, "eoh", "stage")
        m.mail("<a@b>")
        m.abort()
        m.mail("<a@b>"), m.rcpt("<c@d>")
        m.abort()
        equal(deliver(None, "<a@b>", ["<c@d>"], milter=m).verdict, "accept", "verdict")
        m.quit()


# ---- replies ----

@tests.test
def refusals_at_every_stage_have_their_text():
    for stage in ("mail", "data", "eoh", "eom"):
        for kind, code, enhanced in (("reject", 554, "5.7.99"), ("tempfail", 452, "4.7.99")):
            outcome = send("%s-%s" % (stage, kind))
            equal((outcome.verdict, outcome.stage), (kind, stage), "verdict")
            equal((outcome.reply.code, outcome.reply.enhanced), (code, enhanced), "codes")
            equal(outcome.reply.line.split(" ", 2)[2], "told at %s, 100%%%% sure" % stage,
                  "on the wire")


@tests.test
def accept_and_discard():
    for stage in ("mail", "data", "eoh", "eom"):
        for kind in ("accept", "discard"):
            outcome = send("%s-%s" % (stage, kind))
            equal((outcome.verdict, outcome.stage), (kind, stage), "verdict")


@tests.test
def one_recipient_is_refused():
    outcome = send("x", recipients=["<rcpt-reject@b>", "<b@b>", "<rcpt-tempfail@b>"])
    equal([r.kind for r in outcome.recipients], ["reject", "continue", "tempfail"], "recipients")
    equal([r.code for r in outcome.recipients], [554, None, 452], "codes")
    equal(outcome.verdict, "accept", "verdict")


@tests.test
def nothing_at_rcpt_decides_for_the_others():
    outcome = send("x", recipients=["<rcpt-accept@b>", "<rcpt-discard@b>", "<b@b>"])
    equal([r.kind for r in outcome.recipients], ["continue", "tempfail", "continue"], "recipients")
    equal(outcome.stage, "eom", "stage")


@tests.test
def refusals_before_mail_have_no_text():
    for kind in ("reject", "tempfail", "accept"):
        outcome = send("x", name="connect-" + kind)
        equal((outcome.stage, outcome.verdict, outcome.reply.line), ("connect", kind, None),
              "outcome")
        outcome = send("x", helo="helo-" + kind)
        equal((outcome.stage, outcome.verdict, outcome.reply.line), ("helo", kind, None),
              "outcome")
    equal(send("x", name="connect-discard").verdict, "tempfail", "discard at connect")


@tests.test
def texts_are_made_fit():
    reply = send("mail-mismatch").reply
    equal((reply.code, reply.enhanced), (550, "5.7.1"), "codes of a rejection with 451")
    reply = send("mail-lines").reply
    equal((reply.enhanced, reply.text), ("5.7.1", "one??250 two ??"), "text")
    reply = send("mail-long").reply
    equal(reply.line, "450 4.2.0 " + "x" * 979, "cut before a doubled '%'")


@tests.test
def signs_of_life_at_the_end():
    outcome = send("eom-slow")
    equal((outcome.verdict, outcome.reply.progress), ("accept", 4), "progress")


@tests.test
def skip_where_a_body_is_answered():
    steps = mp.STEPS_V2 | mp.NODATA | mp.NOUNKNOWN
    equal(send("body-skip", steps=steps).stage, "eom", "without SKIP")
    equal(send("body-reject", steps=steps).stage, "body", "rejected there")


@tests.test
def a_verdict_that_cannot_be_told_defers():
    # The MTA does not listen at these stages: the policy said that nothing would come there.
    for stage in ("data", "eoh", "body"):
        for kind in ("reject", "tempfail", "discard"):
            outcome = send("%s-%s" % (stage, kind), "data,eoh,body")
            equal((outcome.verdict, outcome.stage, outcome.reply.code), ("tempfail", "eom", 451),
                  "%s at %s" % (kind, stage))
    outcome = send("x", "rcpt", recipients=["<rcpt-reject@b>", "<b@b>"])
    equal((outcome.verdict, outcome.stage), ("tempfail", "eom"), "recipient")
    outcome = send("x", "helo", helo="helo-reject")
    equal((outcome.verdict, outcome.stage), ("tempfail", "mail"), "HELO")
    equal(send("x", "data,eoh,body").verdict, "accept", "the next message")


@tests.test
def without_memory_all_is_deferred():
    with Scripted("-x", "-n", "all") as d:
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).stage, "connect", "stage")
    with Scripted("-x") as d, Milter(d.where) as m:
        m.negotiate()
        equal(m.connect(), None, "answer to connect")
        for _ in range(2):
            equal(m.mail("<a@b>").line, "451 4.3.0 Try again later", "answer to MAIL")


@tests.test
def rejected_recipients_are_shown_and_not_answered():
    def about(path):
        return {"rcpt_mailer": "error" if "no" in path else "local", "rcpt_addr": path}
    outcome = send("x", recipients=["<rcpt-reject@no>", "<b@b>"], macros={"rcpt": about})
    equal([r.kind for r in outcome.recipients], ["continue", "continue"], "recipients")
    daemon().event("rcpt [<rcpt-reject@no> rcpt_addr=<rcpt-reject@no> rcpt_mailer=error]")


# ---- edits ----

@tests.test
def edits_in_their_order():
    outcome = send("edits")
    equal([(e.kind, e.name, e.value, e.index) for e in outcome.edits], [
        ("change", "X-Old", "", 2), ("change", "X-Old", "", 1), ("change", "Subject", " new", 1),
        ("add", "X-Last", " led", None), ("insert", "Authentication-Results", " mx;\n\tspf=none",
                                          0),
        ("delrcpt", None, "<b@example.net>", None), ("addrcpt", None, "<c@example.net>", None)])
    equal(outcome.headers, [("Authentication-Results", " mx;\n\tspf=none"), ("Subject", " new"),
                            ("X-Last", " led")], "headers")


@tests.test
def edits_for_an_mta_that_adds_the_space():
    outcome = send("edits", steps=mp.STEPS & ~mp.HDR_LEADSPC)
    equal([e.value for e in outcome.edits[2:5]], ["new", "led", "mx;\n\tspf=none"], "values")
    equal(outcome.headers[1], ("Subject", " new"), "header")


@tests.test
def empty_values_delete_nothing():
    outcome = send("edits-empty")
    equal(outcome.edits[0].value, " ", "value")
    equal(outcome.held, "held by the policy", "reason")


@tests.test
def a_refused_edit_defers():
    outcome = send("edits-refused")
    equal((outcome.verdict, outcome.reply.line), ("tempfail",
                                                  "451 4.3.0 Message could not be edited"))
    daemon().event("edit-failed []")


@tests.test
def held_with_its_reason():
    outcome = send("hold")
    equal((outcome.verdict, outcome.held), ("accept", "looks odd"), "outcome")


@tests.test
def no_edits_with_a_refusal():
    equal(send("eom-reject").reply.edits, [], "edits")


# ---- a peer that talks nonsense ----

def lives(d, pid):
    equal(d.filter_pid(), pid, "filter process")
    equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")


@tests.test
def garbage():
    d = daemon()
    pid = d.filter_pid()
    big = struct.pack("!I", 2 << 20)
    for junk in (b"\0\0\0\0", b"\0\0\0\x01?", b"\xff\xff\xff\xffAAAA", b"\0\0\0\x01O",
                 b"GET / HTTP/1.0\r\n\r\n",
                 b"\0\0\0\x05O\0\0\0\0", b"\0\0\0\x0dO" + b"\xff" * 12, big + b"B" + b"x" * 70000):
        for greet in (False, True):
            with session(greet=greet) as m:
                # It may hang up while more is sent.
                with contextlib.suppress(mp.Closed):
                    m.raw(junk)
    # Not among them: a macro without a value, for which libmilter itself reads past its list.
    for junk in ((b"C", b"no end"), (b"C", b"a\0"), (b"C", b"a\x004\0"),
                 (b"C", b"a\x006\0\x19zz\0"),
                 (b"C", b"a\x004\0\x19999.1\0"), (b"C", b"a\0L\0\0" + b"p" * 200 + b"\0"),
                 (b"H", b""), (b"M", b""), (b"M", b"no end"), (b"M", b"\0"), (b"R", b"\0\0\0"),
                 (b"L", b"\0\0"), (b"L", b"x"), (b"L", b"x\0y"), (b"D", b""), (b"D", b"M"),
                 (b"D", b"Mi\0v\0"), (b"D", b"?i\0v\0"), (b"B", b""), (b"U", b""), (b"O", b""),
                 (b"Z", b"")):
        with session(greet=False) as m:
            m.negotiate()
            m.packet(*junk)
        with session() as m:
            m.packet(*junk)
            with contextlib.suppress(mp.Closed):
                m.packet(b"M", b"<a@b>\0")
                m.packet(*junk)
    lives(d, pid)


@tests.test
def commands_out_of_order():
    d = daemon()
    pid = d.filter_pid()
    commands = [(b"C", b"h\0U"), (b"H", b"h\0"), (b"M", b"<a@b>\0"), (b"R", b"<c@d>\0"),
                (b"T", b""),
                (b"L", b"a\0b\0"), (b"N", b""), (b"B", b"x"), (b"E", b""), (b"A", b""),
                (b"K", b"")]
    for first in commands:
        for second in commands:
            for negotiated in (False, True):
                with session(greet=False) as m:
                    if negotiated:
                        m.negotiate()
                    with contextlib.suppress(mp.Closed):
                        for command in (first, second, first, second):
                            m.packet(*command)
    lives(d, pid)


@tests.test
def mail_without_a_beginning_is_deferred():
    with session(greet=False) as m:
        m.packet(b"M", b"<a@b>\0")
        equal(m.reply().kind, "tempfail", "MAIL before the negotiation")
    with session(greet=False) as m:
        m.negotiate()
        m.packet(b"M", b"<a@b>\0")
        equal(m.reply().kind, "tempfail", "MAIL before connect")


@tests.test
def a_hang_up_at_every_point():
    d = daemon()
    pid = d.filter_pid()
    steps = [lambda m: m.negotiate(), lambda m: m.connect(), lambda m: m.helo(),
             lambda m: m.mail("<a@b>"), lambda m: m.rcpt("<c@d>"), lambda m: m.data(),
             lambda m: m.header("A", " b"), lambda m: m.eoh(), lambda m: m.body(b"x"),
             lambda m: m.packet(b"E")]
    freed = d.events().count("free")
    for n in range(len(steps) + 1):
        for rest in (b"", b"\0\0", b"\0\0\0\x09M<a"):
            with session(greet=False) as m:
                for step in steps[:n]:
                    step(m)
                m.raw(rest)
    wait_until(lambda: d.events().count("free") >= freed + 9 * 3, 5, "the end of the sessions")
    lives(d, pid)


@tests.test
def half_a_packet_holds_nobody_up():
    d = daemon()
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(session()).raw(b"\0\0\0\x0dM<a")
        for _ in range(10):
            start = time.monotonic()
            equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
            true(time.monotonic() - start < 3, "served beside them")


def packet(command, payload=b""):
    return struct.pack("!I", len(payload) + 1) + command + payload


def two_sessions(mark):
    """All that an MTA says in two sessions on one connection, but the beginning."""
    mail = [packet(b"M", b"<eom-reject@b>\0"), packet(b"R", b"<c@d>\0"), packet(b"T")]
    mail += [packet(b"L", b"%s-%d\0 %s\0" % (mark, n, b"v" * (50 * n))) for n in range(20)]
    mail += [packet(b"N"), packet(b"B", b"y" * 65535), packet(b"B", b"z" * 700), packet(b"E")]
    return b"".join(mail + [packet(b"K"), packet(b"C", b"second\0U")] + mail)


@tests.test
def it_is_all_one_how_it_comes():
    """A byte at a time, a command at a time, or several in one packet."""
    draw = random.Random(7)
    with Scripted() as d:
        for mark, most in ((b"One", 1), (b"Few", 40), (b"Some", 5000), (b"Whole", 1 << 20)):
            said = two_sessions(mark)
            before = len(d.events())
            with Milter(d.where) as m:
                m.negotiate(), m.connect(), m.helo()
                at = 0
                while at < len(said):
                    n = draw.randint(1, most) if most < 1 << 20 else most
                    m.raw(said[at:at + n])
                    at += n
                equal([m.receive()[0] for _ in range(4)], [b"c", b"y", b"c", b"y"], "answers")
                true(m.quiet(), "nothing is said beyond")
                m.packet(b"Q")
                true(m.closed(), "and the end is heard")
            events = d.events()[before:]
            for event in ["body [65535]", "body [700]"] + [
                    "header [%s-%d: %s]" % (mark.decode(), n, "v" * (50 * n)) for n in range(20)]:
                equal(events.count(event), 2, "%s in %s" % (event, mark))


@tests.test
def large_packets():
    d = daemon()
    pid = d.filter_pid()
    with session() as m:
        m.mail("<a@b>"), m.rcpt("<c@d>"), m.data()
        m.header("Long", " " + "x" * 900000)
        m.eoh()
        m.body(b"y" * 1000000)
        equal(m.eom().kind, "continue", "answer")
    with session() as m:
        m.mail("<a@b>"), m.rcpt("<c@d>"), m.data(), m.eoh()
        with contextlib.suppress(mp.Closed):
            m.body(b"y" * 1100000)
        true(m.closed(), "the filter hangs up")
    lives(d, pid)


@tests.test
def a_new_session_without_a_new_negotiation():
    with session() as m:
        m.mail("<a@b>"), m.rcpt("<c@d>")
        m.abort()
        m.packet(b"K")
        m.packet(b"C", b"second\0U")
        equal(m.reply().kind, "continue", "answer to connect")
        equal(m.mail("<eom-reject@b>").kind, "continue", "answer to MAIL")
        m.rcpt("<c@d>"), m.data()
        # What was agreed on goes on: no answer to a field, and its space comes with it.
        m.header("Again", " x")
        m.eoh()
        equal(m.eom().code, 554, "answer to the end")
        m.quit()
    daemon().event("header [Again: x]")


@tests.test
def many_at_once():
    d = daemon()
    failures = []

    def one(n):
        try:
            script = ("x", "mail-reject", "eom-tempfail")[n % 3]
            verdict = deliver(d.where, "<%s@b>" % script, ["<c@d>"], timeout=30).verdict
            if verdict != ("accept", "reject", "tempfail")[n % 3]:
                failures.append(verdict)
        except Exception as error:
            failures.append(repr(error))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(150)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures")


# ---- the socket ----

def refused(*options, where):
    """What a daemon says that does not start."""
    d = Scripted(*options, where=where)
    equal(d.process.wait(10), 2, "exit status")
    return d.log()


@tests.test
def a_second_instance_is_refused():
    with Scripted() as d:
        contains(refused(where=d.where), "'%s' is in use: '%s.lock' is held" % (d.path, d.path))
        os.unlink(d.path + ".lock")
        contains(refused(where=d.where), "'%s' is in use: a live process answers there" % d.path)
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict of the first")


@tests.test
def a_stale_socket_is_removed():
    path = os.path.join(home.name, "stale")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    with Scripted(where="unix:" + path) as d:
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
    true(not os.path.exists(path), "the socket is removed at the end")


@tests.test
def what_is_no_socket_stays():
    path = os.path.join(home.name, "file")
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    contains(refused(where="unix:" + path),
             "'%s' is there, is not a socket, and is left alone" % path)
    os.symlink(path, path + ".link")
    contains(refused(where="unix:%s.link" % path), "is not a socket")
    with open(path, encoding="ascii") as file:
        equal(file.read(), "precious", "file")


@tests.test
def a_successors_socket_stays():
    with Scripted() as d:
        os.unlink(d.path)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(d.path)
        d.stop()
        true(os.path.exists(d.path), "the other's socket is there")


@tests.test
def no_place_to_listen_at():
    for where, text in (("x", "say unix:PATH"), ("unix:", "the path is missing"),
                        ("inet:8891", "the host is missing"),
                        ("inet:0@localhost", "the port is a number"),
                        ("unix:" + "x" * 108, "too long"),
                        ("unix:/nonexistent/dir/s", "No such file"),
                        ("inet:8891@no such host", "host 'no such host'")):
        contains(refused(where=where), text)
    contains(refused("-g", "no-such-group", where="unix:%s/g" % home.name),
             "there is no group 'no-such-group'")
    contains(refused("-u", "no-such-user", where="unix:%s/u" % home.name),
             "there is no user 'no-such-user'")
    equal([f for f in os.listdir(home.name) if f in ("g", "u")], [], "left behind")


@tests.test
def over_inet():
    port = free_port()
    with Scripted(where="inet:%d@127.0.0.1" % port) as d:
        for _ in range(3):
            equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
        contains(refused(where=d.where), "Address already in use")
    with Scripted(where="inet:%d@localhost" % port) as d:
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "the port is free at once")


@tests.test
def mode_and_group():
    groups = [g for g in grp.getgrall() if os.getuid() == 0 or g.gr_gid in os.getgroups()]
    group = groups[-1].gr_name if groups else None
    options = ["-m", "0640"] + (["-g", group] if group else [])
    with Scripted(*options) as d:
        st = os.stat(d.path)
        equal(stat.S_IMODE(st.st_mode), 0o640, "mode")
        if group:
            equal(grp.getgrgid(st.st_gid).gr_name, group, "group")


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@tests.test
def rights_are_given_up():
    with Scripted() as d:
        for pid in (d.process.pid, d.filter_pid()):
            equal(status_of(pid)["NoNewPrivs"], "1", "no_new_privs")
        with open("/proc/%d/limits" % d.process.pid, encoding="ascii") as file:
            limits = next(line.split() for line in file if line.startswith("Max open files"))
        true(int(limits[3]) >= min(65536, int(limits[4])), "descriptors: %s" % limits)


if os.getuid() == 0:
    @tests.test
    def root_becomes_nobody():
        nobody = pwd.getpwnam("nobody")
        folder = tempfile.mkdtemp(dir=home.name)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        with Scripted("-u", "nobody", "-g", "daemon", where="unix:%s/s" % folder) as d:
            st = os.stat(folder + "/s")
            equal((st.st_uid, st.st_gid), (nobody.pw_uid, grp.getgrnam("daemon").gr_gid),
                  "socket's owner")
            for pid in (d.process.pid, d.filter_pid()):
                status = status_of(pid)
                equal(status["Uid"].split(), [str(nobody.pw_uid)] * 4, "uid")
                equal(status["Gid"].split(), [str(nobody.pw_gid)] * 4, "gid")
                lacks(status["Groups"].split(), "0", "groups")
                equal(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0, "capabilities")
                equal(os.stat("/proc/%d/mem" % pid).st_uid, 0, "not dumpable")
            os.kill(d.filter_pid(), signal.SIGKILL)
            wait_until(lambda: d.log().count("serving") == 2)
            equal(status_of(d.filter_pid())["Uid"].split()[0], str(nobody.pw_uid),
                  "uid of the next")
            equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
        equal(os.listdir(folder), ["s.lock"], "left behind")
else:
    tests.skip("dropping privileges: not root")


# ---- the processes ----

@tests.test
def a_killed_filter_process_is_replaced_at_once():
    with Scripted() as d:
        parent = d.process.pid
        for _ in range(3):
            pid = d.filter_pid()
            os.kill(pid, signal.SIGKILL)
            start = time.monotonic()
            equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
            true(time.monotonic() - start < 0.25, "within 250 ms")
            true(d.filter_pid() != pid, "another process")
        equal((d.process.pid, d.process.poll()), (parent, None), "parent")
        contains(d.log(), "was ended by signal 9 (Killed); the next starts in 0 ms")


def fingerprints(d):
    """Of messages that were being judged in crashes: (fingerprint, in how many)."""
    found = re.findall(r"message ([0-9a-f]{16}) was being judged when .* \((\d+)", d.log())
    return [(fingerprint, int(count)) for fingerprint, count in found]


@tests.test
def a_message_that_kills_twice_is_deferred():
    for stage, told in (("mail", "mail"), ("rcpt", "rcpt"), ("data", "rcpt"), ("eoh", "eoh"),
                        ("body", "eoh"), ("eom", "eoh")):
        sender = "<a@b>" if stage == "rcpt" else "<%s-crash@b>" % stage
        message = b"Message-ID: <1@b>\r\nSubject: a test\r\n\r\nText.\r\n"
        with Scripted("-n", "all") as d:
            def again(text=message):
                try:
                    return deliver(d.where, sender, ["<%s@d>" % (
                        "rcpt-crash" if stage == "rcpt" else "c")], text)
                except mp.Closed:
                    return None
            equal(again(), None, "the first time")
            equal(again(), None, "the second time")
            for _ in range(2):
                outcome = again()
                equal((outcome.verdict, outcome.stage), ("tempfail", told), "verdict by " + stage)
                if told != "rcpt":
                    equal((outcome.reply.code, outcome.reply.enhanced), (451, "4.3.0"), "reply")
            equal(d.log().count("was ended by"), 2, "crashes")
            first, second = fingerprints(d)
            equal((first[1], second), (1, (first[0], 2)), "the same message")
            line = "message %s was being judged in 2 crashes" % first[0]
            wait_until(lambda: line in d.log())
            equal(d.log().count(line), 1, "lines about its deferral")
            equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "another message")
            if told == "eoh":
                equal(again(message.replace(b"<1@b>", b"<2@b>")), None, "another of the same kind")


@tests.test
def a_message_that_waits_is_not_suspected():
    with Scripted("-n", "all") as d:
        with mp.Milter(d.where) as waiting:
            waiting.negotiate()
            waiting.connect("host.example", "192.0.2.1", 4321)
            waiting.helo("host.example")
            equal(waiting.mail("<a@b>").kind, "continue", "MAIL")
            waiting.rcpt("<c@d>")
            os.kill(d.filter_pid(), signal.SIGKILL)
            wait_until(lambda: d.log().count("serving") == 2)
        equal(fingerprints(d), [], "suspects")


@tests.test
def crashes_in_a_row_are_slowed_down():
    with Scripted() as d:
        for n in range(7):
            wait_until(lambda: d.log().count("serving") == n + 1)
            os.kill(d.filter_pid(), signal.SIGKILL)
            wait_until(lambda: d.log().count("was ended by") == n + 1)
        equal(re.findall(r"starts in (\d+) ms", d.log()), ["0"] * 5 + ["500", "1000"], "delays")
        # Connections wait in the queue meanwhile.
        start = time.monotonic()
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
        true(0.5 < time.monotonic() - start < 2, "served after the delay")
        os.kill(d.filter_pid(), signal.SIGKILL)
        wait_until(lambda: d.log().count("was ended by") == 8)
        start = time.monotonic()
        d.stop()
        true(time.monotonic() - start < 1, "stops while it waits for the next start")


def ended(pid):
    """Gone, or dead and not yet collected by whoever inherited it."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@tests.test
def the_filter_process_dies_with_its_parent():
    with Scripted() as d:
        pid = d.filter_pid()
        d.process.kill()
        d.process.wait()
        wait_until(lambda: ended(pid), 2, "the end of the filter process")
        d.start(wait=False)
        wait_until(lambda: d.log().count("serving") == 2)
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict after a new start")


@tests.test
def only_the_parent_is_told_to_stop():
    with Scripted() as d:
        pid = d.filter_pid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            os.kill(pid, number)
        for count, number in enumerate((signal.SIGHUP, signal.SIGUSR1), 1):
            os.kill(d.process.pid, number)
            wait_until(lambda: d.events().count("reload [service]") == count)
        os.kill(d.process.pid, signal.SIGUSR2)
        time.sleep(0.3)
        equal(d.events().count("reload [service]"), 2, "reloads")
        equal(d.filter_pid(), pid, "filter process")
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")


@tests.test
def a_start_that_cannot_work_ends_the_parent():
    with Scripted("-s", "2") as d:
        equal(d.process.wait(5), 2, "exit status")
        contains(d.log(), "the filter process cannot start: giving up")
        true(not os.path.exists(d.path), "the socket is removed")


@tests.test
def who_has_served_does_not_give_up():
    """What is in the way of the next filter process may go: nobody is served until then."""
    obstacle = os.path.join(home.name, "obstacle")
    with Scripted("-b", obstacle) as d:
        with open(obstacle, "w", encoding="ascii"):
            pass
        os.kill(d.filter_pid(), signal.SIGKILL)
        wait_until(lambda: d.log().count("ended with status 2; the next starts in") >= 2, 15)
        os.unlink(obstacle)
        wait_until(lambda: d.log().count("serving at") == 2, 15)
        equal(deliver(d.where, "<a@b>", ["<c@d>"]).verdict, "accept", "verdict")
        lacks(d.log(), "giving up", "the log")


@tests.test
def a_start_that_fails_is_tried_again():
    with Scripted("-s", "1", wait=False) as d:
        # ThreadSanitizer lets each of the six processes linger for a second.
        wait_until(lambda: "starts in 500 ms" in d.log(), 15)
        equal(d.log().count("ended with status 1; the next starts in 0 ms"), 5, "at once")


@tests.test
def messages_in_progress_end():
    with Scripted("-n", "all") as d:
        with Milter(d.where) as busy, Milter(d.where) as idle, Milter(d.where) as fresh:
            for m in (busy, idle):
                m.negotiate(), m.connect(), m.helo()
            busy.mail("<eom-slow@b>"), busy.rcpt("<c@d>")
            fresh.negotiate()
            start = time.monotonic()
            d.process.terminate()
            wait_until(lambda: not os.path.exists(d.path))
            wait_until(lambda: "stopping" in d.log())
            time.sleep(0.2)
            equal(idle.mail("<a@b>").line, "451 4.3.2 Service shutting down", "a new message")
            equal(fresh.connect().kind, "continue", "an open connection")
            equal(fresh.mail("<a@b>").line, "451 4.3.2 Service shutting down", "its message")
            try:
                Milter(d.where)
                raise AssertionError("a new connection was taken")
            except OSError:
                pass
            busy.data(), busy.header("A", " b"), busy.eoh(), busy.body(b"x")
            equal(busy.eom().kind, "continue", "answer to the message in progress")
            equal(d.process.wait(10), 0, "exit status")
            true(time.monotonic() - start < 3, "ends when the message does")
            contains(d.events(), "finish [service]")


@tests.test
def what_does_not_end_is_cut_off():
    with Scripted("-n", "all") as d:
        with Milter(d.where) as slow, Milter(d.where) as hanging:
            for m in (slow, hanging):
                m.negotiate(), m.connect(), m.helo()
            slow.mail("<a@b>")
            hanging.mail("<eom-hang@b>"), hanging.rcpt("<c@d>")
            hanging.packet(b"E")
            start = time.monotonic()
            d.process.terminate()
            equal(d.process.wait(10), 0, "exit status")
            true(4.5 < time.monotonic() - start < 6.5, "after 5 s")
            true(slow.closed() and hanging.closed(), "both were hung up on, without an answer")
            contains(d.events(), "finish [service]")


@tests.test
def over_inet_the_port_is_closed_at_once():
    port = free_port()
    with Scripted("-n", "all", where="inet:%d@127.0.0.1" % port) as d:
        with Milter(d.where) as m:
            m.negotiate(), m.connect(), m.helo(), m.mail("<a@b>")
            d.process.terminate()
            wait_until(lambda: "stopping" in d.log())
            time.sleep(0.2)
            try:
                Milter(d.where).close()
                raise AssertionError("a new connection was taken")
            except ConnectionRefusedError:
                pass
            m.rcpt("<c@d>")
            equal(m.eom().kind, "continue", "answer to the message in progress")
            equal(d.process.wait(3), 0, "exit status")


def finish():
    """The daemons that were shared stop in order, and found no sanitizer anything."""
    with contextlib.ExitStack() as stack:
        for d in ready.values():
            stack.enter_context(d)


tests.run()
tests.test(finish)
tests.run()
home.cleanup()
tests.finish()
