"""`tcpwrap-alert send` as scripts call it: options, messages, exit statuses; nothing is lost, nothing hangs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest
from peers.fake_daemon import OLD_PACKET_SIZE, closes, silent, stock
from peers.nsca_daemon import wait_for
from support import results
from support.messages import one_line

PASSWORD = results.PASSWORD.decode()
ETB = "\x17"
RECORD = "h\ts\t0\tfine\n"
FINE = ("h", "s", 0, "fine")
ONE_SENT = "1 data packet(s) sent to host successfully.\n"
NONE_SENT = "0 data packet(s) sent to host successfully.\n"
CLOSED_PORT = 1


@pytest.fixture
def daemon(start, write_config):
    """A daemon that the test's configuration names."""
    daemon = start()
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD)
    return daemon


@pytest.fixture
def send(run):
    """Run `send` with an input and return its status and output."""

    def run_send(*flags, data=RECORD, **kwargs):
        text = data if isinstance(data, str) else data.decode(errors="surrogateescape")
        return run("tcpwrap-alert", "send", *flags, input=text, errors="surrogateescape", **kwargs)

    return run_send


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def received(daemon, number=0):
    return results.fields_of(daemon.connection(number).packets)


# Where to send to


def test_without_host_the_configured_server_is_taken(send, daemon):
    assert outcome(send()) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


@pytest.mark.parametrize(
    "arguments",
    [
        "127.0.0.1 -p PORT",
        "-H 127.0.0.1 -p PORT",
        "-p PORT -H localhost",
        "-pPORT 127.0.0.1",
        "127.0.0.1:PORT",
        "-H localhost:PORT",
        "nsca://127.0.0.1:PORT",
        "127.0.0.1:1 -p PORT",
        "-H 127.0.0.1 -p PORT 192.0.2.7",
    ],
)
def test_forms_of_the_host(send, start, write_config, arguments):
    daemon = start()
    write_config(server=f"192.0.2.9:{CLOSED_PORT}", password=PASSWORD)
    assert outcome(send(*arguments.replace("PORT", str(daemon.port)).split())) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


@pytest.mark.parametrize("arguments", ["::1 -p PORT", "[::1]:PORT", "-H [::1]:PORT"])
def test_forms_of_an_ipv6_address(send, start, write_config, isolated, arguments):
    daemon = start(address="::1")
    write_config(password=PASSWORD)
    assert outcome(send(*arguments.replace("PORT", str(daemon.port)).split())) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_another_configuration(send, start, write_config, tmp_path, option):
    daemon = start(method=14)
    write_config(server=f"127.0.0.1:{CLOSED_PORT}")
    other = tmp_path / "other.cfg"
    other.write_text(f"server=127.0.0.1:{daemon.port}\nencryption_method=14\npassword={PASSWORD}\n")
    other.chmod(0o600)
    assert outcome(send(option, str(other))) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


def test_a_configuration_of_the_c_client_and_a_host(send, start, write_config):
    daemon = start()
    write_config(password=PASSWORD, encryption_method=1)
    assert outcome(send("127.0.0.1", "-p", str(daemon.port))) == (0, ONE_SENT, "")


@pytest.mark.parametrize("by", ["option", "configuration"])
def test_the_2_7_layout(send, start, write_config, by):
    daemon = start(packet_size=OLD_PACKET_SIZE)
    values = {"legacy_2_7_mode": "true"} if by == "configuration" else {}
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD, **values)
    done = send(*(["--legacy-2-7-mode"] if by == "option" else []), data=RECORD + "h\t1\tdown\n")
    assert outcome(done) == (0, ONE_SENT.replace("1", "2"), "")
    assert [received(daemon, number) for number in (0, 1)] == [[FINE], [("h", "", 1, "down")]]


# What is sent


