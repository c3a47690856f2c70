"""Delivery to the check result folder of a Nagios or Naemon here: `server=/var/lib/nagios4/spool/checkresults/`.

The folder (`check_result_path`) cannot be overrun as the command file can, and needs no reader: results wait there
while the monitor is down. Set `max_check_result_file_age=604800` in nagios.cfg: by default Nagios deletes what has
waited for an hour. Never set it to 0: Nagios 4.4.6 then deletes each file that it has not read in the second of its
writing. A file holds many results, which are taken in their order; each has the time of the event. Files may be read in
any order. A file is complete when an empty one beside it, with .ok behind its name, is there (nagioscore 4.4,
base/utils.c, process_check_result_queue).

"Accepted" means that the files are on disk: Nagios has no word for a host or service that it does not know.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time

from ..check_result import escape_newlines
from ..debugging import debug
from ..errors import ConnectError
from . import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..check_result import CheckResult
    from ..config.values import CommandFile
    from . import Parcel
    from .remarks import Remark

BATCH = 1000
NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class ResultFolderTransport:
    """A context that writes files into a check result folder."""

    def __init__(self, target: CommandFile) -> None:
        self._folder = target.path

    def __enter__(self) -> ResultFolderTransport:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between two files."""

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Write `parcels`, up to 1000 in a file. Raises ConnectError if the folder cannot be written."""
        left = list(parcels)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            try:
                self._write(encode_results(batch, time.time()))
            except OSError as error:
                hint = "; may the owner of the spool write to it?" if error.errno in (errno.EPERM, errno.EACCES) else ""
                raise ConnectError(f"cannot write: {error.strerror}{hint}", self._folder, error.errno) from error
            yield [Outcome(parcel) for parcel in batch]

    def _write(self, data: bytes) -> None:
        path, fd = self._new_file()
        try:
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            debug("%s: %s bytes written", path, len(data))
            os.close(os.open(f"{path}.ok", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except BaseException:
            os.unlink(path)  # without its .ok nobody has read it
            raise
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _new_file(self) -> tuple[str, int]:
        """Return path and descriptor of a new file; Nagios takes names of seven characters that begin with c."""
        while True:
            path = self._folder + "c" + "".join(secrets.choice(NAME_CHARACTERS) for _ in range(6))
            try:
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                continue


def encode_results(parcels: Iterable[Parcel], now_s: float) -> bytes:
    """Return the bytes of a file with these results, in their order."""
    parts = [f"### Passive Check Result File ###\nfile_time={int(now_s)}\n"]
    for parcel in parcels:
        result = parcel.result
        at_s = parcel.at_s if 0 <= parcel.at_s <= now_s else now_s  # a clock may have been wrong
        service = f"service_description={result.service_description}\n" if result.service_description else ""
        parts.append(
            f"host_name={result.host_name}\n{service}check_type=1\ncheck_options=0\nscheduled_check=0\n"
            f"reschedule_check=0\nlatency=0.0\nstart_time={at_s:.6f}\nfinish_time={at_s:.6f}\nearly_timeout=0\n"
            f"exited_ok=1\nreturn_code={result.return_code}\noutput={escape_newlines(result.plugin_output)}\n"
        )
    return "\n".join([*parts, ""]).encode()


def examine(target: CommandFile) -> Iterator[Remark]:
    """Look whether we may write there, and write nothing."""
    from .remarks import OK, Remark

    folder = target.path
    try:
        is_folder = stat.S_ISDIR(os.stat(folder).st_mode)
    except PermissionError:
        is_folder = True  # perhaps; the next question tells
    except OSError:
        is_folder = False
    if not is_folder:
        raise ConnectError("there is no such directory; see check_result_path in nagios.cfg", folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConnectError("cannot write; may the owner of the spool write to it?", folder)
    yield Remark(OK, "we may write to the check result folder")


def read_back(target: CommandFile, result: CheckResult) -> Iterator[Remark]:
    """Look into the monitor's status file."""
    from .status_file import look_for

    return look_for(target.path, result)


def as_sent(_target: CommandFile, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the content of the file."""
    return [("file", encode_results([parcel], time.time()))]


def open_transport(target: CommandFile, _memory: dict[str, str]) -> ResultFolderTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return ResultFolderTransport(target)
