"""The file `episodes` of a spool: what its monitor is told later (episodes.py), on disk.

The time of the file is when the next window ends, so that a replay without work need not read it.
It is written aside, synced and renamed: it is whole, or it was not ours.

Promises:

P3  A queue file goes only when `episodes` counts it, on disk. A crash before it goes loses and repeats nothing: whoever
    comes next finds the name among `counted`, and removes the file (`forget_counted`).
P4  A file that is not whole is set aside, and told; the spool goes on without it.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import QueueFileCorrupt, SpoolError
from ..system_log import tell
from .episodes import MAX_BYTES, Episodes, decode_episodes, without
from .files import NamingFailure, Uninterrupted, fsync_path, make_directory, read_file, write_aside
from .queue_file import encode_queue_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entry import Entry
    from .spool import Spool

COUNTED_AT_ONCE = 1000  # names in `counted`: this bounds the file


class EpisodesFile:
    """The file of a spool. Whoever writes it holds the spool's lock."""

    def __init__(self, spool: Spool) -> None:
        self.path = spool.episodes
        self._spool = spool

    def read(self) -> Episodes:
        """Return what is in the file; nothing if there is none. One that is at fault is set aside.

        Raises:
            SpoolError: it cannot be read, or not be set aside.
        """
        try:
            return self._decode()
        except QueueFileCorrupt as error:
            target = self._spool.corrupt.put_file(self.path)
            tell(f"{self.path}: {error}; moved to {target}, and its denials are not sent")
            return Episodes()

    def look(self) -> Episodes:
        """Return what is in the file, for somebody who only looks. Raises SpoolError if it cannot be read."""
        try:
            return self._decode()
        except QueueFileCorrupt:
            return Episodes()  # told by the next run

    def _decode(self) -> Episodes:
        with NamingFailure("read", self.path):
            try:
                data, status = read_file(self.path, MAX_BYTES + 1)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                    raise
                return Episodes()  # none, or a link or a socket, which is none either and holds nothing up
        return decode_episodes(data) if stat.S_ISREG(status.st_mode) else Episodes()

    def write(self, episodes: Episodes) -> None:
        """Write the file, or remove it if there is nothing to remember; on disk afterwards. Raises SpoolError."""
        with NamingFailure("write", self.path):
            if episodes.is_empty():
                try:
                    os.unlink(self.path)
                except FileNotFoundError:
                    return
            else:
                make_directory(self._spool.path)
                aside = f"{self.path}.new"
                write_aside(aside, encode_queue_file(episodes), episodes.next_ns)
                os.rename(aside, self.path)
            fsync_path(self._spool.path)

    def postpone(self, until_ns: int) -> None:
        """Let the file be due later, when it cannot be written: what it says was told, and is told again then."""
        try:
            os.utime(self.path, ns=(until_ns, until_ns))
        except OSError:
            pass  # then it is told again at once

    def take_in(self, episodes: Episodes, entries: list[Entry], quiet: set[str]) -> dict[str, SpoolError]:
        """Count entries of new/ and remove their files. Return why some are still there, by name; they are counted.

        Args:
            entries: at most COUNTED_AT_ONCE.
            quiet: the names of those that are of quiet clients.

        Raises:
            SpoolError: the file cannot be written; nothing was done.
        """
        before = episodes.tally, episodes.quiet, episodes.counted
        episodes.tally, episodes.quiet = without(episodes.tally), without(episodes.quiet)
        for entry in entries:
            tally = episodes.quiet if entry.name in quiet else episodes.tally
            for words, counted in entry.content.counted(entry.enqueued_at_ns):
                tally.add(words, *counted)
        episodes.counted = episodes.counted | {(entry.enqueued_at_ns, entry.name) for entry in entries}
        with Uninterrupted(1 + len(entries)):
            try:
                self.write(episodes)
            except SpoolError:
                episodes.tally, episodes.quiet, episodes.counted = before
                raise
            # The tally is on disk: from here on it is responsible.
            return self.forget_counted(episodes)

    def forget_counted(self, episodes: Episodes) -> dict[str, SpoolError]:
        """Remove what the tally has counted already from new/, and forget it. Return what cannot be removed."""
        faults: dict[str, SpoolError] = {}
        left: set[tuple[int, str]] = set()
        for at_ns, name in episodes.counted:
            try:
                if self._spool.is_from(name, at_ns):
                    self._spool.remove(name)
            except SpoolError as error:
                faults[name] = error
                left.add((at_ns, name))
        episodes.counted = left
        return faults


def release(spool: Spool) -> None:
    """Let what waits in a spool for the end of windows be an entry, as when several monitors take the place of one."""
    if spool.until_s() is None:
        return
    file = EpisodesFile(spool)
    episodes = file.read()
    file.forget_counted(episodes)
    for tally in (episodes.tally, episodes.quiet):
        if tally:
            spool.enqueue(tally, tally.first_ns)
    # What waited has a file of its own: a crash before this counts it twice.
    file.write(Episodes())
