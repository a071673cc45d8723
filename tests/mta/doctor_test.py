#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""postern doctor: configurations of Postfix and Sendmail with one thing wrong each, and the word on it."""

import grp
import json
import os
import shutil
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import mta  # noqa: E402
from commandkit import postern  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()


class Dns(threading.Thread):
    """A name server that knows every name, and nothing about it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            end = query.index(0, 12) + 5
            self.socket.sendto(query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + query[12:end], peer)


class Host:
    """A folder with a policy, a socket that answers, and a Postfix that nobody starts."""

    def __init__(self, listen=None, mode=0o660, group="postfix"):
        self.postfix = mta.PrivatePostfix(25)
        self.milter, self.path = self.postfix.socket("postern")
        self.policy = os.path.join(self.postfix.dir, "p.policy")
        self.write('set listen "%s"\n' % (listen or "unix:" + self.path))
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(5)
        os.chmod(self.path, mode)
        os.chown(self.path, 0, grp.getgrnam(group).gr_gid)
        self.postfix.parameters["smtpd_forbid_bare_newline"] = "yes"

    def write(self, text):
        with open(self.policy, "w", encoding="ascii") as file:
            file.write('set resolver "127.0.0.1@%d" set user "nobody"\n' % DNS.port + text)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.server.close()
        shutil.rmtree(self.postfix.dir, ignore_errors=True)

    def findings(self, *words, text=False):
        self.postfix._write()
        # Postfix waits for a file that was changed this very moment.
        for name in os.listdir(self.postfix.config):
            os.utime(os.path.join(self.postfix.config, name), (1, 1))
        line = ["doctor", "-c", self.policy, "--config-dir", self.postfix.config, *words]
        ran = postern(*line, *([] if text else ["--json"]))
        if text:
            return ran
        said = json.loads(ran.out)
        equal(ran.status, 0 if said["ok"] else 1, "status")
        return said["findings"]

    def bad(self, level="bad"):
        return {(one["subject"], one["text"]) for one in self.findings() if one["level"] == level}

    def subjects(self, level="bad"):
        return {subject for subject, _ in self.bad(level)}


@tests.test
def a_right_installation_has_nothing_bad():
    with Host() as host:
        host.postfix.listen(host.milter)
        host.postfix.listen(host.milter, chroot=True)
        equal(host.bad(), set(), "bad findings")
        text = host.findings(text=True)
        equal((text.status, text.err), (0, ""), "outcome")
        contains(text.out, "fine  socket: user 'postfix' reaches '%s'" % host.path, "text")
        contains(text.out, "fine  resolver: it answers", "text")
        contains(text.out, "note  dnssec: answers are not validated", "text")


@tests.test
def machine_code_is_spoken_of_where_it_is_set():
    with Host() as host:
        host.postfix.listen(host.milter)
        lacks(host.findings(text=True).out, " jit: ", "by default")
        with open(host.policy, "a", encoding="ascii") as file:
            file.write("set jit on\n")
        found = [one for one in host.findings() if one["subject"] == "jit"]
        equal(len(found), 1, "findings")
        contains(found[0]["text"], "MemoryDenyWriteExecute=no" if found[0]["level"] == "fine"
                 else "patterns stay interpreted: ", "text")


@tests.test
def nobody_asks():
    with Host() as host:
        host.postfix.listen("inet:127.0.0.1:7777")
        equal(host.subjects(), {"smtpd_milters"}, "bad")
        host.postfix.listen(host.milter)
        equal(host.subjects(), set(), "bad once one asks")


@tests.test
def an_absolute_path_and_a_chroot():
    with Host() as host:
        host.postfix.listen("unix:" + host.path)
        equal(host.subjects(), set(), "bad without a chroot")
    with Host() as host:
        host.postfix.listen("unix:" + host.path, chroot=True)
        texts = [text for subject, text in host.bad() if subject == "smtpd_milters"]
        true(any("(chrooted)" in text for text in texts), "it is said: %r" % texts)


@tests.test
def what_happens_without_the_filter():
    for action, subject, level in (("accept", "milter_default_action", "bad"),
                                   ("reject", "milter_default_action", "bad"),
                                   ("quarantine", "milter_default_action", "note")):
        with Host() as host:
            host.postfix.parameters["milter_default_action"] = action
            host.postfix.listen(host.milter)
            true(subject in host.subjects(level), "%s is %s" % (action, level))
        with Host() as host:
            host.postfix.listen("{ %s, default_action=%s }" % (host.milter, action))
            true(subject in host.subjects(level), "%s of one milter is %s" % (action, level))
        with Host() as host:
            host.postfix.parameters["milter_default_action"] = action
            host.postfix.listen("{ %s, default_action=tempfail }" % host.milter)
            true(subject not in host.subjects(level), "%s is undone" % action)


@tests.test
def times_that_are_too_short():
    with Host() as host:
        host.postfix.parameters["milter_command_timeout"] = "5s"
        host.postfix.listen("{ %s, content_timeout=10s }" % host.milter)
        equal(host.subjects(), {"milter_command_timeout", "milter_content_timeout"}, "bad")
    with Host() as host:
        host.postfix.parameters["milter_command_timeout"] = "5s"
        host.postfix.listen("{ %s, command_timeout=1m }" % host.milter)
        equal(host.subjects(), set(), "bad")


@tests.test
def smuggling():
    for value, bad in (("no", True), ("yes", False)):
        with Host() as host:
            host.postfix.parameters["smtpd_forbid_bare_newline"] = value
            host.postfix.listen(host.milter)
            equal("smtpd_forbid_bare_newline" in host.subjects(), bad, "with " + value)


@tests.test
def the_socket():
    with Host(mode=0o600) as host:
        host.postfix.listen(host.milter)
        true(any("may not connect" in text for _, text in host.bad()), "a mode is told of")
    with Host() as host:
        os.chmod(os.path.dirname(host.path), 0o700)
        os.chown(os.path.dirname(host.path), 0, 0)
        host.postfix.listen(host.milter)
        true(any("cannot pass through" in text for _, text in host.bad()), "a folder is told of")
    with Host() as host:
        host.postfix.listen(host.milter)
        host.server.close()
        true(any("nobody answers" in text for _, text in host.bad()), "a dead socket is told of")
        os.unlink(host.path)
        true(any("there is no socket" in text for _, text in host.bad()), "none is told of")


@tests.test
def the_order_and_the_way_back():
    with Host() as host:
        host.postfix.listen("inet:127.0.0.1:8891, " + host.milter)
        true("order" in host.subjects("note"), "one before is noted")
    with Host() as host:
        host.postfix.parameters["content_filter"] = "scan:[127.0.0.1]:10025"
        host.postfix.listen(host.milter)
        true("content_filter" in host.subjects("note"), "a way back is noted")


@tests.test
def a_resolver_that_is_not_there():
    with Host() as host:
        host.postfix.listen(host.milter)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        with open(host.policy, "w", encoding="ascii") as file:
            file.write('set resolver "127.0.0.1@%d" set user "nobody"\nset listen "unix:%s"\n'
                       % (port, host.path))
        true("resolver" in host.subjects(), "it is told of")


@tests.test
def sendmail():
    cf = "O InputMailFilters=%s\nXpostern, S=local:%s, %s\nXother, S=inet:1@localhost\n"
    for asked, filters, bad in (
            ("postern", "F=T, T=S:10s;R:10s;E:1m", set()), ("other,postern", "F=T", set()),
            ("other", "F=T", {"InputMailFilters"}), ("postern", "T=R:10s", {"F"}),
            ("postern", "F=R", {"F"}), ("postern", "F=T, T=R:5s;E:10s", {"T"})):
        with Host() as host:
            with open(os.path.join(host.postfix.config, "sendmail.cf"), "w", encoding="ascii") as f:
                f.write(cf % (asked, host.path, filters))
            found = {one["subject"] for one in host.findings("--mta", "sendmail")
                     if one["level"] == "bad"}
            equal(found, bad, "bad with %s, %s" % (asked, filters))


@tests.test
def usage_and_broken_policies():
    with Host() as host:
        host.write("nonsense\n")
        ran = host.findings(text=True)
        equal(ran.status, 2, "status")
        contains(ran.err, "p.policy:2:1: error:", "message")
    equal(postern("doctor", "--mta", "exim").status, 2, "status of an unknown MTA")
    ran = postern("doctor", "--no-such")
    equal(ran.status, 2, "status")


why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("the doctor (%s)" % why)
DNS = Dns()
tests.run()
tests.finish()
