# SPDX-License-Identifier: BSD-2-Clause
"""Plays session scripts over a socket, against `postern serve --dns FILE`.

What a script may say stands in script.h. A reply that the filter negotiated away counts as
"continue". What only the session itself can tell (told, logged, settled and their like) is left
to the driver that plays it in process.
"""

import fnmatch
import os
import re

from daemon import Postern
from milterpeer import Closed, Milter

SILENT = {"told", "logged", "observed", "score", "problem", "lookups", "rounds",
          "settled", "progress"}
EDITS = {"remove", "replace", "add", "insert", "drop", "join", "hold"}
PORT = 25252


class Failure(Exception):
    pass


class Move:
    def __init__(self, line, verb, rest, repeat, expected):
        self.line, self.verb, self.rest, self.repeat = line, verb, rest, repeat
        self.expected = expected
        self.edits = []


class Script:
    """`only` is what the script says of itself: "in-process" or None."""

    def __init__(self, path):
        self.path = path
        self.policy = None
        self.records = []
        self.moves = []
        self.only = None
        with open(path, encoding="ascii") as file:
            lines = list(enumerate(file.read().split("\n"), 1))
        while lines:
            number, line = lines.pop(0)
            words = line.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            rest = words[1].strip() if len(words) > 1 else ""
            if words[0] == "policy" and rest == "{":
                inside = []
                while lines and lines[0][1] != "}":
                    inside.append(lines.pop(0)[1])
                lines.pop(0)
                self.policy = "\n".join(inside) + "\n"
            elif words[0] == "policy":
                with open(os.path.join(os.path.dirname(path), rest), encoding="ascii") as file:
                    self.policy = file.read()
            elif words[0] == "dns":
                if rest.split()[1] != "NXDOMAIN":
                    self.records.append(rest)
            elif words[0] == "only":
                self.only = rest
            elif words[0] in ("clock", "latency"):
                self.only = "in-process"
            elif words[0] in EDITS:
                self.moves[-1].edits += edits_of(line.strip())
            else:
                self.moves.append(move_of(number, line))


def edits_of(line):
    """The edits that a line stands for: "remove NAME N..M" is several."""
    found = re.fullmatch(r"remove (\S+) (\d+)\.\.(\d+)", line)
    if not found:
        return [line]
    first, last = int(found.group(2)), int(found.group(3))
    step = 1 if first < last else -1
    return ["remove %s %d" % (found.group(1), n) for n in range(first, last + step, step)]


def move_of(number, line):
    verb, _, rest = line.strip().partition(" ")
    repeat = 1
    if verb == "repeat":
        count, verb, rest = (rest + " ").lstrip().split(" ", 2)
        repeat = int(count)
    if verb not in ("header", "body"):
        rest = re.sub(r"  #.*", "", rest)
    rest, arrow, expected = rest.rpartition("->") if "->" in rest else (rest, "", "")
    if not arrow:
        expected = "" if verb == "body" else "continue"
    if verb == "header" and not arrow:
        # As a shell would, only less: the value is all behind the colon.
        rest = line.split(verb, 1)[1].lstrip()
    else:
        rest = rest.strip()
    return Move(number, verb, rest, repeat, expected.strip())


def bytes_of(text):
    r"""\n, \r, \t, \\ and \xHH become bytes."""
    plain = {"n": b"\n", "r": b"\r", "t": b"\t"}

    def byte(found):
        if found.group(1):
            return bytes([int(found.group(1), 16)]).decode("latin-1")
        return plain.get(found.group(2), found.group(2).encode()).decode("latin-1")

    return re.sub(r"\\(?:x([0-9A-F]{2})|(.))", byte, text).encode("latin-1")


def matches(expected, text):
    """Only '*' stands for anything."""
    return fnmatch.fnmatchcase(text, re.sub(r"([\[?])", r"[\1]", expected))


def visible(text):
    """Folds are shown; a raw byte, which nothing may hold, in a way that no script expects."""
    out = []
    for char in text.encode("utf-8", "surrogateescape"):
        if char in b"\n\t":
            out.append("\\n" if char == 10 else "\\t")
        else:
            out.append(chr(char) if 32 <= char <= 126 else "[RAW %02X]" % char)
    return "".join(out)


def reply_text(reply, texts=True):
    """A reply as a script writes it; None was negotiated away."""
    if reply is None:
        return "continue"
    kind = "defer" if reply.kind == "tempfail" else reply.kind
    if not texts or reply.code is None:
        return kind
    return '%s %d %s "%s"' % (kind, reply.code, reply.enhanced or "-", visible(reply.text))