@pytest.mark.parametrize(
    ("flags", "data"),
    [
        ((), "a\ts\t0\tx\nmore\na\t1\ty\n"),
        ((), f"a\ts\t0\tx\nmore{ETB}a\t1\ty\n{ETB}\n"),
        (("-d", ";"), "a;s;0;x\nmore\na;1;y\n"),
        (("-d;",), "a;s;0;x\nmore\na;1;y\n"),
        (("-d", ";;"), "a;;s;;0;x\nmore\na;;1;;y\n"),
        (("-d", ", "), "a,s, 0,x\nmore\na, 1,y\n"),
        (("-d", "|x"), "a|s|0|x\nmore\na|1|y\n"),
        (("-d", "0x2c"), "a,s,0,x\nmore\na,1,y\n"),
        (("-d", "44"), "a,s,0,x\nmore\na,1,y\n"),
        (("-d", "054"), "a,s,0,x\nmore\na,1,y\n"),
        (("-d", "0xFF"), b"a\xffs\xff0\xffx\nmore\na\xff1\xffy\n"),
        (("-d", " "), "a s  0 x\nmore\na   1   y\n"),
        (("-ds", "@"), "a\ts\t0\tx\nmore@a\t1\ty"),
        (("-ds", "@@"), "a\ts\t0\tx\nmore@@a\t1\ty@@"),
        (("-ds", "0x40"), "a\ts\t0\tx\nmore@a\t1\ty"),
        (("-ds", "64"), "a\ts\t0\tx\nmore@a\t1\ty"),
        (("-ds", ""), "a\ts\t0\tx\nmore\0a\t1\ty"),
        (("-ds", "0x00"), "a\ts\t0\tx\nmore\0a\t1\ty"),
    ],
)
def test_delimiters_of_fields_and_records(send, daemon, flags, data):
    assert outcome(send(*flags, data=data)) == (0, ONE_SENT.replace("1", "2"), "")
    assert received(daemon) == [("a", "s", 0, "x\nmore"), ("a", "", 1, "y")]


def test_single_result(send, daemon):
    data = RECORD + RECORD + f"h\t1\tdown{ETB}\n"
    assert outcome(send("--single-result", data=data)) == (0, ONE_SENT, "")
    assert received(daemon) == [("h", "s", 0, "fine\nh\ts\t0\tfine\nh\t1\tdown?")]


def test_single_result_spooled(send, daemon, spool_dir):
    assert outcome(send("--single-result", "--spool", "-d", ";", data="h;s;127;\nx;1;y")) == (0, ONE_SENT, "")
    assert received(daemon) == [("h", "s", 3, "(return code 127) \nx;1;y")]


@pytest.mark.parametrize("flags", [(), ("--spool",)], ids=["", "spool"])
def test_empty_output_and_other_return_codes(send, daemon, spool_dir, flags):
    done = send(*flags, data=ETB.join(["h\ts\t2\t\n", "h\t1\t", "h\ts\t127\tnot found | a=1", "h\ts\t-1\t"]))
    assert outcome(done) == (0, ONE_SENT.replace("1", "4"), "")
    told = [("h", "s", 3, "(return code 127) not found | a=1"), ("h", "s", 3, "(return code -1)")]
    assert received(daemon) == [("h", "s", 2, ""), ("h", "", 1, ""), *told]


def test_table_in_the_output_is_no_host_check(send, daemon):
    data = "h\tDisk\t2\tfull\n/dev/sda1\t98\t/\n/dev/sdb1\t2\t/home\n"
    assert outcome(send(data=data)) == (0, ONE_SENT, "")
    assert received(daemon) == [("h", "Disk", 2, "full\n/dev/sda1\t98\t/\n/dev/sdb1\t2\t/home")]


def test_quiet(send, daemon):
    assert outcome(send("--quiet")) == (0, "", "")
    assert received(daemon) == [FINE]


