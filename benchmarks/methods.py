"""CPU time of one 4304-byte packet for each encryption method and backend, beside C send_nsca in the same run.

Both programs send many check results over one connection to the same sink, and a single one; the difference, divided by
the number of packets between them, is what one packet costs: reading, building, encrypting, sending. `alone` is the
encryption without the rest. The rounds of the two programs take turns; what is printed is the median.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measure import PASSWORD, program, run, sink, workplace
from support import namespaces
from support.streams import AVAILABLE

from tcpwrap_alert.nsca.cipher import METHODS, OWN, make_cipher

ROUNDS = 5
PACKETS = 500
PACKETS_IF_SLOW = 40  # Rijndael in Python
RECORD = b"firestorm\tTCP Wrappers\t2\tDenied sshd-203.0.113.7\n\x17"
OURS = """\
import sys
from tcpwrap_alert.commands import run
from tcpwrap_alert.nsca.cipher import METHODS
METHODS[int(sys.argv[1])].backends = (sys.argv[2],)
sys.exit(run(["send", *sys.argv[3:]]))
"""


def cpu_us(argv: list[str], packets: int) -> float:
    """Return user and system time of one run with `packets` records on its standard input, in microseconds."""
    with tempfile.NamedTemporaryFile() as records:
        records.write(RECORD * packets)
        records.flush()
        return 1e6 * run(argv, records.name, f"{packets} data packet(s) sent to host successfully.\n").cpu_s


def per_packet_us(argv: list[str], packets: int) -> float:
    """Return what one packet more costs."""
    return (cpu_us(argv, packets) - cpu_us(argv, 1)) / (packets - 1)


def alone_us(number: int, backend: str, packets: int) -> float:
    """Return the time to encrypt one packet."""
    encrypt = make_cipher(number, PASSWORD.encode(), bytes(range(128)), backend).encryptor()
    packet = os.urandom(4304)
    start = time.process_time()
    for _ in range(packets):
        encrypt(packet)
    return 1e6 * (time.process_time() - start) / packets


def main() -> None:
    """Print the table."""
    namespaces.enter()
    print("method              by            alone µs   send µs   C send_nsca µs   send / C")
    with sink() as port:
        for number, backend in AVAILABLE:
            with workplace(encryption_method=number) as directory:
                print(_line(number, backend, ["-H", "127.0.0.1", "-p", str(port), "-c"], directory), flush=True)


def _line(number: int, backend: str, options: list[str], directory: Path) -> str:
    packets = PACKETS_IF_SLOW if backend == OWN and number > 1 else PACKETS
    ours = [sys.executable, "-c", OURS, str(number), backend, *options, str(directory / "send_nsca.cfg")]
    c_client = [program("send_nsca"), *options, str(directory / "c_send_nsca.cfg")]
    rounds = [(per_packet_us(ours, packets), per_packet_us(c_client, packets)) for _ in range(ROUNDS)]
    send_us, c_us = (statistics.median(times) for times in zip(*rounds))
    encrypt_us = statistics.median(alone_us(number, backend, packets // 4) for _ in range(ROUNDS))
    label = f"{number:2} {METHODS[number].name}"
    return f"{label:19} {backend:12} {encrypt_us:9.0f} {send_us:9.0f} {c_us:16.0f} {send_us / c_us:10.2f}"


if __name__ == "__main__":
    main()
