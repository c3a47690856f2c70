"""What runs that come after each other remember: how far each log was read, who denied whom, and what was told.

It is one SQLite file. A run is one transaction: what it has read, counted and told is remembered together, or not at
all. So a crash counts nothing twice and misses nothing; at worst a sweep is told twice. A run costs what is new.
"""

from __future__ import annotations

import sqlite3

from ..check_result import clean
from ..errors import LogError
from .rotation import Position
from .texts import SAME_RESULT_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .texts import Seen

BUSY_S = 20.0
TABLES = """
CREATE TABLE IF NOT EXISTS log (path TEXT PRIMARY KEY, inode, offset, head, head_bytes);
CREATE TABLE IF NOT EXISTS seen (client, host, daemon, denials, first, last, PRIMARY KEY (client, host, daemon))
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_last ON seen (last);
CREATE TABLE IF NOT EXISTS told (client PRIMARY KEY, hosts);
CREATE TABLE IF NOT EXISTS commanded (host PRIMARY KEY, at);
"""
ADD = """
INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (client, host, daemon) DO UPDATE
SET denials = denials + excluded.denials, first = min(first, excluded.first), last = max(last, excluded.last)
"""


class Sums:
    """What is remembered of a client; the names of hosts and daemons are in order."""

    __slots__ = ("daemons", "denials", "first_s", "hosts", "last_s")

    def __init__(self, hosts: list[str], daemons: list[str], denials: int, first_s: int, last_s: int) -> None:
        self.hosts = hosts
        self.daemons = daemons
        self.denials = denials
        self.first_s = first_s
        self.last_s = last_s


class Memory:
    """A context that is one run; an error in it forgets what the run has noted. Each failure is a LogError."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Memory:
        try:
            self._db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            self._db.executescript(TABLES)
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._fault(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.Error as second:
            raise self._fault(second) from second
        finally:
            self._db.close()
        if isinstance(error, sqlite3.Error):
            raise self._fault(error) from error

    def _fault(self, error: sqlite3.Error) -> LogError:
        return LogError(f"{clean(self._path)}: cannot remember what was read: {error}; is it the spool's owner's?")

    def position(self, path: str) -> Position | None:
        """Return how far a log was read; None if never."""
        row = self._db.execute("SELECT inode, offset, head, head_bytes FROM log WHERE path = ?", (path,)).fetchone()
        return Position(*row) if row else None

    def note_position(self, path: str, position: Position) -> None:
        """Remember how far a log was read."""
        row = (path, position.inode, position.offset, position.head, position.head_bytes)
        self._db.execute("INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?)", row)

    def commanded_at(self) -> dict[bytes, int]:
        """Return which hosts' results came by the command file, and when."""
        return dict(self._db.execute("SELECT host, at FROM commanded"))

    def note_commanded(self, commanded_at: dict[bytes, int]) -> None:
        """Remember the last of these: only those can have a SERVICE ALERT that is not read yet."""
        latest = max(commanded_at.values(), default=0)
        rows = [(host, at_s) for host, at_s in commanded_at.items() if latest - at_s < SAME_RESULT_S]
        self._db.execute("DELETE FROM commanded")
        self._db.executemany("INSERT INTO commanded VALUES (?, ?)", rows)

    def begin_log(self) -> None:
        """Begin to count what a log says: `undo_log` forgets it again."""
        self._db.execute("SAVEPOINT log")

    def undo_log(self) -> None:
        """Forget what was counted since `begin_log`."""
        self._db.execute("ROLLBACK TO log")

    def add(self, all_seen: Iterable[Seen]) -> None:
        """Count what was seen."""
        rows = ((one.client, one.host, one.daemon, one.count, one.first_s, one.at_s) for one in all_seen)
        self._db.executemany(ADD, rows)

    def forget(self, before_s: float) -> None:
        """Forget what was seen before, and that sweeps were told of which nothing is left."""
        self._db.execute("DELETE FROM seen WHERE last < ?", (before_s,))
        self._db.execute("DELETE FROM told WHERE client NOT IN (SELECT client FROM seen)")

    def sums(self, client: bytes) -> Sums:
        """Return what is remembered of a client."""
        rows = self._db.execute("SELECT host, daemon, denials, first, last FROM seen WHERE client = ?", (client,))
        hosts, daemons, denials, firsts, lasts = zip(*rows)
        return Sums(_names(hosts), _names(daemons), sum(denials), min(firsts), max(lasts))

    def hosts_told(self, client: bytes) -> int:
        """Return which step of a sweep was told; 0 if none."""
        row = self._db.execute("SELECT hosts FROM told WHERE client = ?", (client,)).fetchone()
        return int(row[0]) if row else 0

    def note_told(self, client: bytes, hosts: int) -> None:
        """Remember that a step was told."""
        self._db.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (client, hosts))


def _names(names: Iterable[bytes]) -> list[str]:
    return sorted({name.decode(errors="replace") for name in names})
