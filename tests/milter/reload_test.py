#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A daemon whose policy is replaced while it runs: by command, by signal, with good and bad ones."""

import json
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, Folder, answer, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Milter  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
BROKEN = "this is no policy\n"


def policy(number):
    """Both edits and the refusal say which policy they come from."""
    return ('no: reject "policy %d" when sender is <no@example.net>\n'
            'insert header "X-First: %d"\nadd header "X-Last: %d"\n' % (number, number, number))


def daemon(folder, text):
    path = os.path.join(folder.path, "postern.sock")
    return Postern(folder.path, path, text, "", command=[POSTERN])


def greet(server):
    mta = Milter("unix:" + server.path)
    mta.negotiate()
    mta.connect("host.example.net", "203.0.113.9", 4321)
    mta.helo("host.example.net")
    return mta


def refusal(mta):
    """What the policy of this connection says to a sender that all of them refuse."""
    return mta.mail("<no@example.net>").text


def new_refusal(server):
    with greet(server) as mta:
        return refusal(mta)


def marks(mta):
    """Values of the fields that a message gets."""
    mta.mail("<yes@example.net>")
    mta.rcpt("<b@example.org>")
    mta.data()
    mta.header("From", " yes@example.net")
    mta.eoh()
    mta.body(b"Text.\r\n")
    return sorted((edit.name, edit.value.strip()) for edit in mta.eom().edits)


def marks_of(number):
    return [("X-First", str(number)), ("X-Last", str(number))]


def reload(server):
    return postern("reload", "-c", server.policy_path)


def status(server):
    return answer("status", "-c", server.policy_path, "--json")


def filter_pid(server):
    return status(server)["pid"]


@tests.test
def a_reload_is_for_new_connections():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        with greet(server) as early:
            server.write_policy(policy(2))
            ran = reload(server)
            equal((ran.status, ran.err), (0, ""), "outcome")
            contains(ran.out, "is in force", "output")
            equal(refusal(early), "policy 1", "an open connection")
            equal(marks(early), marks_of(1), "a later message of it")
            equal(new_refusal(server), "policy 2", "a new connection")


@tests.test
def a_broken_policy_changes_nothing_and_says_why():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        before = status(server)["policy"]["id"]
        server.write_policy(BROKEN)
        ran = reload(server)
        equal(ran.status, 2, "status")
        contains(ran.err, "%s:3:1: error:" % server.policy_path, "the command's output")
        contains(ran.err, "policy %s stays in force" % before[:8], "the command's output")
        equal(new_refusal(server), "policy 1", "in force")
        true(wait_until(lambda: "not reloaded" in server.log()), "the log says so")
        contains(server.log(), ":3:1: error:", "the log")
        said = answer("status", "-c", server.policy_path, "--json")
        equal((said["policy"]["id"], said["reloads"]["bad"], said["reloads"]["last"]["ok"]),
              (before, 1, False), "status")
        contains(said["reloads"]["last"]["text"], ":3:1: error:", "status")
        human = postern("status", "-c", server.policy_path)
        equal((human.status, human.err), (0, ""), "outcome")
        contains(human.out, "0 taken, 1 refused", "status")
        contains(human.out, before[:8], "status")


@tests.test
def signals_reload_too():
    for number, signum in enumerate((signal.SIGHUP, signal.SIGUSR1), 2):
        with Folder() as folder, daemon(folder, policy(1)) as server:
            server.write_policy(policy(number))
            server.process.send_signal(signum)
            true(wait_until(lambda: new_refusal(server) == "policy %d" % number), "in force")


@tests.test
def a_crash_does_not_bring_an_older_policy_back():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        server.write_policy(policy(2))
        equal(reload(server).status, 0, "status")
        server.write_policy(BROKEN)
        # The parent follows by itself; what it holds by now shows in the next process.
        true(wait_until(lambda: status(server)["reloads"]["good"] == 1), "reloaded")
        server.write_policy(policy(2))
        reload(server)
        time.sleep(0.5)
        server.write_policy(BROKEN)
        first = filter_pid(server)
        os.kill(first, signal.SIGKILL)
        true(wait_until(lambda: filter_pid(server) != first), "a new filter process")
        equal(new_refusal(server), "policy 2", "in force")


