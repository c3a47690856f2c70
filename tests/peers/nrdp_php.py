"""NRDP itself, by PHP's own web server, from the folder of its source that NRDP_SOURCE names; none of it is ours."""

from __future__ import annotations

import shutil
from pathlib import Path

from peers.programs import Program, free_port

CONFIG = """\
<?php
$cfg["authorized_tokens"] = array("{token}");
$cfg["external_commands_deny_tokens"] = array();
$cfg["require_https"] = {require_https};
$cfg["require_basic_auth"] = false;
$cfg["valid_basic_auth_users"] = array();
$cfg["nagios_command_group"] = "root";
$cfg["command_file"] = "{directory}/nagios.cmd";
$cfg["check_results_dir"] = "{directory}/checkresults";
$cfg["disable_external_commands"] = true;
$cfg["allow_old_results"] = false;
$cfg["hide_display_page"] = true;
$cfg["debug"] = false;
"""


class NrdpPhp:
    """A server on loopback, at the path /nrdp/."""

    def __init__(self, php: str, source: Path, directory: Path, require_https: bool = False) -> None:
        self.token = "s3cret-token"
        self.port = free_port()
        self._spool = directory / "checkresults"
        self._spool.mkdir(parents=True)
        shutil.copytree(source / "server", directory / "web" / "nrdp")
        text = CONFIG.format(token=self.token, directory=directory, require_https=str(require_https).lower())
        (directory / "web" / "nrdp" / "config.inc.php").write_text(text)
        argv = (php, "-S", f"127.0.0.1:{self.port}", "-t", directory / "web")
        self._program = Program(argv, self.port, directory / "log")

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._program.start()

    def stop(self) -> None:
        """End it."""
        self._program.stop()

    def lose_spool(self) -> None:
        """Remove where it puts results for Nagios."""
        self._spool.rmdir()

    @property
    def results(self) -> list[dict[str, str]]:
        """What it has put there for Nagios, in no order."""
        files = [path for path in self._spool.iterdir() if path.suffix != ".ok"]
        return [dict(line.partition("=")[::2] for line in path.read_text().splitlines()) for path in files]
