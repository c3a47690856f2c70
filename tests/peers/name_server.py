"""A name server on loopback, for the private namespaces: it says that every name is 127.0.0.1, late or never."""

from __future__ import annotations

import socket
import struct
import threading

from support import namespaces


class NameServer:
    """A name server on loopback that answers after `late_s` that every name is 127.0.0.1, or never."""

    def __init__(self, late_s=None):
        self.questions = []
        self._late_s = late_s
        self._stopping = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.53", 53))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        namespaces.bind_over("/etc/resolv.conf", "nameserver 127.0.0.53\n")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        namespaces.unbind("/etc/resolv.conf")

    def _serve(self):
        while True:
            question, client = self._socket.recvfrom(512)
            if self._late_s is not None and question:
                self._stopping.wait(self._late_s if not self.questions else 0)
            if self._stopping.is_set():
                return
            self.questions.append(question)
            if self._late_s is not None:
                self._socket.sendto(answer_to(question), client)


def answer_to(question):
    """Return the answer of RFC 1035: 127.0.0.1 to a question for an IPv4 address, nothing to any other."""
    name_length = question.index(b"\0", 12) + 1 - 12
    asked = question[12 : 12 + name_length + 4]
    answers = [b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"] if asked.endswith(b"\0\1\0\1") else []
    return question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0) + asked + b"".join(answers)
