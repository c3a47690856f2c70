"""Who on a machine asks libwrap, by which names, and who may be ended by a twist."""

from __future__ import annotations

import pytest
from support.elf import program
from support.machine import LINKED, NOT_LINKED

from tcpwrap_alert.libwrap import daemons

FILES = {
    "/usr/sbin/sshd": LINKED,
    "/usr/sbin/in.tftpd": LINKED,
    "/usr/sbin/rpc.mountd": LINKED,
    "/usr/sbin/mosquitto": NOT_LINKED,
    "/usr/bin/od": NOT_LINKED,
    "/usr/bin/script": "#!/bin/sh\nexec /usr/sbin/vsftpd\n",
    "/etc/inetd.conf": "#x stream tcp nowait root /bin/od od\ny stream tcp nowait root /usr/sbin/tcpd /bin/cat -u\n",
    "/etc/xinetd.d/ftp": "service ftp\n{\n    server = /usr/sbin/in.ftpd\n#    server = /usr/sbin/in.oldd\n}\n",
    "/etc/stunnel/mail.conf": "cert = x\n[pop3s]\nlibwrap = yes\n[ssmtp]\n",
    "/etc/stunnel/other.conf": "libwrap = no\n[imaps]\n",
}


@pytest.fixture
def server(machine):
    """A machine with the files above."""
    for path, content in FILES.items():
        machine.add(path, content)
    return machine


def ended_by_twist():
    return sorted(asker.name for asker in daemons.askers().values() if not asker.has_process_per_client)


@pytest.mark.parametrize("name", ["sshd", "SSHD", "in.tftpd", "mountd", "cat", "in.ftpd", "pop3s", "ssmtp", "script"])
def test_these_ask(server, name):
    assert daemons.why_never_asked(name) is None


@pytest.mark.parametrize("name", ["in.oldd", "imaps", "a"])
def test_nothing_has_such_a_name(server, name):
    assert daemons.why_never_asked(name) == ""


@pytest.mark.parametrize(
    "names", ["ssh sshd", "sshd2 sshd", "tftpd in.tftpd", "tftp in.tftpd", "shd sshd", "rpc.mountd mountd"]
)
def test_name_that_is_nearly_right_is_corrected(server, names):
    name, meant = names.split()
    server.add("/usr/bin/ssh", NOT_LINKED)
    assert daemons.why_never_asked(name) == f"did you mean {meant}?"


def test_program_without_the_library_never_asks(server):
    assert daemons.why_never_asked("od") == f"{server.root}/usr/bin/od is not linked with libwrap"


def test_sshd_may_ask_in_another_program(server):
    """From OpenSSH 9.8 on, as in Debian 13."""
    server.add("/usr/sbin/sshd", NOT_LINKED)
    assert daemons.why_never_asked("sshd") == f"{server.root}/usr/sbin/sshd is not linked with libwrap"
    server.add("/usr/lib/openssh/sshd-session", LINKED)
    assert daemons.why_never_asked("sshd") is None
    assert daemons.askers()["sshd"].has_process_per_client


def test_library_asks_for_its_program(machine):
    """As snmpd's and bacula-fd's do; libraries that need each other are no trap."""
    machine.add("/usr/sbin/snmpd", program("libagent.so.40", "libc.so.6"))
    machine.add("/usr/sbin/bacula-fd", program("libbac-9.so"))
    machine.add("/usr/lib/x86_64-linux-gnu/libagent.so.40", program("libother.so.1"))
    machine.add("/usr/lib/x86_64-linux-gnu/libother.so.1", program("libagent.so.40", "libwrap.so.0"))
    machine.add("/usr/lib/bacula/libbac-9.so", LINKED)
    assert set(daemons.askers()) == {"snmpd", "bacula-fd"}


@pytest.mark.parametrize(
    "program", ["socat", "bacula-fd", "sslh-select", "p910nd", "rpcbind", "slapd", "conserver", "a-daemon-of-ours"]
)
def test_twist_may_end_whatever_is_linked(machine, program):
    machine.add(f"/usr/sbin/{program}", LINKED)
    assert ended_by_twist() == [program]


def test_atftpd_asks_as_in_tftpd(machine):
    machine.add("/usr/sbin/atftpd", LINKED)
    assert ended_by_twist() == ["in.tftpd"]


@pytest.mark.parametrize("program", ["sshd", "nrpe", "vsftpd"])
def test_process_per_client_survives_twist(machine, program):
    machine.add(f"/usr/sbin/{program}", LINKED)
    assert program in daemons.askers()
    assert ended_by_twist() == []


@pytest.mark.parametrize("program", ["tcpd", "tcpdmatch", "inetd", "xinetd", "stunnel4", "slapcat"])
def test_tool_is_no_daemon(machine, program):
    machine.add(f"/usr/sbin/{program}", LINKED)
    assert daemons.askers() == {}


def test_server_behind_tcpd_survives_twist(server):
    assert ended_by_twist() == ["in.tftpd", "mountd", "pop3s", "ssmtp"]
    assert daemons.askers()["cat"].has_process_per_client


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("/etc/systemd/system/x.service", "ExecStart=socat TCP-L:1,fork,tcpwrap=relay -", "relay"),
        ("/etc/default/x", 'OPTIONS="TCP-LISTEN:1,fork,tcpwrappers=relay2"', "relay2"),
        ("/etc/systemd/system/x@.service", "ExecStart=-/usr/sbin/tcpd /usr/sbin/in.telnetd", "in.telnetd"),
        ("/etc/sslh.cfg", 'protocols: ( { name: "ssh"; service: "sshbehind"; } );', "sshbehind"),
        ("/etc/bacula/bacula-fd.conf", 'FileDaemon {\n  Name = "db1-fd"\n}', "db1-fd"),
        ("/etc/cyrus.conf", 'SERVICES {\n  imapplain cmd="imapd" listen="imap"\n}', "imapplain"),
        ("/etc/proftpd/proftpd.conf", "TCPServiceName ftp-of-ours", "ftp-of-ours"),
        ("/etc/stunnel/inetd.conf", "libwrap = yes\nservice = pop3s\n", "pop3s"),
        ("/etc/inetd.conf", "ftp stream tcp nowait root /usr/sbin/in.ftpd", "in.ftpd"),
    ],
)
def test_name_is_looked_up_in_configurations(machine, path, text, name):
    machine.add(path, text)
    assert daemons.why_never_asked(name) is None
    assert daemons.why_never_asked("no-such-daemon") == ""


@pytest.mark.parametrize("name", ["imap", "pop3", "sieve"])
def test_dovecot_asks_by_its_services(machine, name):
    machine.add("/usr/lib/dovecot/tcpwrap", LINKED)
    assert daemons.why_never_asked(name) is None


@pytest.mark.parametrize("program", ["socat", "sslh"])
def test_name_on_a_command_line_is_passed_over(machine, program):
    """Nobody can look there; but a name that is nearly another is told all the same."""
    machine.add(f"/usr/bin/{program}", LINKED)
    machine.add("/usr/sbin/sshd", LINKED)
    assert daemons.why_never_asked("no-such-daemon") is None
    assert daemons.why_never_asked("ssh") == "did you mean sshd?"


def test_machine_without_any_of_this(machine):
    assert daemons.askers() == {}
    assert daemons.why_never_asked("sshd") == ""
