"""The real Nagios 4 of Debian, with its own templates and the example's objects, in directories of this test's own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from peers.nsca_daemon import wait_for
from support import namespaces

ROOT = Path("/var/lib/nagios4")
ETC = Path("/etc/nagios4")
EXAMPLE = Path(__file__).parents[2] / "examples" / "nagios" / "tcp-wrappers.cfg"
COMMAND_FILE = ROOT / "rw" / "nagios.cmd"
NOTIFIED = ROOT / "notified"
OURS = ("commands", "contacts", "templates", "timeperiods")
SETTINGS = f"""\
log_file={ROOT}/nagios.log
resource_file={ETC}/resource.cfg
object_cache_file={ROOT}/objects.cache
status_file={ROOT}/status.dat
status_update_interval=1
nagios_user=nagios
nagios_group=nagios
check_external_commands=1
command_file={COMMAND_FILE}
query_socket={ROOT}/rw/nagios.qh
lock_file={ROOT}/nagios.pid
temp_file={ROOT}/nagios.tmp
temp_path={ROOT}
check_result_path={ROOT}/spool/checkresults
check_result_reaper_frequency=1
use_syslog=0
log_notifications=1
log_passive_checks=1
retain_state_information=0
check_for_updates=0
check_workers=2
check_service_freshness=1
service_freshness_check_interval=1
additional_freshness_latency=0
"""


class Nagios:
    """One Nagios; with `freshness_threshold_s` in place of the example's two hours, `silent_s` of its 15 minutes."""

    def __init__(self, program: str, freshness_threshold_s: int = 7200, silent_s: int = 900) -> None:
        namespaces.mount_tmpfs(str(ROOT))
        for directory in ("rw", "spool/checkresults", "objects"):
            (ROOT / directory).mkdir(parents=True)
        self._program = program
        self.config = ROOT / "nagios.cfg"
        objects = {name: (ETC / "objects" / f"{name}.cfg").read_text() for name in OURS}
        # Notifications are counted; no mail is to leave the test.
        objects["commands"] = re.sub(r"/usr/bin/mail.*", f"grep '^Notification Type' >>{NOTIFIED}", objects["commands"])
        example = EXAMPLE.read_text()
        assert example.count("7200") == example.count("900") == 1
        objects["tcp-wrappers"] = example.replace("900", str(silent_s)).replace("7200", str(freshness_threshold_s))
        for name, text in objects.items():
            (ROOT / "objects" / f"{name}.cfg").write_text(text)
        files = "".join(f"cfg_file={ROOT}/objects/{name}.cfg\n" for name in objects)
        self.config.write_text(files + SETTINGS)
        subprocess.run(["chown", "-R", "nagios:nagios", str(ROOT)], check=True)
        self._process: subprocess.Popen[bytes] | None = None

    def verify(self) -> str:
        """Return what `nagios4 -v` says about the configuration; it must find nothing wrong."""
        done = subprocess.run([self._program, "-v", str(self.config)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self) -> None:
        """Start, and return when it reads its command file."""
        self._process = subprocess.Popen([self._program, str(self.config)], stdout=subprocess.DEVNULL)
        wait_for(lambda: COMMAND_FILE.is_fifo() and (ROOT / "status.dat").exists(), "Nagios does not start")

    def halt(self) -> None:
        """Let it end, as before a restart; the pipe is gone then."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            namespaces.end_processes(str(self.config))
            self._process = None

    def stop(self) -> None:
        """Stop it, and give the machine its directory back."""
        self.halt()
        namespaces.run("umount", "--lazy", str(ROOT))  # a worker may still be at it

    def service(self, name: str = "TCP Wrappers") -> dict[str, str]:
        """Return a service as status.dat has it."""
        text = (ROOT / "status.dat").read_text()
        blocks = re.findall(r"^servicestatus \{\n(.*?)^\t\}", text, re.DOTALL | re.MULTILINE)
        services = [dict(line.strip().split("=", 1) for line in block.splitlines()) for block in blocks]
        (found,) = [service for service in services if service["service_description"] == name]
        return found

    def notified(self) -> int:
        """Return how often the notification command has been run."""
        return len(NOTIFIED.read_text().splitlines()) if NOTIFIED.exists() else 0

    def logged(self, kind: str) -> list[str]:
        """Return what follows `kind: ` in the log's lines of that kind."""
        lines = (ROOT / "nagios.log").read_text().splitlines()
        return [line.partition(f"] {kind}: ")[2] for line in lines if f"] {kind}: " in line]
