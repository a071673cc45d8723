#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The journal of a daemon, and the commands that read it: postern why, postern log."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, Folder, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
POLICY = """set journal %s set journal.path "%s"
table local domains { example.org }
relay:    reject 550 5.7.1 "Relaying denied" when recipient.domain not in local
          add authentication-results
spf-fail: reject 550 5.7.23 "SPF says no" when spf is fail unless dkim.aligned
marked:   add header "X-Subject: ${subject}" when subject is present
friend:   accept when sender is <early@example.com>
"""
DNS = 'example.net TXT "v=spf1 -all"\n'
REFERENCE = re.compile(r"\(([0-9a-hjkmnp-z]{11})\)$")


def daemon(folder, keep="on", path=None):
    journal = path or os.path.join(folder.path, "journal")
    return Postern(folder.path, os.path.join(folder.path, "postern.sock"), POLICY % (keep, journal),
                   DNS, command=[POSTERN])


def send(server, sender="<a@example.com>", recipients=("<b@example.org>",), subject="Hi", ident="1"):
    message = b"From: a@example.com\r\nMessage-ID: <%s@example.com>\r\nSubject: %s\r\n\r\nSecret.\r\n"
    return deliver("unix:" + server.path, sender=sender, recipients=list(recipients),
                   message=message % (ident.encode(), subject.encode("latin-1")),
                   client="203.0.113.9")


def why(server, ident, *words):
    return postern("why", "-c", server.policy_path, *words, ident)


def log(server, *words):
    return postern("log", "-c", server.policy_path, *words)


def records(server, *words):
    return [json.loads(row) for row in log(server, "--json", *words).out.splitlines()]


def written(server, count):
    true(wait_until(lambda: len(records(server)) >= count), "%d records are written" % count)


@tests.test
def why_tells_the_whole_story():
    with Folder() as folder, daemon(folder) as server:
        outcome = send(server, sender="<x@example.net>")
        reference = REFERENCE.search(outcome.reply.text).group(1)
        written(server, 1)
        for ident in (reference, "1@example.com", "<1@example.com>", "b@example.org",
                      "4QUEUEID"):
            ran = why(server, ident)
            equal((ran.status, ran.err), (0, ""), "outcome for " + ident)
            contains(ran.out, "reject 550 5.7.23 \"SPF says no (%s)\", at message, by spf-fail"
                     % reference, "story")
        story = why(server, reference).out
        for line in (r"rules +false +relay: when recipient\.domain not in local",
                     r" +true +spf-fail: when spf is fail unless dkim\.aligned",
                     r" +spf +fail", r"dns +example\.net TXT: v=spf1 -all",
                     r" +client\.ip +203\.0\.113\.9", r"sender +<x@example\.net>"):
            true(re.search(line, story), "%r in %s" % (line, story))
        lacks(story, "Secret", "story")
        contains(server.log(), "ref=" + reference, "the log line")
        said = json.loads(why(server, reference, "--json").out)
        equal((said["verdict"], said["rule"], said["stage"]), ("reject", "spf-fail", "message"),
              "JSON")


@tests.test
def each_refused_recipient_has_its_own_record():
    with Folder() as folder, daemon(folder) as server:
        outcome = send(server, recipients=("<x@other.example>", "<b@example.org>"))
        reference = REFERENCE.search(outcome.recipients[0].text).group(1)
        written(server, 2)
        refused = json.loads(why(server, reference, "--json").out)
        equal([one["address"] for one in refused["recipients"]], ["x@other.example"], "recipients")
        equal((refused["rule"], refused["stage"]), ("relay", "rcpt"), "what refused it")
        taken = json.loads(why(server, "b@example.org", "--json").out)
        equal(taken["verdict"], "accept", "verdict on the message")
        equal([edit["edit"] for edit in taken["edits"]], ["add header", "insert header"], "edits")


@tests.test
def log_filters():
    with Folder() as folder, daemon(folder) as server:
        send(server, sender="<x@example.net>", ident="1")
        send(server, ident="2")
        send(server, recipients=("<x@other.example>",), ident="3")
        written(server, 3)
        for words, count in ((("--rule", "relay"), 1), (("--verdict", "reject"), 2),
                             (("--verdict", "accept"), 1), (("--sender", "@EXAMPLE.net"), 1),
                             (("--recipient", "other"), 1), (("--since", "1h"), 3),
                             (("--since", str(int(time.time()) + 60)), 0), ((), 3),
                             (("--verdict", "reject", "--rule", "spf-fail"), 1)):
            equal(len(records(server, *words)), count, "records of %r" % (words,))
        lines = log(server).out.splitlines()
        equal(len(lines), 3, "lines")
        contains(lines[0], "<x@example.net> to <b@example.org>: reject 550 5.7.23", "line")


@tests.test
def addresses_are_found_as_they_are_typed():
    with Folder() as folder, daemon(folder) as server:
        send(server, sender="<jörg@exämple.com>", ident="1",
             recipients=("<bär@example.org>", "<ö>", "<x@other.example>"))
        written(server, 3)
        for words, count in ((("--sender", "jörg@exämple.com"), 3), (("--sender", "@EXÄMPLE"), 3),
                             (("--sender", "@EXÄMPLE.com"), 3), (("--sender", "jörg"), 3),
                             (("--sender", "exämple.com"), 3),
                             (("--recipient", "bär@example.org"), 1), (("--recipient", "x@"), 1)):
            equal(len(records(server, *words)), count, "records of %r" % (words,))
        contains(why(server, "bär@example.org").out, r"recipient  <b\xC3\xA4r@example.org>: accept", "why")
        lines = [line.split(" ", 3)[3] for line in log(server).out.splitlines()]
        sender = r"<j\xC3\xB6rg@xn--exmple-cua.com> to "
        equal(lines[0].startswith(sender + r"<\xC3\xB6>: reject 553"), True, lines[0])
        equal(lines[1].startswith(sender + "<x@other.example>: reject 550"), True, lines[1])
        equal(lines[2].startswith(sender + r"<b\xC3\xA4r@example.org>: accept"), True, lines[2])


