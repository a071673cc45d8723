# SPDX-License-Identifier: BSD-2-Clause
"""Postern itself, as a daemon under test: started with a policy and DNS from a file, its log read.

A policy of a test says neither where to listen nor under which name: this puts both in front of it.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time

from mta import read_text, wait_until

# What a sanitizer says when it found something; such a run has failed whatever it answered.
SANITIZER = re.compile(r"^.*(ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:).*$", re.M)


class DaemonError(Exception):
    pass


def program():
    return os.environ.get("POSTERN") or os.path.join(os.environ.get("BUILD", "."), "postern")


class Record(dict):
    """One line about a message: verdict, stage, rule and so on; `id` is the MTA's queue id."""

    def __init__(self, line, ident, pairs):
        super().__init__(pairs)
        self.line = line
        self.id = ident


def parse_record(line):
    """The Record of a log line, or None if the line is about something else."""
    found = re.match(r".*?postern\[\d+\]: (\S+): (verdict=.*)$", line)
    if not found:
        return None
    # Only a quotation mark is escaped within quotation marks; \xHH stays as it is anywhere.
    pairs = re.findall(r'([^\s=]+)=("(?:\\"|[^"])*"|\S*)', found.group(2))
    return Record(line, found.group(1),
                  [(key, value[1:-1].replace('\\"', '"') if value.startswith('"') else value)
                   for key, value in pairs])


def seconds_used(pid):
    """The processor's time that a process has had."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def filter_process(parent):
    """The pid of the daemon's filter process, None while there is none; the journal's is another."""
    while True:
        pids = []
        for pid in read_text("/proc/%d/task/%d/children" % (parent, parent)).split():
            try:
                if read_text("/proc/%s/comm" % pid).strip() != "postern-journal":
                    pids.append(int(pid))
            except OSError:
                pass
        if len(pids) < 2:
            return pids[0] if pids else None
        time.sleep(0.01)  # one of them has just begun, and not yet its name


def accepts(path):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


class Postern:
    def __init__(self, directory, path, policy, dns=None, name="postern", group=None, command=None):
        """
        Listens on the unix socket `path`; its files (policy, DNS records, log) go to `directory`.
        `policy` is text. `dns` is the text of a file of records; None: the system's resolver.
        """
        self.path = path
        self.control = os.path.join(directory, name + ".control")
        self.group = group
        self.command = command or [program()]
        self.policy_path = os.path.join(directory, name + ".policy")
        self.dns_path = os.path.join(directory, name + ".dns") if dns is not None else None
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None
        self.write_policy(policy)
        if dns is not None:
            with open(self.dns_path, "w", encoding="ascii") as file:
                file.write(dns)

    def write_policy(self, policy):
        head = 'set listen "unix:%s" set control "unix:%s"\n' % (self.path, self.control)
        if "set journal" not in policy:
            head = head[:-1] + " set journal off\n"
        if self.group:
            head += 'set socket.group "%s"\n' % self.group
        if "set authserv" not in policy:
            head += 'set authserv "mx.example.org"\n'
        with open(self.policy_path, "w", encoding="utf-8") as file:
            file.write(head + policy)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def start(self, seconds=30):
        words = self.command + ["serve", "-c", self.policy_path]
        if self.dns_path:
            words += ["--dns", self.dns_path]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        try:
            wait_until(lambda: self.serves() or self.process.poll() is not None, seconds)
        except TimeoutError:
            self.kill()
            raise DaemonError("postern serve does not answer:\n" + self.log())
        if self.process.poll() is not None or not self.answers():
            self.kill()
            raise DaemonError("postern serve does not listen:\n" + self.log())

    def answers(self):
        """The control socket comes second, and need not come at all."""
        return accepts(self.path) and (accepts(self.control) or "cannot be commanded" in self.log())

    def serves(self):
        """Also has its processes: the sockets are there before them."""
        return self.answers() and (not accepts(self.control) or self.ask("status") is not None)

    def ask(self, request):
        """What a command is answered; None: nothing."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            try:
                peer.connect(self.control)
                peer.sendall(request.encode() + b"\n")
                text = b"".join(iter(lambda: peer.recv(65536), b""))
            except ConnectionError:
                return None
        return json.loads(text) if text else None

    def stop(self, seconds=20):
        """Ends it as an admin does. DaemonError if it did not end well or a sanitizer spoke."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise DaemonError("postern serve does not end on SIGTERM:\n" + self.log())
        self.process = None
        found = SANITIZER.search(self.log())
        if found:
            raise DaemonError("%s\n%s" % (found.group(0).strip(), self.log()))
        if status != 0:
            raise DaemonError("postern serve ended with status %d:\n%s" % (status, self.log()))

    def kill(self):
        """As a crash would: all of its processes at once, nothing tidied up."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
            # The filter process is nobody's child now; its socket tells when it has gone too.
            wait_until(lambda: not self.answers(), 10)

    def log(self):
        return read_text(self.log_path)

    def records(self):
        return [r for r in map(parse_record, self.log().splitlines()) if r is not None]

    def wait_record(self, seconds=10, **wanted):
        """The last record with these values; None if it does not come."""
        deadline = time.monotonic() + seconds
        while True:
            for record in reversed(self.records()):
                if all(record.get(key) == value for key, value in wanted.items()):
                    return record
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
