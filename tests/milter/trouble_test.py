#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the daemon leans on goes away and comes back: disk, journal, descriptors, clock, resolver.

No session fails for it, no process ends, and within five seconds of its return all is as before.
"""

import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, Folder, answer, postern  # noqa: E402
from daemon import Postern, seconds_used  # noqa: E402
from milterpeer import Closed, Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
RECOVERY = 5
DAY = 86400
JOURNAL = 'set journal on set journal.path "%s/journal"\nodd: add header "X-Seen: yes" when subject is present\n'
CLONE_NEWNS = 0x20000


def daemon(folder, policy, dns="", command=None):
    path = folder if isinstance(folder, str) else folder.path
    return Postern(path, os.path.join(path, "postern.sock"), policy, dns,
                   command=command or [POSTERN])


def send(server, ident="1", **more):
    message = b"From: a@example.com\r\nMessage-ID: <%s@example.com>\r\n\r\nText.\r\n"
    return deliver("unix:" + server.path, sender="<a@example.com>",
                   recipients=["<b@example.org>"], message=message % ident.encode(),
                   client="203.0.113.9", **more)


def process(server):
    return answer("status", "-c", server.policy_path, "--json")["pid"]


def kept(server):
    """The Message-IDs that the journal has."""
    rows = postern("log", "-c", server.policy_path, "--json").out.splitlines()
    return [(json.loads(row)["message_id"] or "").split("@")[0] for row in rows]


def within(seconds, condition, what):
    began = time.monotonic()
    true(wait_until(condition, seconds), what)
    print("%s: %.2f s" % (what, time.monotonic() - began))


def counts(server):
    return answer("stats", "-c", server.policy_path, "--json")["journal"]


# ---- the journal's files ----


def journal_suffers(what, harm):
    """harm(path) is done to a journal with a record; later ones are kept."""
    with Folder() as folder, daemon(folder, JOURNAL % folder.path) as server:
        path = os.path.join(folder.path, "journal")
        send(server, "before")
        true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
        pid = process(server)
        harm(path)
        for number in range(3):
            equal(send(server, "after%d" % number).verdict, "accept", "verdict")
        within(RECOVERY, lambda: kept(server)[-3:] == ["after0", "after1", "after2"],
               "journal after its store was " + what)
        equal(process(server), pid, "filter process")
        lacks(server.log(), "was ended", "log")
        equal(counts(server)["dropped"], 0, "dropped")
        return server.log()


def cut(name, size):
    def harm(path):
        os.truncate(os.path.join(path, name), size)
    return harm


def zero(path):
    with open(os.path.join(path, "data.mdb"), "r+b") as file:
        file.write(bytes(os.fstat(file.fileno()).st_size))


@tests.test
def a_journal_that_is_removed_begins_anew():
    contains(journal_suffers("removed", shutil.rmtree), "not the store that was opened", "log")


@tests.test
def a_journal_whose_file_is_removed_begins_anew():
    journal_suffers("half removed", lambda path: os.unlink(os.path.join(path, "data.mdb")))
    journal_suffers("unlocked", lambda path: os.unlink(os.path.join(path, "lock.mdb")))


@tests.test
def a_journal_that_is_cut_off_is_set_aside():
    for name, size in (("data.mdb", 0), ("data.mdb", 4096), ("data.mdb", 8192), ("lock.mdb", 0)):
        text = journal_suffers("cut to %d bytes in %s" % (size, name), cut(name, size))
        contains(text, "data.mdb.damaged", "log")


@tests.test
def a_journal_that_is_overwritten_is_set_aside():
    contains(journal_suffers("overwritten", zero), "data.mdb.damaged", "log")


@tests.test
def a_journal_in_the_way_of_which_something_stands():
    with Folder() as folder, daemon(folder, JOURNAL % folder.path) as server:
        path = os.path.join(folder.path, "journal")
        send(server, "before")
        true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
        shutil.rmtree(path)
        folder.file("journal", "not a folder")
        for number in range(3):
            equal(send(server, str(number)).verdict, "accept", "verdict")
        time.sleep(2.5)
        equal(counts(server)["queued"], 3, "queued")
        os.unlink(path)
        within(RECOVERY, lambda: kept(server) == ["0", "1", "2"], "journal that can be made again")
        equal(server.log().count("mail goes on without it"), 1, "complaints")
        lacks(server.log(), "written again", "log within a minute")


def made(*names):
    """A folder of the daemon's user in one that is not his."""
    nobody, path = pwd.getpwnam("nobody"), os.path.join(*names)
    os.makedirs(path, exist_ok=True)
    os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return path