@tests.test
def what_needs_a_restart_is_said():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        with open(server.policy_path, "a", encoding="ascii") as file:
            file.write('set socket.mode 0600\n')
        equal(reload(server).status, 0, "status")
        true(wait_until(lambda: "'socket.mode' was changed" in server.log()), "the log says so")


@tests.test
def another_resolver_is_taken():
    with Folder() as folder:
        path = os.path.join(folder.path, "postern.sock")
        text = 'set resolver "127.0.0.%d@5301"\n'
        with Postern(folder.path, path, text % 1 + policy(1), command=[POSTERN]) as server:
            for number, host in ((2, 2), (3, 2), (4, 1)):
                server.write_policy(text % host + policy(number))
                equal(reload(server).status, 0, "status")
                equal(new_refusal(server), "policy %d" % number, "in force")


TABLE = """table friends domains file "friends"
include "more.policy"
stranger: reject "stranger" when sender.domain not in friends
"""


def known(server, domain):
    with greet(server) as mta:
        return mta.mail("<a@%s>" % domain).kind != "reject"


def with_table(folder):
    folder.file("friends", "a.example\n")
    folder.file("more.policy", "unwanted: reject \"no\" when sender is <no@a.example>\n")
    return daemon(folder, TABLE)


@tests.test
def a_table_is_read_anew_when_its_file_changes():
    with Folder() as folder, with_table(folder) as server:
        true(known(server, "a.example") and not known(server, "b.example"), "as it was")
        with greet(server) as early:
            before = status(server)["policy"]["id"]
            # In the middle of being edited: that has to wait for a reload.
            server.write_policy(BROKEN)
            folder.file("more.policy", "accept\n")
            folder.file("friends", "b.example\n")
            true(wait_until(lambda: known(server, "b.example")), "the new table is in force")
            true(not known(server, "a.example"), "the old one is not")
            true(early.mail("<a@a.example>").kind != "reject", "an open connection")
        true(status(server)["policy"]["id"] != before, "the policy has another id")
        equal(status(server)["reloads"]["last"], None, "no reload is counted")
        contains(server.log(), "tables read anew: serving policy", "the log")
        first = filter_pid(server)
        os.kill(first, signal.SIGKILL)
        true(wait_until(lambda: filter_pid(server) != first), "a new filter process")
        true(known(server, "b.example") and not known(server, "a.example"), "and the same table")


@tests.test
def a_table_with_a_mistake_is_complained_of_once():
    with Folder() as folder, with_table(folder) as server:
        folder.file("friends", "not a domain!\n")
        true(wait_until(lambda: "with the tables that it had" in server.log()), "a complaint")
        contains(server.log(), "friends:1:1: error:", "the log")
        time.sleep(2.5)
        equal(server.log().count("with the tables that it had"), 1, "complaints")
        true(known(server, "a.example"), "the old table is in force")
        os.unlink(os.path.join(folder.path, "friends"))
        true(wait_until(lambda: server.log().count("with the tables that it had") == 2), "another")
        folder.file("friends", "b.example\n")
        true(wait_until(lambda: known(server, "b.example")), "mended")


@tests.test
def what_takes_a_restart_is_said():
    with Folder() as folder:
        base = 'set journal on set journal.path "%s/journal"\n' % folder.path
        with daemon(folder, base + policy(1)) as server:
            server.write_policy(base.replace("journal on", "journal all") + policy(2))
            equal(reload(server).status, 0, "status")
            lacks(server.log(), "takes a restart", "log after what takes none")
            server.write_policy('set journal off set journal.size 2GB set journal.age 1d '
                                'set log.format json\n' + policy(3))
            equal(reload(server).status, 0, "status")
            for name in ("journal", "journal.path", "journal.size", "journal.age", "log.format"):
                contains(server.log(), "'%s' was changed: that takes a restart" % name, "log")
            equal(server.log().count("takes a restart"), 5, "lines")


