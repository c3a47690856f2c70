"""One step: what is wanted, whether it is there, how it is made and how it is undone.

So one list of steps is printed by --dry-run, carried out, found in place by the next run, and undone by --remove. A
step changes nothing where somebody else has made what it wants: what it undoes is its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence

from ..errors import TcpwrapAlertError

MADE = "Made by 'tcpwrap-alert setup'. 'tcpwrap-alert setup --remove' takes it away."


class NotDone(TcpwrapAlertError):
    """A step cannot be done: what, why, and what to do."""

    exit_status = 1


class Step:
    """Something that this host should have.

    Attributes:
        what: its name for people.
    """

    what = ""

    def is_there(self) -> bool:
        """Return whether there is nothing to do."""
        raise NotImplementedError

    def how(self) -> str:
        """Return what `do` will do. Raises NotDone if that is known not to work."""
        raise NotImplementedError

    def do(self) -> None:
        """Make it. Raises NotDone, or OSError."""
        raise NotImplementedError

    def is_ours(self) -> bool:
        """Return whether it is there, and setup has made it."""
        raise NotImplementedError

    def how_undone(self) -> str:
        """Return what `undo` will do, or keep."""
        raise NotImplementedError

    def undo(self) -> None:
        """Take it away. Raises NotDone, or OSError."""
        raise NotImplementedError


def carry_out(steps: Iterable[Step], tell: Callable[[str], None], *, is_dry_run: bool) -> bool:
    """Do what is not there, and tell each step. Raises NotDone at the first that cannot be done.

    A dry run tells that and goes on. Returns whether all steps are, or could be, done.
    """
    can_be_done = True
    for step in steps:
        try:
            _carry_out(step, tell, is_dry_run)
        except NotDone as error:
            if not is_dry_run:
                raise
            tell(f"cannot: {error}")
            can_be_done = False
    return can_be_done


def _carry_out(step: Step, tell: Callable[[str], None], is_dry_run: bool) -> None:
    try:
        if step.is_there():
            tell(f"is there: {step.what}")
            return
        how = step.how()
        if not is_dry_run:
            step.do()
    except OSError as error:
        raise _not_done(step, error) from error
    tell(f"{'would' if is_dry_run else 'done:'} {how}")


def undo(steps: Sequence[Step], tell: Callable[[str], None], *, is_dry_run: bool) -> None:
    """Undo what setup has made, the last step first, and tell each. Raises NotDone as `carry_out`."""
    for step in reversed(steps):
        try:
            if not step.is_ours():
                tell(f"not made by setup, so left: {step.what}" if step.is_there() else f"not there: {step.what}")
                continue
            how = step.how_undone()
            if not is_dry_run:
                step.undo()
        except OSError as error:
            raise _not_done(step, error) from error
        tell(f"{'would' if is_dry_run else 'done:'} {how}")


def _not_done(step: Step, error: OSError) -> NotDone:
    where = f"{error.filename}: " if error.filename else ""
    return NotDone(f"{step.what}: {where}{error.strerror or error}")


def run(*argv: str) -> str:
    """Run a program and return its output. Raises NotDone with what it says, or that it is missing."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotDone(f"there is no program {argv[0]}; install it, then run setup again") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().replace("\n", "; ")
        raise NotDone(f"{' '.join(argv)}: {said or f'exit status {done.returncode}'}")
    return done.stdout