def a_folder_that_others_make_anew():
    with Folder() as folder:
        os.chmod(folder.path, 0o755)
        home, journal = made(folder.path, "home"), made(folder.path, "journal")
        with daemon(home, "set user nobody " + JOURNAL % folder.path) as server:
            send(server, "before")
            true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
            pid = process(server)
            for turn in range(3):
                shutil.rmtree(journal)
                if turn == 1:  # it is missed first
                    equal(send(server, "between").verdict, "accept", "verdict")
                    true(wait_until(lambda: counts(server)["queued"] == 1, 10), "it waits")
                made(journal)
                equal(send(server, "amid").verdict, "accept", "verdict")
                within(RECOVERY, lambda: kept(server) == ["between", "amid"][turn != 1:],
                       "journal made by others")
            equal((process(server), counts(server)["dropped"]), (pid, 0), "process, dropped")


def recorder(server):
    """The pid of the process that writes the journal."""
    parent = server.process.pid
    with open("/proc/%d/task/%d/children" % (parent, parent), encoding="ascii") as file:
        for pid in map(int, file.read().split()):
            with open("/proc/%d/comm" % pid, encoding="ascii") as name:
                if name.read().strip() == "postern-journal":
                    return pid
    return None


@tests.test
def a_journal_process_that_is_killed_costs_nothing():
    with Folder() as folder, daemon(folder, JOURNAL % folder.path) as server:
        pid, sent = process(server), []
        for turn in range(4):
            for number in range(25):
                sent.append("%d-%d" % (turn, number))
                equal(send(server, sent[-1]).verdict, "accept", "verdict")
                if number == 10:
                    os.kill(recorder(server), signal.SIGKILL)
            within(RECOVERY, lambda: sorted(kept(server)) == sorted(sent), "journal after a kill")
        equal((process(server), counts(server)["dropped"]), (pid, 0), "process, dropped")
        equal(server.log().count("journal process"), 4, "it is said")
        contains(server.log(), "was ended by signal 9 (Killed)", "log")


@tests.test
def a_disk_that_hangs_holds_up_no_mail_and_no_end():
    with Folder() as folder, daemon(folder, JOURNAL % folder.path) as server:
        equal(send(server, "before").verdict, "accept", "verdict")
        true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
        os.kill(recorder(server), signal.SIGSTOP)
        for number in range(20):
            began = time.monotonic()
            equal(send(server, str(number)).verdict, "accept", "verdict")
            true(time.monotonic() - began < 2, "in time")
        true(wait_until(lambda: "does not answer; mail goes on without it" in server.log(), 20),
             "it is said")
        os.kill(recorder(server), signal.SIGCONT)
        within(RECOVERY, lambda: kept(server) == ["before"] + [str(n) for n in range(20)],
               "journal after a disk that hung")
        os.kill(recorder(server), signal.SIGSTOP)
        send(server, "lost")
        began = time.monotonic()
        server.stop()
        true(time.monotonic() - began < 10, "the end is in time")
        contains(server.log(), "records that could not be written at the end: 1", "log")
        contains(server.log(), "the journal process does not end: killed", "log")


@tests.test
def a_journal_that_cannot_be_had_at_first_comes_later():
    with Folder() as folder:
        place = folder.file("journal", "not a folder")
        with daemon(folder, JOURNAL % folder.path) as server:
            equal(send(server, "early").verdict, "accept", "verdict")
            contains(server.log(), "there is no journal: " + place, "log")
            os.unlink(place)
            within(RECOVERY, lambda: kept(server) == ["early"], "journal that was not there")


# ---- the disk ----


