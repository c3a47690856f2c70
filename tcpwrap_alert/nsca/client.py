"""Sending check results to an NSCA server: a batch with one outcome, or a connection that is kept for more.

NSCA servers look at their sockets once per second, so a conversation may take two seconds; a batch, or a kept
connection, pays that once. `conversation.py` says how the outcome is known.
"""

from __future__ import annotations

import time

from ..errors import DeliveryError
from .conversation import SILENCE_S, Conversation
from .outcome import ACCEPTED, SENT_NOT_KNOWN
from .ways import Ways

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..check_result import CheckResult
    from .server import Server

__all__ = ["ACCEPTED", "SENT_NOT_KNOWN", "Connection", "send_check_results"]

# Servers up to 2.9 drop what is older than their max_packet_age, 30 s, counted from the init packet.
RENEW_AFTER_S = 20.0
# What comes slowly is not held back for a fuller write.
HOLD_BACK_S = 0.2

# What this process knows of the ways to servers, for callers who keep no memory of their own.
_WAYS = Ways()


def send_check_results(
    server: Server,
    results: Sequence[CheckResult],
    padding: Callable[[int], bytes] | None = None,
    ways: Ways | None = None,
) -> str:
    """Send `results` over one connection; return ACCEPTED, or SENT_NOT_KNOWN if the server does not tell.

    One deadline, `server.timeout_s` from now, covers look-up, connection, init packet, sending and outcome. It moves by
    two seconds if we must hold our end back to learn the outcome; see `ways.py`.

    Args:
        padding: returns as many bytes as it is asked for, to fill the unused part of a packet; `bytes` gives NUL, and
            without it random letters do.
        ways: what is known of the ways to servers; without it, what this process has learned.

    Raises:
        RejectedError: the server rejected the packets. Nothing of the batch counts as delivered.
        ConnectError: no connection; nothing was sent.
        ProtocolError: the peer does not speak NSCA.
        OutcomeUnknown: the deadline came after packets had been sent; sending again may deliver twice.
        DeliveryError: any other failure of the connection.
        ValueError: more than one result for a server that takes one per connection, or a method that is not available.
    """
    if server.layout.takes_one and len(results) > 1:
        raise ValueError("this server takes one check result per connection")
    ways = _WAYS if ways is None else ways
    conversation = Conversation(server, padding, time.monotonic() + server.timeout_s)
    try:
        conversation.send(results)
        outcome = _finish(conversation, ways)
    finally:
        conversation.close()
    ways.learn(conversation.server, conversation.deadline)
    return outcome


def _finish(conversation: Conversation, ways: Ways) -> str:
    if ways.may_hide_rejections(conversation.server):
        conversation.hold_end()
    return conversation.finish()


class Connection:
    """A connection to an NSCA server that is kept for many check results, as a context manager.

        with Connection(server) as connection:
            connection.send(results)    # as often as you like
        # here the server has taken them all

    It is made for the first check result and renewed when it is 20 s old or was silent for 5 s; for a server that takes
    one packet per connection, for each result. Servers close a connection that is silent for 10 s: where results come
    less often, call `confirm` after the last one. Use it from one thread at a time.
    `server.timeout_s` is the deadline of each step: connecting, a block of up to 15 packets, the outcome. `padding` and
    `ways` are those of `send_check_results`.

    An error of the connection is final: what has no outcome is to be sent again, over a new one. Any other error in the
    block ends the conversation with its outcome first, so that the numbers tell what arrived.

    Attributes:
        delivered: how many check results the server has accepted, in the order in which they were sent.
        unconfirmed: how many were sent since then, their outcome not known yet.
    """

    def __init__(self, server: Server, padding: Callable[[int], bytes] | None = None, ways: Ways | None = None) -> None:
        self.delivered = 0
        self.unconfirmed = 0
        self._server = server
        self._padding = padding
        self._ways = _WAYS if ways is None else ways
        self._conversation: Conversation | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or issubclass(kind, Exception):
                self.confirm()
        except DeliveryError:
            if kind is None:
                raise
        finally:
            self.close()

    def send(self, results: Iterable[CheckResult]) -> None:
        """Send `results`, any number, one by one as they come. They are on their way when this returns.

        Raises:
            What `send_check_results` raises, about these results or about those sent before; ValueError after that.
        """
        if self.unconfirmed and not self._conversation:
            raise ValueError("this connection has failed; make a new one for what it has not delivered")
        try:
            if self._conversation:
                self._conversation.check_still_open()
            for result in results:
                conversation = self._fresh_conversation()
                conversation.send((result,))
                self.unconfirmed += 1
                if conversation.silence_s() > HOLD_BACK_S:
                    conversation.flush()
                if self._server.layout.takes_one:
                    self.confirm()
            if self._conversation:
                self._conversation.deadline = self._next_deadline()
                self._conversation.flush()
        except DeliveryError:
            self.close()
            raise

    def confirm(self) -> str | None:
        """End the conversation with the server and return the outcome of all that was sent; a next `send` begins anew.

        Returns:
            ACCEPTED; SENT_NOT_KNOWN if the server does not tell; None if nothing is open.

        Raises:
            What `send_check_results` raises.
        """
        if self._conversation is None:
            return None
        conversation = self._conversation
        conversation.deadline = self._next_deadline()
        try:
            outcome = _finish(conversation, self._ways)
        finally:
            self.close()
        self.delivered += self.unconfirmed
        self.unconfirmed = 0
        self._ways.learn(conversation.server, conversation.deadline)
        return outcome

    def close(self) -> None:
        """Let go of the connection, without asking what became of the results that are unconfirmed."""
        if self._conversation:
            self._conversation.close()
            self._conversation = None

    def _fresh_conversation(self) -> Conversation:
        """Return a conversation that is open, and fit for one more packet."""
        if self._conversation and (
            time.monotonic() - self._conversation.opened_at >= RENEW_AFTER_S
            or self._conversation.silence_s() >= SILENCE_S
        ):
            self.confirm()
        deadline = self._next_deadline()
        if self._conversation is None:
            self._conversation = Conversation(self._server, self._padding, deadline)
        self._conversation.deadline = deadline
        return self._conversation

    def _next_deadline(self) -> float:
        return time.monotonic() + self._server.timeout_s
