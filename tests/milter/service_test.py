#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the service manager (systemd) is told and gives: sd_notify, the watchdog, a socket that it
opened; and the units in contrib/systemd."""

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, TOP, Folder, answer, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
POLICY = 'no: reject "no" when sender is <no@example.net>\n'
UNITS = os.path.join(TOP, "contrib", "systemd")
# What systemd-analyze makes of the service: as it is, for it needs sockets and DNS from anywhere;
# and with a name server on the same machine.
EXPOSURE, EXPOSURE_LOCAL = 1.0, 0.9


class Manager:
    """The socket that a service manager listens at."""

    def __init__(self, folder):
        self.path = os.path.join(folder.path, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()

    def next(self, seconds=10):
        """{name: value} of the next message; None if none comes."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(4096).decode("ascii")
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in text.splitlines())

    def wait(self, name, seconds=10):
        """The next message with this name in it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            said = self.next(max(0.01, deadline - time.monotonic()))
            if said and name in said:
                return said
        raise AssertionError("the manager is not told " + name)

    def count(self, name, seconds):
        """How often it is told that within a time."""
        found, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            said = self.next(max(0.01, deadline - time.monotonic()))
            found += said is not None and name in said
        return found


class Served(Postern):
    """Started by a manager: with a variable or more, and perhaps with a socket that it opened."""

    def __init__(self, folder, environment, listening=None):
        super().__init__(folder.path, os.path.join(folder.path, "postern.sock"), POLICY, "",
                         command=[POSTERN])
        self.environment = environment
        self.listening = listening

    def start(self, seconds=30):
        words = self.command + ["serve", "-c", self.policy_path, "--dns", self.dns_path]
        script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null "$@"'
        if self.listening:
            words = ["/bin/sh", "-c", script, "sh"] + words
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words, stdin=self.listening or subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            env=dict(os.environ, **self.environment))
        true(wait_until(self.answers, seconds), "it listens")


def filter_pid(server):
    return answer("status", "-c", server.policy_path, "--json")["pid"]


def verdict(server):
    return deliver("unix:" + server.path, "<a@example.net>", ["<b@example.org>"]).verdict


@tests.test
def its_states_are_told():
    with Folder() as folder, Manager(folder) as manager:
        with Served(folder, {"NOTIFY_SOCKET": manager.path}) as server:
            said = manager.wait("READY")
            contains(said["STATUS"], "serving policy " + answer(
                "status", "-c", server.policy_path, "--json")["policy"]["id"][:8], "status")
            server.write_policy(POLICY + "# another\n")
            equal(postern("reload", "-c", server.policy_path).status, 0, "reload")
            said = manager.wait("RELOADING")
            true(0 < int(said["MONOTONIC_USEC"]) <= time.monotonic() * 1e6, "when it began")
            said = manager.wait("READY")
            contains(said["STATUS"], answer("status", "-c", server.policy_path,
                                            "--json")["policy"]["id"][:8], "the new policy")
            server.write_policy("this is no policy")
            server.process.send_signal(signal.SIGHUP)
            manager.wait("RELOADING")
            contains(manager.wait("READY")["STATUS"], "refused", "status")
            os.kill(filter_pid(server), signal.SIGKILL)
            manager.wait("READY")
            server.stop()
            manager.wait("STOPPING")


@tests.test
def an_abstract_socket_will_do():
    name = "postern-test-%d" % os.getpid()
    with Folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(10)
        with Served(folder, {"NOTIFY_SOCKET": "@" + name}):
            contains(listening.recv(4096).decode(), "READY=1", "what is told")


@tests.test
def the_watchdog_wants_answers():
    with Folder() as folder, Manager(folder) as manager:
        usual = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"}
        with Served(folder, usual) as server:
            manager.wait("READY")
            true(manager.count("WATCHDOG", 1) >= 2, "it is told again and again")
            equal(answer("status", "-c", server.policy_path, "--json")["sessions"] <= 1, True,
                  "a probe is no session that lasts")
            # One that lives and does not answer is worse than one that has gone.
            stopped = filter_pid(server)
            os.kill(stopped, signal.SIGSTOP)
            try:
                manager.count("WATCHDOG", 0.3)
                equal(manager.count("WATCHDOG", 1), 0, "signs of life of one that hangs")
            finally:
                os.kill(stopped, signal.SIGCONT)
            manager.wait("WATCHDOG")


@tests.test
def a_watchdog_for_another_is_none_of_ours():
    with Folder() as folder, Manager(folder) as manager:
        other = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}
        with Served(folder, other):
            manager.wait("READY")
            manager.count("WATCHDOG", 0.1)
            equal(manager.count("WATCHDOG", 0.5), 0, "signs of life")


@tests.test
def a_socket_is_taken_and_left():
    with Folder() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = os.path.join(folder.path, "passed.sock")
        listening.bind(path)
        listening.listen(16)
        inode = os.stat(path).st_ino
        for _ in range(2):
            server = Served(folder, {}, listening)
            server.path = path
            with server:
                equal(verdict(server), "accept", "verdict")
                true(not os.path.exists(os.path.join(folder.path, "postern.sock")),
                     "the policy's own place is not used")
                os.kill(filter_pid(server), signal.SIGKILL)
                equal(verdict(server), "accept", "after a crash")
            equal(os.stat(path).st_ino, inode, "the socket stays")
            # Who comes meanwhile waits for the next one.
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(path)
                waiting.setblocking(False)
                try:
                    equal(waiting.recv(1), None, "what is heard of a stopped service")
                except BlockingIOError:
                    pass


@tests.test
def what_is_no_listening_socket_is_refused():
    with Folder() as folder, open("/dev/null", "rb") as nothing:
        server = Served(folder, {}, nothing)
        try:
            server.start(0.5)
        except AssertionError:
            pass
        true(wait_until(lambda: server.process.poll() is not None, 10), "it gives up")
        equal(server.process.returncode, 2, "status")
        contains(server.log(), "is no listening stream socket", "the log")


def unit(name):
    parser = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    parser.optionxform = str
    path = os.path.join(UNITS, name)
    with open(path, encoding="ascii") as file:
        parser.read_string(file.read().replace("@bindir@", "/usr/bin"), path)
    return parser


@tests.test
def units_say_what_the_program_does():
    service, listening = unit("postern.service.in"), unit("postern.socket")
    equal((service["Service"]["Type"], service["Service"]["User"]), ("notify", "postern"), "kind")
    commands = {line.split()[1] for name in ("ExecStart", "ExecStartPre", "ExecReload")
                for line in [service["Service"][name]]}
    equal(commands, {"serve", "check", "reload"}, "commands")
    for command in commands:
        equal(postern(command, "--help").status, 0, "postern %s --help" % command)
    contains(postern("facts").out, listening["Socket"]["ListenStream"], "the default of listen")


@tests.test
def the_unit_lets_the_sandbox_be_made():
    with open(os.path.join(UNITS, "postern.service.in"), encoding="ascii") as file:
        calls = set(" ".join(re.findall(r"(?m)^SystemCallFilter=(@.*)", file.read())).split())
    for call in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
                 "seccomp"):
        true(call in calls, "the unit's filter lets through " + call)


def exposure(path):
    ran = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    found = re.search(r"exposure level .*: (\d+\.\d+)", ran.stdout.decode())
    true(found, "a figure: " + ran.stdout.decode()[-300:])
    return float(found.group(1))


@tests.test
def the_installed_unit_names_the_installed_program():
    path = os.path.join(os.environ.get("BUILD", TOP), "contrib", "systemd", "postern.service")
    with open(path, encoding="ascii") as file:
        text = file.read()
    lacks(text, "@bindir@", "the unit")
    true(re.search(r"^ExecStart=/.*/bin/postern serve ", text, re.M), "the program in " + text)


@tests.test
def systemd_takes_the_units():
    if not shutil.which("systemd-analyze"):
        tests.skip("systemd-analyze is not here")
        return
    with Folder() as folder:
        with open(os.path.join(UNITS, "postern.service.in"), encoding="ascii") as file:
            text = re.sub(r"(?m)^Documentation=.*\n", "", file.read())
        service = folder.file("postern.service", text.replace("@bindir@/postern", POSTERN))
        shutil.copy(os.path.join(UNITS, "postern.socket"), folder.path)
        ran = subprocess.run(["systemd-analyze", "verify", "--man=no", service,
                              os.path.join(folder.path, "postern.socket")],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        lacks(ran.stdout.decode(), "postern.s", "what systemd-analyze verify finds")
        true(exposure(service) <= EXPOSURE, "exposure: %s" % exposure(service))
        local = folder.file("local.service", re.sub(r"(?m)^# (IPAddress)", r"\1", text).replace(
            "@bindir@/postern", POSTERN))
        more = re.sub(r"(?m)^# (Memory)", r"\1", text).replace("@bindir@/postern", POSTERN)
        contains(more, "\nMemoryDenyWriteExecute=no", "what machine code wants")
        jit = folder.file("jit.service", more)
        true(exposure(jit) <= EXPOSURE, "exposure: %s" % exposure(jit))
        true(exposure(local) <= EXPOSURE_LOCAL, "exposure: %s" % exposure(local))


tests.finish()