def test_faults_are_told_by_line_and_the_rest_is_sent(send, daemon):
    done = send(data="\nWarning: x\n\n" + RECORD + "h\ts\tCRITICAL\tout\n" + RECORD + "h\t\t2\tout\n\th\ts\t2\tout\n")
    assert (done.returncode, done.stdout) == (3, ONE_SENT.replace("1", "2"))
    assert done.stderr.splitlines() == [
        "tcpwrap-alert: line 2: 'Warning: x' is no record of host name, [service description,] state, output; not sent",
        "tcpwrap-alert: line 5: state 'CRITICAL' is a word; write 2; not sent",
        "tcpwrap-alert: line 7: the service description is empty; "
        "a host check has three fields: host name, state, output; not sent",
        "tcpwrap-alert: line 8: a delimiter where the host name belongs; not sent",
    ]
    assert received(daemon) == [FINE, FINE]


def test_nothing_but_faults(send, daemon):
    done = send("--quiet", data="h\ts\tCRITICAL\tout\n")
    assert (done.returncode, done.stdout) == (3, "")
    assert one_line(done.stderr) == "tcpwrap-alert: line 1: state 'CRITICAL' is a word; write 2; not sent\n"
    assert daemon.connections == []


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_a_fault_that_nobody_reads_costs_no_result(run, daemon, redirection):
    script = f"printf 'h\\ts\\tX\\tout\\nh\\ts\\t0\\tfine\\n' | tcpwrap-alert send --quiet {redirection}"
    run("sh", "-c", script)
    assert received(daemon) == [FINE]


@pytest.mark.parametrize("data", ["", "\n", "\r\n \n", ETB, f"\n{ETB}\n{ETB}"], ids=repr)
def test_nothing_to_send(send, daemon, data):
    assert outcome(send(data=data)) == (2, NONE_SENT, "")
    assert outcome(send("--quiet", data=data)) == (2, "", "")
    assert daemon.connections == []


@pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null"])
def test_an_input_that_cannot_be_read(run, daemon, redirection):
    done = run("sh", "-c", f"tcpwrap-alert send {redirection}")
    assert (done.returncode, done.stdout) == (3, "")
    assert one_line(done.stderr) == "tcpwrap-alert: cannot read standard input: Bad file descriptor\n"


# What can go wrong


def test_nobody_listens(send, write_config):
    write_config(server=f"127.0.0.1:{CLOSED_PORT}")
    expected = "tcpwrap-alert: Error: Could not connect to host 127.0.0.1 on port 1: connection refused\n"
    assert outcome(send()) == (2, "", expected)
    assert outcome(send("--quiet")) == (2, "", expected)


def test_proxy_that_is_down_is_named(run, write_config):
    write_config(server="127.0.0.1:2", proxy="http://127.0.0.1:1", verdict="auto")
    done = run("tcpwrap-alert", "send", input="h\ts\t0\to\n")
    assert done.returncode == 2
    assert "host 127.0.0.1 on port 2 through proxy 127.0.0.1:1: connection refused" in done.stderr


def test_a_name_that_does_not_resolve(send, write_config):
    write_config(password=PASSWORD)
    done = send("nagios.invalid")
    assert (done.returncode, done.stdout) == (2, "")
    expected = "tcpwrap-alert: Error: Could not connect to host nagios.invalid on port 5667: the name"
    assert one_line(done.stderr).startswith(expected)


def test_silent_server_holds_until_timeout(send, start, write_config):
    daemon = start(silent)
    write_config(server=f"127.0.0.1:{daemon.port}", timeout=200)
    begin = time.monotonic()
    done = send("-to", "0.5")
    assert 0.5 <= time.monotonic() - begin < 5
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).startswith("tcpwrap-alert: Error: Timeout after 0.5 seconds (127.0.0.1:")


def test_server_that_never_closes_holds_until_timeout(send, start, write_config):
    def never_closes(connection):
        stock(connection)
        connection.hold()

    write_config(server=f"127.0.0.1:{start(never_closes).port}", password=PASSWORD, timeout=0.5)
    done = send()
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).startswith("tcpwrap-alert: Error: Timeout after 0.5 seconds (127.0.0.1:")
    assert "may or may not have taken" in done.stderr


