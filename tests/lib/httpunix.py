# SPDX-License-Identifier: BSD-2-Clause
"""HTTP over a unix socket, as much as the tests of the metrics want."""

import http.client
import socket

LIMIT_SECONDS = 10


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=LIMIT_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT_SECONDS)
        self.sock.connect(self.path)


def ask(path, method="GET", url="/metrics"):
    """(status, headers, body)"""
    connection = Connection(path)
    try:
        connection.request(method, url)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode("ascii")
    finally:
        connection.close()


def get(path):
    status, _, text = ask(path)
    if status != 200:
        raise AssertionError("status %d: %s" % (status, text))
    return text