class Disk:
    """A small disk, in a mount namespace that this process enters."""

    def __init__(self, folder):
        self.path = folder.path
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "postern-test", self.path],
                       check=True, timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        subprocess.run(["umount", "-l", self.path], check=True, timeout=10)

    def fill(self):
        with open(os.path.join(self.path, "filler"), "ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def free(self):
        os.unlink(os.path.join(self.path, "filler"))


def own_mounts():
    """Namespaces are root's."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], stderr=subprocess.DEVNULL,
                          timeout=10).returncode == 0


def a_full_disk_costs_nothing():
    with Folder() as folder, Disk(folder) as disk, \
            daemon(folder, JOURNAL % folder.path) as server:
        send(server, "before")
        true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
        pid, sent = process(server), ["before"]
        for turn in range(3):
            disk.fill()
            for number in range(40):
                sent.append("%d-%d" % (turn, number))
                began = time.monotonic()
                equal(send(server, sent[-1]).verdict, "accept", "verdict")
                true(time.monotonic() - began < 2, "in time")
            true(wait_until(lambda: counts(server)["queued"] > 0, 10), "records wait")
            disk.free()
            within(RECOVERY, lambda: kept(server) == sent, "journal after a full disk")
        equal((process(server), counts(server)["dropped"]), (pid, 0), "process, dropped")
        # The log stands on that disk, too.
        send(server)
        true(server.log().count("mail goes on without it") <= 1, "complaints, if they had room")
        within(RECOVERY, lambda: "log lines were dropped" in server.log(), "log")


def a_disk_that_is_mounted_again():
    with Folder() as folder:
        os.chmod(folder.path, 0o755)
        home, journal = made(folder.path, "home"), os.path.join(folder.path, "journal")
        os.mkdir(journal)

        def mount():
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "postern-test", journal],
                           check=True, timeout=10)
            made(journal)

        mount()
        try:
            with daemon(home, "set user nobody " + JOURNAL % folder.path) as server:
                send(server, "before")
                true(wait_until(lambda: kept(server) == ["before"], 10), "the first is kept")
                pid = process(server)
                for _ in range(2):
                    subprocess.run(["umount", "-l", journal], check=True, timeout=10)
                    equal(send(server, "without").verdict, "accept", "verdict")
                    true(wait_until(lambda: counts(server)["queued"] == 1, 10), "it waits")
                    mount()
                    within(RECOVERY, lambda: kept(server) == ["without"], "journal mounted again")
                equal((process(server), counts(server)["dropped"]), (pid, 0), "process, dropped")
        finally:
            subprocess.run(["umount", "-l", journal], check=False, timeout=10)


def a_disk_that_is_full_at_the_start():
    with Folder() as other, Folder() as folder, Disk(folder) as disk:
        disk.fill()
        with daemon(other, JOURNAL % folder.path) as server:
            equal(send(server, "early").verdict, "accept", "verdict")
            contains(server.log(), "No space left on device", "log")
            disk.free()
            within(RECOVERY, lambda: kept(server) == ["early"], "journal of a disk full at first")
            for _ in range(3):
                disk.fill()
                for number in range(40):
                    equal(send(server).verdict, "accept", "verdict")
                true(wait_until(lambda: counts(server)["queued"] > 0, 10), "records wait")
                disk.free()
                within(RECOVERY, lambda: counts(server)["queued"] == 0, "journal of a full disk")
            equal(server.log().count("No space left on device"), 1, "complaints")
            lacks(server.log(), "was ended", "log")


@tests.test
def a_log_that_takes_nothing():
    command = ["sh", "-c", 'exec "$0" "$@" 2>/dev/full', POSTERN]
    with Folder() as folder, \
            daemon(folder, 'log "seen" when client.ip is present\n', command=command) as server:
        for _ in range(3):
            equal(send(server).verdict, "accept", "verdict")
        stats = answer("stats", "-c", server.policy_path, "--json")
        true(stats["log"]["dropped"] >= 3, "lines are counted: %r" % stats["log"])


# ---- descriptors ----


def greeted(mta):
    """It negotiates; None: not yet."""
    try:
        mta.negotiate()
        return mta
    except (TimeoutError, Closed):
        return None


@tests.test
def who_comes_when_descriptors_are_exhausted_waits():
    with Folder() as folder, Resolver() as resolver:
        policy = 'set resolver "127.0.0.1@%d"\nfail: reject "no" when spf is fail\n' % resolver.port
        with daemon(folder, policy, dns=None, command=["prlimit", "--nofile=64", POSTERN]) as server:
            pid, peers, open_peers = process(server), [], []
            for _ in range(60):
                peers.append(Milter("unix:" + server.path, timeout=0.5))
                if len(open_peers) == len(peers) - 1 and greeted(peers[-1]):
                    open_peers.append(peers[-1])
            waiting = peers[len(open_peers):]
            true(10 <= len(open_peers) < 40, "%d of 60 are served" % len(open_peers))
            before = seconds_used(pid)
            time.sleep(2)
            used = seconds_used(pid) - before
            print("exhausted: %d served, %.2f s of processor in 2 s" % (len(open_peers), used))
            true(used < 0.5, "it does not spin: %.2f s" % used)
            # A session that is open loses nothing by it, not even DNS.
            one = open_peers[0]
            one.socket.settimeout(10)
            one.connect(address="203.0.113.9")
            one.helo()
            equal(one.mail("<a@alive.example>").kind, "reject", "SPF")
            for mta in open_peers:
                mta.close()
            # All of them come within the time.
            began = time.monotonic()
            for mta in waiting[:len(open_peers)]:
                mta.socket.settimeout(RECOVERY)
                mta.negotiate()
            took = time.monotonic() - began
            print("sessions that waited: %.2f s" % took)
            true(took < RECOVERY, "those that waited are served after %.2f s" % took)
            for mta in waiting:
                mta.close()
            within(RECOVERY, lambda: send(server).verdict == "reject", "new sessions")
            equal(process(server), pid, "filter process")
            equal(server.log().count("descriptors run short"), 1, "complaints")


# ---- the clock ----


@tests.test
def a_clock_that_is_set_ends_no_session():
    with Folder() as folder:
        shim = os.path.join(folder.path, "turned.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "turned.c")],
                       check=True, timeout=60)
        turned = folder.file("turned", struct.pack("=q", 0))
        command = ["env", "LD_PRELOAD=" + shim, "TURNED_BY=" + turned,
                   "ASAN_OPTIONS=" + os.environ.get("ASAN_OPTIONS", "") +
                   ":verify_asan_link_order=0", POSTERN]
        policy = JOURNAL % folder.path
        with daemon(folder, policy, command=command) as server:
            send(server, "first")
            true(wait_until(lambda: kept(server) == ["first"], 10), "the first is kept")
            pid, sent = process(server), ["first"]
            for ahead in (DAY, 0, -DAY, 0, 2 * DAY):
                peers = [Milter("unix:" + server.path) for _ in range(5)]
                for mta in peers:
                    mta.negotiate()
                    mta.connect()
                    mta.helo()
                    mta.mail("<a@example.com>")
                with open(turned, "r+b", buffering=0) as file:
                    file.write(struct.pack("=q", ahead))
                sent.append("at%d" % len(sent))
                began = time.monotonic()
                equal(send(server, sent[-1]).verdict, "accept", "verdict, %+d s" % ahead)
                time.sleep(0.5)  # libmilter's nudge, and what it looks at then
                for mta in peers:
                    mta.rcpt("<b@example.org>")
                    mta.data()
                    mta.header("From", " a@example.com")
                    equal(mta.eoh().kind, "accept", "verdict of one that waited, %+d s" % ahead)
                    mta.close()
                true(time.monotonic() - began < RECOVERY, "in time")
            within(RECOVERY, lambda: set(sent) <= set(kept(server)),
                   "journal after the clock was set")
            equal(process(server), pid, "filter process")
            lacks(server.log(), "was ended", "log")


# ---- the resolver ----


class Resolver:
    """Answers every question with one TXT record, while it is alive; on a port that stays."""

    def __init__(self):
        self.port, self.mute = 0, False
        self.start()

    def start(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.ending = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        text = b"v=spf1 -all"
        rdata = bytes([len(text)]) + text
        while not self.ending:
            try:
                packet, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            if self.mute:
                continue
            end = packet.index(b"\0", 12) + 5
            head = packet[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, 1, 0, 0)
            # TTL 0: each message asks anew.
            record = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 0, len(rdata)) + rdata
            if packet[end - 4:end - 2] != b"\0\x10":
                head, record = head[:6] + b"\0\0" + head[8:], b""
            self.socket.sendto(head + packet[12:end] + record, peer)

    def stop(self):
        self.ending = True
        self.thread.join()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.stop()


def resolver_recovers(mute, dead):
    policy = 'set resolver "127.0.0.1@%d"\n' \
             'fail: reject "no" when spf is fail\n'
    with Folder() as folder, Resolver() as resolver, \
            daemon(folder, policy % resolver.port, dns=None) as server:
        def verdict(name):
            outcome = deliver("unix:" + server.path, sender="<a@%s.example>" % name,
                              recipients=["<b@example.org>"], client="203.0.113.9", timeout=30)
            return outcome.verdict

        equal(verdict("alive"), "reject", "SPF")
        if mute:
            resolver.mute = True
        else:
            resolver.stop()
        began, number = time.monotonic(), 0
        while time.monotonic() - began < dead:
            number += 1
            equal(verdict("dead%d" % number), "accept", "without an answer nothing is a fail")
        if mute:
            resolver.mute = False
        else:
            resolver.start()
        within(RECOVERY, lambda: verdict("again%d" % int(time.monotonic() * 1000)) == "reject",
               "DNS after %d s of a resolver that was %s" % (dead, "mute" if mute else "gone"))


@tests.test
def a_resolver_that_was_gone_is_used_again():
    resolver_recovers(False, 4)


@tests.test
def a_resolver_that_was_mute_is_used_again():
    resolver_recovers(True, 6)


# ---- what libmilter says ----


@tests.test
def libmilters_complaints_come_to_our_log():
    with Folder() as folder, daemon(folder, 'refuse: reject "no" when sender is <x@example.com>') as s:
        with Milter("unix:" + s.path) as mta:
            # Version 1 of the protocol.
            mta.socket.sendall(b"\0\0\0\x0dO" + struct.pack(">III", 1, 0, 0))
            true(mta.closed(), "that ends the connection")
        true(wait_until(lambda: "error: postern: st_optionneg" in s.log(), 5),
             "it is told of: " + s.log())


if own_mounts():
    tests.test(a_folder_that_others_make_anew)
    tests.test(a_disk_that_is_mounted_again)
    tests.test(a_full_disk_costs_nothing)
    tests.test(a_disk_that_is_full_at_the_start)
else:
    tests.skip("full disks: that takes root, and mount namespaces")
tests.finish()