def test_a_wrong_password(send, daemon, write_config):
    write_config(server=f"127.0.0.1:{daemon.port}", password="else")
    done = send()
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).startswith(
        f"tcpwrap-alert: Error: 127.0.0.1:{daemon.port}: the NSCA server rejected the packets"
    )
    assert "wrong password" in done.stderr


def test_what_was_delivered_before_an_error_is_counted(send, start, write_config):
    behaviours = iter([stock, closes])
    daemon = start(lambda connection: next(behaviours)(connection), packet_size=OLD_PACKET_SIZE)
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD, legacy_2_7_mode="true")
    done = send(data=RECORD * 3)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).endswith("; 1 data packet(s) before it were sent\n")
    assert received(daemon) == [FINE]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("passwort=x\n", ":1: unknown key 'passwort'; did you mean password?"),
        ("server=a\nencryption_method=7\n", ":2: encryption_method 7 (3-WAY): no NSCA server can use it"),
        (None, ": cannot read the configuration: No such file or directory"),
    ],
)
def test_a_configuration_that_cannot_be_used(send, tmp_path, content, expected):
    path = tmp_path / "send_nsca.cfg"
    if content:
        path.write_text(content)
    done = send("127.0.0.1", "-p", str(CLOSED_PORT))
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).startswith(f"tcpwrap-alert: Error: {path}{expected}")


