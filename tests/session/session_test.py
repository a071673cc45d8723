#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every session script, in process and over the socket.

BUILD names the build tree. With names of scripts as arguments, only those.
"""

import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)

import daemon  # noqa: E402
import socket_driver  # noqa: E402
from report import Tests  # noqa: E402

DRIVER = os.path.join(os.environ.get("BUILD", "."), "tests", "session", "driver")
SECONDS = 60

tests = Tests()


def in_process(path):
    """One process a script: nothing of one stays for the next. None, or what went wrong."""
    try:
        done = subprocess.run([DRIVER, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "not done after %d s" % SECONDS
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def over_socket(path):
    script = socket_driver.Script(path)
    if script.only == "in-process":
        return None
    with tempfile.TemporaryDirectory(prefix="s") as directory:
        os.chmod(directory, 0o755)
        try:
            socket_driver.run(script, directory)
        except (socket_driver.Failure, daemon.DaemonError, OSError) as error:
            return str(error)
    return None


def add(pool, name, play, path):
    future = pool.submit(play, path)

    def result():
        wrong = future.result()
        if wrong is not None:
            raise AssertionError("\n" + wrong.rstrip())

    result.__name__ = name
    tests.test(result)


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "*.session")))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for path in paths:
            name = os.path.basename(path)[:-len(".session")]
            add(pool, name + ", in process", in_process, path)
            if socket_driver.Script(path).only != "in-process":
                add(pool, name + ", over the socket", over_socket, path)
    tests.finish()


main()