@tests.test
def log_follows():
    with Folder() as folder, daemon(folder) as server:
        send(server, ident="1")
        written(server, 1)
        follower = subprocess.Popen([POSTERN, "log", "-c", server.policy_path, "--json", "--follow"],
                                    stdout=subprocess.PIPE)
        try:
            equal(json.loads(follower.stdout.readline())["message_id"], "1@example.com", "first")
            send(server, ident="2")
            equal(json.loads(follower.stdout.readline())["message_id"], "2@example.com", "second")
        finally:
            follower.kill()
            follower.stdout.close()
            follower.wait()


@tests.test
def bytes_from_the_wire_are_escaped():
    with Folder() as folder, daemon(folder) as server:
        send(server, subject="\x1b[2J\xe9", ident="evil")
        written(server, 1)
        for ran in (why(server, "evil@example.com"), log(server)):
            lacks(ran.out, "\x1b", "output")
        contains(why(server, "evil@example.com").out, "\\xEF\\xBF\\xBD[2J", "output")


@tests.test
def mail_goes_on_without_a_journal():
    with Folder() as folder, daemon(folder, path="/dev/null/journal") as server:
        equal(send(server).verdict, "accept", "verdict")
        equal(server.log().count("there is no journal: /dev/null/journal"), 1, "said once")
        lacks(send(server, recipients=("<x@other.example>",)).reply.text, "(", "reply")
        ran = why(server, "x")
        equal(ran.status, 1, "status")
        contains(ran.err, "no journal: /dev/null/journal", "message")


@tests.test
def status_tells_of_the_stores():
    with Folder() as folder, daemon(folder) as server:
        send(server)
        written(server, 1)
        human = postern("status", "-c", server.policy_path).out
        true(re.search(r"^journal    %s/journal, 1 written, 0 queued, 0 dropped$" % folder.path, human,
                       re.M), "the journal's line in " + human)
        contains(human, "resolver   " + server.dns_path, "status")
    with Folder() as folder, daemon(folder, keep="off") as server:
        contains(postern("status", "-c", server.policy_path).out, "journal    none", "status")


@tests.test
def off_keeps_nothing():
    with Folder() as folder, daemon(folder, keep="off") as server:
        send(server)
        true(not os.path.exists(os.path.join(folder.path, "journal")), "no folder is made")


@tests.test
def all_goes_on_asking_about_early_accepts():
    early = 'set journal %s set journal.path "%s"\naccept when sender is <early@example.com>\nreject "no" when sender is <no@x.example>\n'
    for keep, stage in (("on", "mail"), ("all", "eom")):
        with Folder() as folder:
            text = early % (keep, os.path.join(folder.path, "journal"))
            path = os.path.join(folder.path, "postern.sock")
            with Postern(folder.path, path, text, "", command=[POSTERN]) as server:
                outcome = send(server, sender="<early@example.com>")
                equal((outcome.verdict, outcome.stage), ("accept", stage), "told with " + keep)
                written(server, 1)
                equal(records(server)[0]["message_id"],
                      "1@example.com" if keep == "all" else None, "Message-ID")


@tests.test
def what_nobody_knows_is_said_to_be_unknown():
    with Folder() as folder, daemon(folder) as server:
        send(server)
        written(server, 1)
        ran = why(server, "nosuch")
        equal(ran.status, 1, "status")
        contains(ran.err, "nothing in the journal about 'nosuch'", "message")
        for words in (("why",), ("why", "a", "b"), ("why", "--since", "soon", "x"),
                      ("log", "x"), ("log", "--verdict", "no"), ("log", "--since", "yesterday"),
                      ("log", "--rule")):
            equal(postern(*words).status, 2, "status of %r" % (words,))


def filter_pid(server):
    """Of the process that serves now, perhaps after a crash."""
    said = []

    def ask():
        ran = postern("status", "-c", server.policy_path, "--json")
        said.append(ran)
        return ran.status == 0

    true(wait_until(ask, 30), "a filter process answers")
    return json.loads(said[-1].out)["pid"]


@tests.test
def a_killed_filter_process_leaves_it_whole():
    with Folder() as folder, daemon(folder) as server:
        for number in range(4):
            stop = threading.Event()

            def work():
                while not stop.is_set():
                    try:
                        send(server, ident="k%d" % number)
                    except Exception:
                        time.sleep(0.01)

            workers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
            for worker in workers:
                worker.start()
            time.sleep(0.1)
            pid = filter_pid(server)
            before = len(records(server))
            os.kill(pid, signal.SIGKILL)
            stop.set()
            for worker in workers:
                worker.join()
            true(len(records(server)) >= before, "what was written is there")
        # The crashes were many, and the next process may take a while to come.
        filter_pid(server)
        send(server, ident="after")
        true(wait_until(lambda: why(server, "after@example.com").status == 0), "it is written to")


tests.run()
tests.finish()
