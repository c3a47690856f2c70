"""Whether an answer is one of Icinga 2's API, for a delivery and for whoever asks what became of it."""

from __future__ import annotations

from ..errors import ProtocolError, RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.values import Endpoint
    from .https import Answer


def check_answer(answer: Answer, target: Endpoint) -> None:
    """Raise DeliveryError if it is no answer of Icinga's API to somebody whom it knows."""
    if answer.status == 401:
        what = "user and password, or the certificate, are not accepted; see user@ in server, password and cert_file"
        raise RejectedError(what, target)
    if answer.location:
        raise ProtocolError(f"answered with a redirect to {answer.location}; is this Icinga's API?", target)