def test_no_host_anywhere(send, write_config):
    path = write_config(password=PASSWORD)
    text = f"tcpwrap-alert: {path}: no host to send to: name one, or add a line like server=nagios.example\n"
    assert outcome(send()) == (3, "", text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--bogus",), "No such option"),
        (("-x",), "No such option"),
        (("127.0.0.1", "5667"), "unexpected extra argument"),
        (("-p",), "requires an argument"),
        (("-p", "0"), "'-p'"),
        (("-p", "65536"), "'-p'"),
        (("-p", "nsca"), "'-p'"),
        (("-to", "0"), "'-to'"),
        (("-to", "-1"), "'-to'"),
        (("-to", "soon"), "'-to'"),
        (("-to", "nan"), "timeout_s nan is not above 0"),
        (("-d", ""), "'' is not a character, or the code of one like 0x09 or 44"),
        (("-d", "\\t"), "'\\t' is not a character"),
        (("-d", "ö"), "'ö' is not a character"),
        (("-d", "0x"), "'0x' is not a character"),
        (("-d", "0x00"), "'0x00' is not a character"),
        (("-d", "0x100"), "'0x100' is not a character"),
        (("-d", "0x-9"), "'0x-9' is not a character"),
        (("-d", "256"), "'256' is not a character"),
        (("-d", "09"), "'09' is not a character"),
        (("-d", "4_4"), "'4_4' is not a character"),
        (("-d", "-9"), "'-9' is not a character"),
        (("-d", "9" * 5000), "is not a character"),
        (("-ds", "0xg"), "'0xg' is not a character"),
        (("-ds", "ö"), "'ö' is not a character"),
        (("-ds", "@", "--single-result"), "--single-result takes all input as one check result, so -ds cannot end"),
        (("-ds", "0x09"), "the delimiter between fields cannot be what ends a check result"),
        (("-d", ";", "-ds", ";"), "the delimiter between fields cannot be"),
        (("-d", "0x17"), "the delimiter between fields cannot be"),
        (("-d", ";;", "-ds", ";"), "the delimiter between fields cannot be"),
        (("-d", ";", "-ds", ";;"), "the delimiter between fields cannot be"),
        (("-d", "0x0a"), "the delimiter between fields cannot be"),
        (("icinga2://127.0.0.1",), "is no NSCA server (icinga2), and send speaks NSCA"),
        (("[::1",), "is not of the form [address]:port"),
        (("127.0.0.1:65536",), "port 65536 is not between 1 and 65535"),
        (("-H", "two words"), "is not a name"),
        (("-c",), "requires an argument"),
    ],
)
def test_usage(send, daemon, arguments, expected):
    done = send(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert one_line(done.stderr).startswith("tcpwrap-alert: ")
    assert expected in done.stderr
    assert daemon.connections == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(send, option):
    done = send(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert [
        flag for flag in ("-H", "-p", "-to", "-d", "-ds", "-c", "--quiet", "--spool") if f" {flag}" not in done.stdout
    ] == []


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(send, option):
    done = send(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tcpwrap-alert, version ")


def test_readable_password_warns_on_a_terminal_only(send, daemon, tmp_path):
    path = tmp_path / "send_nsca.cfg"
    path.chmod(0o644)
    assert outcome(send()) == (0, ONE_SENT, "")
    ours, theirs = pty.openpty()
    subprocess.run(
        ["tcpwrap-alert", "send"], input=RECORD, text=True, stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    assert os.read(ours, 4096).decode().startswith(f"tcpwrap-alert: warning: {path}: everybody may read the password")
    os.close(ours)


# With the spool


@pytest.fixture
def waiting(waiting):
    """Return the fields of what waits."""
    fields = ("host_name", "service_description", "return_code", "plugin_output")
    return lambda: [tuple(map(row.get, fields)) for row in waiting()]


def test_without_spool_nothing_is_kept(send, waiting, spool_dir, write_config):
    write_config(server=f"127.0.0.1:{CLOSED_PORT}")
    assert send().returncode == 2
    assert waiting() == []


def test_spool_while_the_monitor_is_up(send, daemon, waiting, spool_dir):
    assert outcome(send("--spool", data=RECORD * 3)) == (0, ONE_SENT.replace("1", "3"), "")
    assert received(daemon) == [FINE] * 3
    assert waiting() == []


def test_spool_while_the_monitor_is_down_and_replay(run, send, start, waiting, spool_dir, write_config):
    write_config(server=f"127.0.0.1:{CLOSED_PORT}", password=PASSWORD)
    done = send("--spool", data=RECORD + "h\t1\tdown\n\\back\\slash\n")
    assert (done.returncode, done.stdout) == (75, "")
    expected = "127.0.0.1:1: connection refused; 2 check results kept in the spool; the next replay tries again\n"
    assert one_line(done.stderr) == f"tcpwrap-alert: {expected}"
    assert waiting() == [FINE, ("h", "", 1, "down\n\\back\\slash")]
    daemon = start()
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD)
    assert outcome(run("tcpwrap-alert", "replay")) == (0, "", "")
    assert received(daemon) == [FINE, ("h", "", 1, "down\n\\back\\slash")]
    assert waiting() == []


def test_spool_and_a_wrong_password(send, daemon, waiting, spool_dir, write_config):
    write_config(server=f"127.0.0.1:{daemon.port}", password="else")
    done = send("--spool")
    assert (done.returncode, done.stdout) == (77, "")
    assert one_line(done.stderr).endswith("; kept in the spool until this is put right; then replay delivers\n")
    assert waiting() == [FINE]


def test_spool_and_a_broken_configuration(send, tmp_path, spool_dir):
    path = tmp_path / "send_nsca.cfg"
    path.write_text("nonsense\n")
    done = send("--spool")
    assert (done.returncode, done.stdout) == (78, "")
    assert one_line(done.stderr).startswith(f"tcpwrap-alert: {path}:1: not of the form key=value; kept in the spool")
    assert len(os.listdir(spool_dir / "new")) == 1


def test_spool_and_another_configuration(send, daemon, write_config, tmp_path, spool_dir):
    other = tmp_path / "other.cfg"
    (tmp_path / "send_nsca.cfg").rename(other)
    write_config(server=f"127.0.0.1:{CLOSED_PORT}")
    assert outcome(send("--spool", "-c", str(other))) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


def test_spool_and_faults(send, daemon, spool_dir):
    done = send("--spool", data="h\ts\tCRIT\tout\n" + RECORD)
    assert (done.returncode, done.stdout) == (3, ONE_SENT)
    assert one_line(done.stderr).startswith("tcpwrap-alert: line 1: state 'CRIT'")
    assert received(daemon) == [FINE]


def test_spool_and_nothing_to_send(send, daemon, spool_dir):
    assert outcome(send("--spool", data="\n")) == (2, NONE_SENT, "")


@pytest.mark.parametrize(
    "arguments", ["127.0.0.2", "-H 127.0.0.2", "-p 5667", "-to 5", "--legacy-2-7-mode"], ids=lambda text: text
)
def test_spool_with_another_monitor_is_an_error(send, daemon, spool_dir, arguments):
    done = send("--spool", *arguments.split())
    assert (done.returncode, done.stdout) == (3, "")
    assert one_line(done.stderr).startswith("tcpwrap-alert: --spool delivers to the server of the configuration; set")
    assert os.listdir(spool_dir / "new") == []


def test_spool_with_the_configurations_own_monitor(send, daemon, spool_dir):
    same = ["-H", "127.0.0.1", "-p", str(daemon.port), "-to", "10"]
    assert outcome(send("--spool", *same)) == (0, ONE_SENT, "")
    assert received(daemon) == [FINE]


def test_spool_with_a_host_and_a_broken_configuration(send, write_config, waiting):
    write_config(nonsense=1)
    assert send("--spool", "127.0.0.1").returncode == 78
    assert len(waiting()) == 1


def test_spool_with_a_bad_record_shows_in_the_status(send, write_config, waiting):
    write_config(server=f"127.0.0.1:{CLOSED_PORT}")
    done = send("--spool", data="h\t9\tx\n" + RECORD)
    assert done.returncode == 3
    bad, kept = done.stderr.splitlines()
    assert bad.startswith("tcpwrap-alert: line 1: state '9'")
    assert kept.endswith("kept in the spool; the next replay tries again")
    assert len(waiting()) == 1


# Slow producers and signals


@pytest.fixture
def sending(daemon):
    """`send` on a pipe, with a record under way: it has arrived, and the input has not ended."""
    process = subprocess.Popen(
        ["tcpwrap-alert", "send"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdin.write(RECORD + ETB)
    process.stdin.flush()
    wait_for(lambda: daemon.connections and daemon.connections[0].packets, "not sent before the input ends")
    yield process
    process.kill()
    process.communicate()


def test_a_record_is_sent_when_it_is_complete(sending, daemon):
    assert results.fields_of(daemon.connections[0].packets) == [FINE]
    assert sending.communicate(RECORD, timeout=20) == (ONE_SENT.replace("1", "2"), "")
    assert sending.returncode == 0
    assert received(daemon) == [FINE, FINE]


def test_interrupted(sending, daemon):
    sending.send_signal(signal.SIGINT)
    stdout, stderr = sending.communicate(timeout=20)
    assert (sending.returncode, stdout, stderr.strip()) == (130, "", "")
    assert received(daemon) == [FINE]


def test_terminated(sending):
    sending.terminate()
    assert sending.communicate(timeout=20) == ("", "")
    assert sending.returncode == -signal.SIGTERM


def test_a_reader_that_is_gone_is_no_bug(daemon):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        ["tcpwrap-alert", "send"],
        input=RECORD,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(theirs)
    assert done.stderr == ""
    assert received(daemon) == [FINE]


@pytest.mark.parametrize("flags", [(), ("--spool",)], ids=["", "spool"])
def test_an_input_that_does_not_block(daemon, spool_dir, flags):
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    process = subprocess.Popen(
        ["tcpwrap-alert", "send", "--quiet", *flags], stdin=ours, stderr=subprocess.PIPE, text=True
    )
    os.close(ours)
    os.write(theirs, (RECORD + ETB).encode())
    arrivals = (lambda: os.listdir(spool_dir / "new")) if flags else (lambda: daemon.connections)
    wait_for(arrivals, "not taken before the input ends")
    os.close(theirs)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0
    assert received(daemon) == [FINE]