@tests.test
def a_policy_whose_tests_fail_is_refused():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        wanted = 'test "friends pass" { sender <no@example.net> recipient <b@example.org> expect accept }\n'
        server.write_policy(policy(2) + wanted)
        ran = reload(server)
        equal(ran.status, 2, "status")
        contains(ran.err, 'error: test "friends pass" failed: expect accept, but came: reject', "output")
        equal(new_refusal(server), "policy 1", "in force")
        server.write_policy(policy(2) + wanted.replace("no@", "yes@"))
        equal(reload(server).status, 0, "status of one whose tests pass")
        equal(new_refusal(server), "policy 2", "in force")


@tests.test
def nobody_to_talk_to():
    with Folder() as folder:
        path = folder.file("p", 'set control "unix:%s/none"\n' % folder.path)
        for command in ("status", "reload"):
            ran = postern(command, "-c", path)
            equal(ran.status, 1, "status")
            contains(ran.err, "no daemon answers at '%s/none'" % folder.path, "message")
        ran = postern("status", "-c", folder.file("q", 'set control none\n'))
        equal(ran.status, 1, "status")
        contains(ran.err, "names no control socket", "message")
        equal(postern("status", "--control").status, 2, "status of a usage error")


@tests.test
def who_asks_before_the_filter_serves_waits():
    """The socket listens while no process answers; the next one must be ready when it does."""
    with Folder() as folder, daemon(folder, policy(1)) as server:
        first = filter_pid(server)
        os.kill(first, signal.SIGKILL)
        clients = []
        for request in (b"status\n", b"reload\n") * 5:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            client.connect(server.control)
            client.sendall(request)
            clients.append(client)
        for client in clients:
            with client, client.makefile() as reply:
                true("policy" in json.loads(reply.readline() or "{}"), "an answer")
        equal(server.log().count("serving at"), 2, "filter processes")


@tests.test
def nonsense_at_the_control_socket_does_no_harm():
    with Folder() as folder, daemon(folder, policy(1)) as server:
        for request in (b"", b"\n", b"x" * 10000, b"status\r\n", b"\0\n", b"reload", b"no such\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(server.control)
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                try:
                    while client.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        silent = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for client in silent:
            client.connect(server.control)
        equal(status(server)["reloads"]["last"], None, "no reload")
        for client in silent:
            client.close()
        mode = os.stat(server.control).st_mode & 0o777
        equal(mode, 0o660, "mode of the socket")


@tests.test
def many_reloads_under_load_mix_nothing():
    faults = []
    over = threading.Event()

    def work(server):
        try:
            while not over.is_set():
                with greet(server) as mta:
                    said = refusal(mta)
                    for _ in range(3):
                        got = marks(mta)
                        if got != marks_of(int(said.split()[1])):
                            faults.append("%s, then %s" % (said, got))
        except Exception as error:
            faults.append(repr(error))

    with Folder() as folder, daemon(folder, policy(0)) as server:
        workers = [threading.Thread(target=work, args=(server,)) for _ in range(6)]
        for worker in workers:
            worker.start()
        for number in range(1, 61):
            good = number % 2 == 0
            server.write_policy(policy(number) if good else BROKEN)
            equal(reload(server).status, 0 if good else 2, "status of reload %d" % number)
        equal(new_refusal(server), "policy 60", "in force")
        over.set()
        for worker in workers:
            worker.join()
        counts = status(server)["reloads"]
        equal((counts["good"], counts["bad"]), (30, 30), "reloads")
        true(wait_until(lambda: status(server)["sessions"] == 0), "no session is left")
    equal(faults, [], "faults")


tests.run()
tests.finish()
