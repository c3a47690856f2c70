"""Mutants that no test can notice: by module, the line before and after the change, as `make mutants` prints them; why.

What spans several lines is joined by one space. A line that is written anew does not match. Its mutant runs again.
"""

from __future__ import annotations

EQUIVALENT: dict[str, dict[tuple[str, str], str]] = {
    "forwarding/boxes": {
        ("HANDED_AT_ONCE = 1000", "HANDED_AT_ONCE = 1001"): "nobody counts on one more or less",
    },
    "forwarding/drain": {
        ("PASS_BYTES = 2000000", "PASS_BYTES = 2000001"): "nobody counts on one byte more or less",
        ("return self", "return None"): "whoever enters it has it already",
    },
    "forwarding/sharing": {
        ("return Drained()", "return None"): "never reached: the last pause is 0, and its failure is raised",
    },
    "nsca/client": {
        (
            "if conversation.silence_s() > HOLD_BACK_S:",
            "if conversation.silence_s() >= HOLD_BACK_S:",
        ): "one moment",
    },
    "nsca/connect": {
        (
            "if left == 1 or time.monotonic() >= deadline:",
            "if left == 1 or time.monotonic() > deadline:",
        ): "one moment",
    },
    "nsca/conversation": {
        ("answer = self._sock.recv(1)", "answer = self._sock.recv(2)"): "it only matters whether there is a byte",
        (
            "if self._sock.recv(1, socket.MSG_PEEK):",
            "if self._sock.recv(2, socket.MSG_PEEK):",
        ): "it only matters whether there is a byte",
    },
    "nsca/outcome": {
        (
            "count, = struct.unpack('i', fcntl.ioctl(sock, termios.TIOCOUTQ, struct.pack('i', 0)))",
            "count, = struct.unpack('i', fcntl.ioctl(sock, termios.TIOCOUTQ, struct.pack('i', 1)))",
        ): "the kernel writes the number over what was there",
    },
    "nsca/packet": {
        (
            "if (len(kept) - len(kept.rstrip('\\\\'))) % 2:",
            "if (len(kept) + len(kept.rstrip('\\\\'))) % 2:",
        ): "it only matters whether it is odd",
    },
    "nsca/padding": {
        (
            "start = int.from_bytes(os.urandom(2), 'big') % (POOL_BYTES - length + 1)",
            "start = int.from_bytes(os.urandom(3), 'big') % (POOL_BYTES - length + 1)",
        ): "a random place is as good as another",
    },
    "nsca/ways": {
        ("sock.settimeout(remaining(deadline))", "pass"): "it still has the limit of the init packet, read just before",
        ("continue", "pass"): "the loop has nothing behind it",
    },
    "transports/https": {
        (
            "limit = MAX_HEADERS_BYTES if limit < 0 else limit",
            "limit = MAX_HEADERS_BYTES if limit <= 0 else limit",
        ): "nobody asks for a line of no bytes",
    },
    "transports/psk": {
        ("sock.setblocking(False)", "pass"): "it had a timeout, and Python's sockets with a timeout do not block",
        (
            "library.SSL_CTX_ctrl(self._context, SSL_CTRL_SET_READ_AHEAD, 1, None)",
            "pass",
        ): "it only makes two reads of one",
    },
    "transports/program": {
        ("if not (stdin and stdout):", "if not (stdin or stdout):"): "for the type checker: both are pipes",
    },
    "transports/icinga2_asked": {
        ("time.sleep(PAUSE_S)", "pass"): "it then asks more often, and hears the same",
    },
}
