#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The sandbox of the filter process, seen from outside; a sandbox that does not hold; and how the
program was compiled."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, Folder, answer, postern  # noqa: E402
from daemon import DaemonError, Postern  # noqa: E402
from milterpeer import deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
POLICY = 'no: reject "no" when sender is <no@example.net>\n'
TABLE = 'table bad addresses file "%s"\nno: reject "no" when sender in bad\n'


def daemon(folder, policy=POLICY, command=None, dns=""):
    return Postern(folder.path, os.path.join(folder.path, "s"), policy, dns,
                   command=command or [POSTERN])


def status(server):
    return answer("status", "-c", server.policy_path, "--json")


def of_process(pid):
    """{field: its first word} of /proc/PID/status."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
        pairs = [line.split(":", 1) for line in file]
    return {name: value.split()[0] if value.split() else "" for name, value in pairs}


def verdict(server, sender):
    return deliver("unix:" + server.path, sender, ["<b@example.org>"]).verdict


def landlock(text):
    found = re.match(r"landlock (\d+)", text)
    return int(found.group(1)) if found else 0


def sanitized(text):
    return "sanitizer" in text


# What kernel and build allow, as a daemon says it.
with Folder() as probe_folder, daemon(probe_folder) as probe:
    STATE = status(probe)["sandbox"]


@tests.test
def the_processes_have_no_privileges():
    with Folder() as folder, daemon(folder) as server:
        child = of_process(status(server)["pid"])
        parent = of_process(int(child["PPid"]))
        equal((child["NoNewPrivs"], parent["NoNewPrivs"]), ("1", "1"), "no_new_privs")
        equal((child["Seccomp"], parent["Seccomp"]), ("2" if "calls" in STATE else "0", "0"),
              "seccomp")
        true(wait_until(lambda: "sandbox: " + STATE in server.log()), "the log says so")
        contains(postern("status", "-c", server.policy_path).out, "sandbox    " + STATE, "status")
        equal((verdict(server, "<no@example.net>"), verdict(server, "<a@example.net>")),
              ("reject", "accept"), "verdicts")


@tests.test
def every_thread_is_inside():
    with Folder() as folder, daemon(folder, dns=None) as server:
        verdict(server, "<a@example.net>")
        pid = status(server)["pid"]
        tasks = os.listdir("/proc/%d/task" % pid)
        true(len(tasks) > 3, "there are threads")
        for task in tasks:
            with open("/proc/%d/task/%s/status" % (pid, task), encoding="ascii") as file:
                mode = re.search(r"^Seccomp:\s*(\d)", file.read(), re.M).group(1)
            equal(mode, "2" if "calls" in STATE else "0", "thread " + task)


@tests.test
def started_as_root_it_has_no_capability():
    if os.geteuid() != 0:
        tests.skip("only root can drop to another user")
        return
    with Folder() as folder:
        os.chmod(folder.path, 0o777)
        with daemon(folder, 'set user nobody set journal.path "%s/journal"\n' % folder.path +
                    POLICY) as server:
            child = of_process(status(server)["pid"])
            for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                equal(int(child[field], 16), 0, field)
            true(child["Uid"] != "0", "another user")
            equal(verdict(server, "<no@example.net>"), "reject", "verdict")
            true(wait_until(lambda: status(server)["journal"]["written"] == 1), "the journal")


@tests.test
def a_journal_may_stand_in_a_folder_of_everybody():
    """As /tmp, where the sandbox is seen not to let anything be written."""
    place = tempfile.mkdtemp(prefix="postern-journal-", dir="/tmp")
    os.rmdir(place)
    try:
        with Folder() as folder, daemon(folder, 'set journal.path "%s"\n' % place + POLICY) as d:
            equal(verdict(d, "<yes@example.net>"), "accept")
            true(wait_until(lambda: status(d)["journal"]["written"] == 1), "the journal")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@tests.test
def a_new_filter_process_is_inside_as_well():
    with Folder() as folder, daemon(folder) as server:
        first = status(server)["pid"]
        os.kill(first, 9)
        true(wait_until(lambda: server.answers() and status(server)["pid"] != first), "another")
        equal(status(server)["sandbox"], STATE, "state")
        equal(verdict(server, "<no@example.net>"), "reject", "verdict")


@tests.test
def it_can_be_left_out():
    with Folder() as folder, daemon(folder, "set sandbox off\n" + POLICY) as server:
        equal((status(server)["sandbox"], of_process(status(server)["pid"])["Seccomp"]),
              ("none", "0"), "state")


def weak(folder, what, setting):
    """A daemon on a kernel that is weak in that way."""
    shim = os.path.join(folder.path, "weak.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "weak.c")],
                   check=True, timeout=60)
    return daemon(folder, "set sandbox %s\n" % setting + POLICY,
                  ["env", "LD_PRELOAD=" + shim, "WEAK=" + what,
                   "ASAN_OPTIONS=" + os.environ.get("ASAN_OPTIONS", "") +
                   ":verify_asan_link_order=0", POSTERN])


def refused(what, setting):
    """What a daemon says that does not serve, though it listened for a moment."""
    with Folder() as folder:
        server = weak(folder, what, setting)
        try:
            server.start()
        except DaemonError:
            pass
        ended = server.process is None or wait_until(lambda: server.process.poll() is not None, 10)
        status_of = server.process.returncode if server.process and ended else 2
        server.kill()
        true(ended, "it does not serve in a sandbox that is weak: " + what)
        equal(status_of, 2, "status")
        lacks(server.log(), "serving at", "the log")
        return server.log()


@tests.test
def a_filter_of_calls_that_does_not_hold_is_found_out():
    if "calls" not in STATE:
        tests.skip("this kernel filters no calls")
        return
    contains(refused("seccomp", "on"), "sandbox: it does not hold: ")


@tests.test
def a_landlock_that_does_not_hold_is_found_out():
    if not landlock(STATE):
        tests.skip("this kernel has no landlock")
        return
    contains(refused("landlock", "on"), "sandbox: it does not hold: ")
    contains(refused("landlock,seccomp", "required"), "sandbox: it does not hold: ")


@tests.test
def what_is_required_and_missing_is_said():
    contains(refused("absent", "required"), "sandbox: this kernel has no landlock")
    with Folder() as folder, weak(folder, "absent", "on") as server:
        equal(verdict(server, "<no@example.net>"), "reject", "verdict")
        true(wait_until(lambda: "warning: sandbox: no landlock, seccomp" in server.log()),
             "the log says so")


@tests.test
def both_parts_can_be_required():
    if not landlock(STATE) or "calls" not in STATE:
        tests.skip("this kernel lacks a part of the sandbox")
        return
    with Folder() as folder, daemon(folder, "set sandbox required\n" + POLICY) as server:
        equal(status(server)["sandbox"], STATE, "state")


@tests.test
def a_table_may_be_replaced_where_it_is():
    with Folder() as folder, Folder() as other:
        path = other.file("bad", "no@example.net\n")
        with daemon(folder, TABLE % path) as server:
            os.rename(other.file("new", "more@example.net\n"), path)
            true(wait_until(lambda: verdict(server, "<more@example.net>") == "reject"),
                 "the new one is read")
            equal(verdict(server, "<no@example.net>"), "accept", "an item that has gone")


@tests.test
def a_table_in_another_folder_takes_a_restart():
    if not landlock(STATE) or sanitized(STATE):
        tests.skip("files are not held back in this build or by this kernel")
        return
    with Folder() as folder, Folder() as other:
        path = other.file("bad", "more@example.net\n")
        with daemon(folder) as server:
            server.write_policy(TABLE % path)
            ran = postern("reload", "-c", server.policy_path)
            equal(ran.status, 2, "status")
            contains(ran.err, "cannot read the table's file '%s': the sandbox was not told of this "
                     "folder: that takes a restart" % path)
            equal(verdict(server, "<no@example.net>"), "reject", "the old policy")
            server.stop()
            server.start()
            equal((verdict(server, "<no@example.net>"), verdict(server, "<more@example.net>")),
                  ("accept", "reject"), "after a restart")


@tests.test
def a_resolver_at_another_port_takes_a_restart():
    if landlock(STATE) < 4:
        tests.skip("this kernel's landlock knows nothing of TCP")
        return
    with Folder() as folder:
        text = 'set resolver "127.0.0.1%s"\n' + POLICY
        with daemon(folder, text % "@5301", dns=None) as server:
            server.write_policy(text % "@5302")
            ran = postern("reload", "-c", server.policy_path)
            equal(ran.status, 2, "status")
            contains(ran.err, "'resolver': the sandbox was not told of this port")
            for port in ("@53", ""):
                server.write_policy(text % port)
                equal(postern("reload", "-c", server.policy_path).status, 0, "port 53")


@tests.test
def accounts_are_not_asked_for_by_a_reload():
    with Folder() as folder, daemon(folder) as server:
        ran = postern("reload", "-c", server.policy_path)
        equal((ran.status, ran.err), (0, ""), "what it says")


PATTERNS = """hello: reject "hello" when helo.name matches /^dyn[a-z]*[-.]\\d+/i
listed: reject "listed" when sender in bad
table bad patterns { /^(?:info|news)\\d*@/ /@[^@]*\\.(?:xyz|top)$/i }
slow: reject "slow" when sender matches /^(?:a+)+$/
include "more"
"""
SENDERS = ["info12@example.net", "info@example.net", "inform@example.net", "a@b.XYZ", "a@top",
           "a" * 60 + "@example.net", "other@example.net", "MORE@example.net", "more@example.net"]


def machine_code(pid):
    """Has it memory that is written and executed? None: that cannot be told."""
    try:
        with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
            return any(line.split()[1].startswith("rwx") for line in file)
    except PermissionError:
        return None


def patterns(folder, jit, command=None):
    """Where the setting stands does not matter."""
    folder.file("more", 'set jit %s\nmore: reject "more" when sender matches /^more@/\n' % jit)
    return daemon(folder, PATTERNS, command)


def looser(state):
    return re.sub(r"(seccomp \d+ calls)", r"\1, memory is executable", state)


def verdicts(server):
    return [verdict(server, "<%s>" % sender) for sender in SENDERS]


def explained(server):
    return [answer("explain", "-c", server.policy_path, "--json", "--dns", server.dns_path,
                   "--sender", sender, "--recipient", "b@example.org")["verdict"]
            .replace("defer", "tempfail")
            for sender in SENDERS]


def reload(server):
    ran = postern("reload", "-c", server.policy_path)
    equal(ran.status, 0, "a reload: " + ran.err)
    return ran.err


@tests.test
def patterns_are_interpreted_unless_asked():
    with Folder() as folder, patterns(folder, "off") as server:
        interpreted = verdicts(server)
        equal(machine_code(status(server)["pid"]) or False, False, "memory")
        equal(status(server)["sandbox"], STATE, "state")
        equal(interpreted, explained(server), "explain says the same")
    with Folder() as folder, patterns(folder, "on") as server:
        if "patterns stay interpreted" in server.log():
            tests.skip("this machine's PCRE2 has no JIT, or no memory for it")
            return
        for _ in range(2):
            equal(verdicts(server), interpreted, "as machine code")
            equal(machine_code(status(server)["pid"]) in (True, None), True, "memory")
            equal(status(server)["sandbox"], looser(STATE), "state")
            server.write_policy("lone: reject \"l\" when sender matches /^lone@/\n" + PATTERNS)
            equal(reload(server), "", "what is said")
        equal(explained(server), interpreted, "explain says the same")
        equal(verdict(server, "<lone@example.net>"), "reject", "after a reload")
        lacks(server.log(), "stay interpreted", "the log")


@tests.test
def machine_code_takes_a_restart():
    with Folder() as folder, patterns(folder, "off") as server:
        expected = verdicts(server)
        patterns(folder, "on")
        for _ in range(2):
            contains(reload(server), "patterns stay interpreted: the daemon was started without "
                     "'set jit on': that takes a restart", "what is said")
            equal(status(server)["sandbox"], STATE, "state")
            equal(machine_code(status(server)["pid"]) or False, False, "memory")
            equal(verdicts(server), expected, "verdicts")
        first = status(server)["pid"]
        os.kill(first, 9)
        true(wait_until(lambda: server.answers() and status(server)["pid"] != first), "another")
        equal(status(server)["sandbox"], STATE, "state after a crash")
        equal(machine_code(status(server)["pid"]) or False, False, "memory after a crash")
        server.stop()
        server.start()
        if "patterns stay interpreted" in server.log().split("serving policy")[-1]:
            return
        equal(status(server)["sandbox"], looser(STATE), "state after a restart")
        patterns(folder, "off")
        reload(server)
        true(wait_until(lambda: "the sandbox is as wide as before until a restart" in
                        server.log()), "the log says so")
        equal(status(server)["sandbox"], looser(STATE), "state after a reload")
        equal(verdicts(server), expected, "verdicts after a reload")


# What systemd's MemoryDenyWriteExecute= does, as a kernel from 6.3 on has it: PR_SET_MDWE.
DENIES = [sys.executable, "-c", "import ctypes, os, sys\n"
          "ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) and sys.exit(77)\n"
          "os.execv(sys.argv[1], sys.argv[1:])"]


@tests.test
def without_memory_for_machine_code_nothing_fails():
    if subprocess.run([*DENIES, "/bin/true"], timeout=60, check=False).returncode == 77:
        tests.skip("this kernel cannot deny memory that is written and executed")
        return
    said = "patterns stay interpreted: no memory can be written and executed here"
    with Folder() as folder, patterns(folder, "on", [*DENIES, POSTERN]) as server:
        equal(server.log().count(said), 1, "said once: " + server.log())
        contains(server.log(), "a drop-in with 'MemoryDenyWriteExecute=no'", "the mend")
        equal(status(server)["sandbox"], STATE, "state")
        equal(verdicts(server), explained(server), "verdicts")
        contains(reload(server), said, "what is said")
        equal(machine_code(status(server)["pid"]) or False, False, "memory")


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, POSTERN], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60).stdout.decode()


@tests.test
def the_program_is_compiled_hard():
    if not shutil.which("readelf"):
        tests.skip("readelf is not here")
        return
    contains(readelf("-h"), "DYN (Position-Independent", "position-independent")
    dynamic, segments = readelf("-d"), readelf("-l")
    contains(dynamic, "BIND_NOW", "bound at the start")
    lacks(dynamic, "TEXTREL", "relocations in code")
    contains(segments, "GNU_RELRO", "read-only behind relocation")
    stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\S+)", segments)
    equal(stack and stack.group(1), "RW", "flags of the stack")
    true(not re.search(r"LOAD\s+(?:0x\w+\s+){5}RWE", segments), "nothing is written and executed")


@tests.test
def the_compiler_checks_stacks_and_sizes():
    if sanitized(STATE) or not shutil.which("readelf"):
        tests.skip("a build with sanitizers, which check more" if sanitized(STATE)
                   else "readelf is not here")
        return
    symbols = readelf("--dyn-syms")
    contains(symbols, "__stack_chk_fail", "stack protector")
    contains(symbols, "__snprintf_chk", "sizes that libc checks")


tests.finish()
