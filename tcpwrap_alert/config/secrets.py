"""Secrets in files of their own: `password_file`, `token_file`, `proxy_password_file`.

The value is an absolute path, or a name in the directory that systemd gives a service with LoadCredential=
(CREDENTIALS_DIRECTORY). The secret is the file's content without the newline at its end. No message shows it.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SECRET_BYTES = 511  # as for `password`


def read_secret(key: str) -> Callable[[str], bytes]:
    """Return the reader of a key whose value names a file with a secret."""

    def read(value: str) -> bytes:
        path = _path(key, value)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                mode = os.fstat(fd).st_mode
                secret = os.read(fd, MAX_SECRET_BYTES + 3) if stat.S_ISREG(mode) else b""
            finally:
                os.close(fd)
        except OSError as error:
            raise ValueError(f"{key} '{path}' cannot be read: {error.strerror}") from None
        _check_mode(key, path, mode)
        return _check_secret(key, path, secret.removesuffix(b"\n").removesuffix(b"\r"))

    return read


def _path(key: str, value: str) -> str:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if value.startswith("/") and "\0" not in value:
        return value
    if directory and value and "/" not in value and "\0" not in value:
        return os.path.join(directory, value)
    raise ValueError(f"{key} '{value}' is not an absolute path, nor a name in $CREDENTIALS_DIRECTORY")


def _check_mode(key: str, path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(f"{key} '{path}' is not a regular file")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ValueError(f"{key} '{path}': everybody may read or write it; run chmod o-rw {path}")


def _check_secret(key: str, path: str, secret: bytes) -> bytes:
    if not secret or len(secret) > MAX_SECRET_BYTES or b"\0" in secret or b"\n" in secret:
        what = f"not one line of 1 to {MAX_SECRET_BYTES} bytes"
        raise ValueError(f"{key} '{path}' has {len(secret)} bytes, {what}")
    return secret