def edit_text(edit, leadspc):
    value = edit.value or ""
    if leadspc and value[:1] == " ":
        value = value[1:]
    value = visible(value)
    if edit.kind == "change" and edit.value == "":
        return "remove %s %d" % (edit.name, edit.index)
    if edit.kind == "change":
        return "replace %s %d: %s" % (edit.name, edit.index, value)
    if edit.kind == "insert" and edit.index != 0:
        return "insert %s at %d: %s" % (edit.name, edit.index, value)
    words = {"add": "add %s: %%s" % edit.name, "insert": "insert %s: %%s" % edit.name,
             "delrcpt": "drop %s", "addrcpt": "join %s", "quarantine": "hold %s"}
    return words.get(edit.kind, edit.kind + " %s").replace("%s", value)


class Player:
    def __init__(self, script, where):
        self.script, self.where = script, where
        self.macros = {}
        self.milter = None

    def fail(self, move, what, actual, expected):
        raise Failure("%s:%d: %s is %r, not %r" % (self.script.path, move.line, what, actual,
                                                  expected))

    def expect(self, move, what, actual, expected):
        if not matches(expected, actual):
            self.fail(move, what, actual, expected)

    def connect(self, move):
        self.close()
        name, address = move.rest.split()
        port = PORT
        found = re.fullmatch(r"\[(.*)\](?::(\d+))?|([^:]*):(\d+)", address)
        if found:
            address = found.group(1) or found.group(3)
            port = int(found.group(2) or found.group(4) or PORT)
        self.milter = Milter(self.where, timeout=30)
        self.milter.negotiate()
        return self.milter.connect(bytes_of(name), None if address == "-" else address, port,
                                   macros=self.macros)

    def close(self):
        if self.milter is not None:
            self.milter.quit()
            self.milter = None

    def event(self, move):
        m, rest = self.milter, move.rest
        if move.verb == "helo":
            return m.helo(bytes_of(rest), macros=self.macros)
        if move.verb in ("mail", "rcpt"):
            step = m.mail if move.verb == "mail" else m.rcpt
            return step(*map(bytes_of, rest.split()), macros=self.macros)
        if move.verb == "header":
            name, value = rest.split(":", 1)
            return m.header(bytes_of(name), bytes_of(value))
        if move.verb == "body":
            return m.body(bytes_of(rest) + b"\r\n")
        if move.verb == "data":
            return m.data(macros=self.macros)
        if move.verb == "eoh":
            return m.eoh(macros=self.macros)
        if move.verb == "abort":
            return m.abort()
        raise Failure("%s:%d: no such step" % (self.script.path, move.line))

    def eom(self, move):
        reply = self.milter.eom(macros=self.macros)
        leadspc = bool(self.milter.steps & 1 << 20)
        edits = [edit_text(edit, leadspc) for edit in reply.edits]
        # At the end libmilter says "continue" as "accept".
        actual = "continue" if reply.kind == "accept" else reply_text(reply)
        self.expect(move, "the reply", actual, move.expected)
        for i in range(max(len(edits), len(move.edits))):
            self.expect(move, "an edit", edits[i] if i < len(edits) else "",
                        move.edits[i] if i < len(move.edits) else "")

    def play(self, move):
        if move.verb == "macro":
            name, _, value = move.rest.partition(" ")
            self.macros[name] = bytes_of(value.strip())
        elif move.verb == "connect":
            self.expect(move, "the reply", reply_text(self.connect(move), False), move.expected)
        elif move.verb == "close":
            self.close()
        elif move.verb == "eom":
            self.eom(move)
        elif move.verb not in SILENT:
            reply = self.event(move)
            if reply is None and move.expected in ("skip", ""):
                return
            actual = reply_text(reply)
            self.expect(move, "the reply", actual,
                        move.expected or ("skip" if actual == "skip" else "continue"))

    def run(self):
        try:
            for move in self.script.moves:
                for _ in range(move.repeat):
                    self.play(move)
            self.close()
        except Closed:
            raise Failure("%s: the filter hangs up" % self.script.path) from None
        finally:
            if self.milter is not None:
                self.milter.close()


def run(script, directory):
    """Failure with a text, if the filter does anything but what the script says."""
    policy = script.policy
    if os.geteuid() == 0 and "set user" not in policy:
        policy = 'set user "nobody" ' + policy  # the one user that is everywhere
    with Postern(directory, os.path.join(directory, "s"), policy,
                 "".join(record + "\n" for record in script.records)):
        Player(script, "unix:" + os.path.join(directory, "s")).run()
