# SPDX-License-Identifier: BSD-2-Clause
"""Runs commands of the program under test, with files of its own to read."""

import json
import os
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
POSTERN = os.path.abspath(os.environ.get("POSTERN") or os.path.join(TOP, "postern"))
LIMIT_SECONDS = 60


class Folder:
    """A folder for files of a test; `with` removes it."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="postern-command.")
        self.path = self._folder.name

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self._folder.cleanup()

    def file(self, name, content):
        """Writes text or bytes; the path."""
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path


class Ran:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err


def postern(*words, cwd=None, feed=None):
    done = subprocess.run([POSTERN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd=cwd, timeout=LIMIT_SECONDS, input=feed,
                          stdin=subprocess.DEVNULL if feed is None else None)
    return Ran(done.returncode, done.stdout.decode("utf-8", "backslashreplace"),
               done.stderr.decode("utf-8", "backslashreplace"))


def answer(*words, cwd=None, feed=None):
    """The JSON object that a command prints; anything but status 0 is a failure."""
    ran = postern(*words, cwd=cwd, feed=feed)
    if ran.status != 0:
        raise AssertionError("status %d: %s" % (ran.status, ran.err))
    return json.loads(ran.out)
