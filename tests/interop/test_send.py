"""`tcpwrap-alert send` at the real nsca daemon: what its command file holds, and what an attacker cannot put there."""

from __future__ import annotations

import shutil
import subprocess
from multiprocessing.pool import ThreadPool

import pytest

PASSWORD = "s3cret"
ETB = "\x17"


@pytest.fixture
def send(run, start_nsca, write_config):
    """Send an input to a daemon; return the daemon."""

    def send_to_daemon(data, *flags, method=14):
        daemon = start_nsca(method=method, password=PASSWORD)
        write_config(password=PASSWORD, encryption_method=method)
        done = run("tcpwrap-alert", "send", "-H", daemon.address, "-p", str(daemon.port), "--quiet", *flags, input=data)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return daemon

    return send_to_daemon


@pytest.mark.parametrize(("method", "end"), [(0, "\n"), (1, f"\n{ETB}"), (14, f"{ETB}\n")])
def test_several_records(send, method, end):
    records = [f"firestorm\tService {number}\t{number % 4}\tGröße {number}" for number in range(20)]
    daemon = send(end.join([*records, "firestorm\t1\tgone"]) + end, method=method)
    *services, host = daemon.results()
    assert services == [f"firestorm;Service {number};{number % 4};Größe {number}" for number in range(20)]
    assert host == "firestorm;1;gone"
    assert "] PROCESS_HOST_CHECK_RESULT;firestorm;1;gone" in daemon.lines()[-1]


@pytest.mark.parametrize("end", ["\n", ETB])
def test_lines_and_backslashes_are_escaped_once(send, end):
    daemon = send(f"h\ts\t1\tC:\\new\\ is full \\\n\n\\\\server\\n\n  last{end}h\ts\t0\tfine")
    first, second = daemon.results()
    assert first == r"h;s;1;C:\\new\\ is full \\\n\n\\\\server\\n\n  last"
    assert second == "h;s;0;fine"


def test_link_called_send_nsca_is_send(run, start_nsca, write_config, tmp_path, isolated):
    daemon = start_nsca(method=14, password=PASSWORD)
    config = write_config(password=PASSWORD, encryption_method=14)
    link = tmp_path / "send_nsca"
    link.symlink_to(shutil.which("tcpwrap-alert"))
    flags = ["-H", daemon.address, "-p", str(daemon.port), "-c", str(config)]
    done = run(str(link), *flags, input="h\ts\t2\tout\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 data packet(s) sent to host successfully.\n", "")
    assert daemon.results() == ["h;s;2;out"]


ARRIVALS = {
    ("h", "s", "2", ""): "SERVICE_CHECK_RESULT;h;s;2;",
    ("h", "s", "127", "not found"): "SERVICE_CHECK_RESULT;h;s;3;(return code 127) not found",
    ("h", "s", "0", "fine", "a=1 b=2"): "SERVICE_CHECK_RESULT;h;s;0;fine|a=1 b=2",
    ("h", "1", ""): "HOST_CHECK_RESULT;h;1;",
}


@pytest.mark.parametrize("arguments", ARRIVALS, ids=" ".join)
@pytest.mark.parametrize("command", [("submit_check_result",), ("tcpwrap-alert", "submit")], ids=["script", "command"])
def test_submitted_result_arrives(run, start_nsca, write_config, spool_dir, command, arguments):
    daemon = start_nsca(method=14, password=PASSWORD)
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD, encryption_method=14)
    done = run(*command, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [line.partition("] PROCESS_")[2] for line in daemon.lines()] == [ARRIVALS[arguments]]


def test_empty_output_arrives(send):
    daemon = send("h\ts\t2\t\nh\t1\t\n")
    arrived = [line.partition("] PROCESS_")[2] for line in daemon.lines()]
    assert arrived == ["SERVICE_CHECK_RESULT;h;s;2;", "HOST_CHECK_RESULT;h;1;"]


@pytest.mark.parametrize("arguments", [["--version"], ["forward"], ["replay"], ["127.0.0.1", "-p", "x"]])
def test_link_called_send_nsca_is_nothing_else(run, tmp_path, arguments):
    link = tmp_path / "send_nsca"
    link.symlink_to(shutil.which("tcpwrap-alert"))
    done = run(str(link), *arguments, input="")
    expected = run("tcpwrap-alert", "send", *arguments, input="")
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_the_2_7_layout(send):
    daemon = send("h\ts\t0\ta\\b\nc\nh\t1\tdown\n", "--legacy-2-7-mode")
    assert daemon.wait_for_results(2)[1] == "h;1;down"


COMMAND = "[1700000000] SHUTDOWN_PROGRAM"
ATTEMPTS = [
    f"x\n{COMMAND}",
    f"x\n{COMMAND}\n",
    f"x\r{COMMAND}",
    f"x\r\n{COMMAND};1\n",
    f"x\\n{COMMAND}",
    f"x\\\n{COMMAND}",
    f"x\0\n{COMMAND}",
    f"x\v{COMMAND}\u2028{COMMAND}\u0085{COMMAND}",
    f"x\n{COMMAND}\n{'y' * 5000}",
]


@pytest.mark.parametrize("end", ["\n", "@"])
def test_an_attempted_command_is_part_of_one_line(send, end):
    daemon = send("".join(f"h\ts\t2\t{text}{end}" for text in ATTEMPTS), *(("-ds", "@") if end == "@" else ()))
    *lines, last = daemon.command_file.read_bytes().split(b"\n")
    assert (len(lines), last) == (len(ATTEMPTS), b"")
    for line in lines:
        assert line.startswith(b"[")
        assert b"] PROCESS_SERVICE_CHECK_RESULT;h;s;2;x" in line
        assert b"SHUTDOWN_PROGRAM" in line
        assert b"\r" not in line


# Both clients at the same daemon. H is a host name of each case's own.

SAME = {
    "service": (b"H\ts\t2\tout\n", ()),
    "host": (b"H\t1\tgone\n", ()),
    "CRLF": (b"H\ts\t2\tout\r\n", ()),
    "blanks in and around": (b"H\t my s\t 2 \t out\t x \t\n\n", ()),
    "two, with 0x17": (b"H\ts\t2\tout\n\x17H\t1\tgone", ()),
    "0x17 twice and at the end": (b"H\ts\t2\tout\x17\x17H\t1\tgone\x17\n", ()),
    "lines and backslashes": (b"H\ts\t2\tC:\\new\n\nthird \\\n", ()),
    "lines like a host check": (b"H\ts\t2\tfull\n/dev/sda1\t98\t/\n", ()),
    "delimiters behind a host check": (b"H\t1\tgone\t\t", ()),
    "the same with ;": (b"H;1;gone;", ("-d", ";")),
    "02": (b"H\ts\t02\tout", ()),
    "2.0": (b"H\ts\t2.0\tout", ()),
    "+2": (b"H\ts\t+2\tout", ()),
    "01 of a host": (b"H\t01\tgone", ()),
    "a number as service": (b"H\t1\t2\tout", ()),
    "-d ;": (b"H;s;2;out;x\ty", ("-d", ";")),
    "-d ;;": (b"H;;s;;2;;out", ("-d", ";;")),
    "-d ;; and ;": (b"H;s;2;out", ("-d", ";;")),
    "-d ;; of a host": (b"H;;1;;gone", ("-d", ";;")),
    "-d ;; in the output": (b"H;;s;;2;;out;;more", ("-d", ";;")),
    "-d ;; and no output": (b"H;;s;;2;;", ("-d", ";;")),
    "-d with a blank": (b"H, s, 2, out, x", ("-d", ", ")),
    "-d with a blank, without": (b"H,s,2,out", ("-d", ", ")),
    "-d with a blank, of a host": (b"H, 1, gone", ("-d", ", ")),
    "-d blank": (b"H s 2 out put", ("-d", " ")),
    "-d blank, runs": (b"  H   s  2    out  put", ("-d", " ")),
    "-d blank of a host": (b"H  1  gone  ", ("-d", " ")),
    "-d two blanks": (b"H s   2 out", ("-d", "  ")),
    "-d 32": (b"H  s 2 out", ("-d", "32")),
    "-d two tabs": (b"H\t\ts\t2\t\tout", ("-d", "\t\t")),
    "-d |x": (b"H|s|2|out", ("-d", "|x")),
    "-d ::": (b"H::s::2::out", ("-d", "::")),
    "-d -": (b"H-s-2-out", ("-d", "-")),
    "-d 9": (b"H9s929out", ("-d", "9")),
    "-d 44": (b"H,s,2,out", ("-d", "44")),
    "-d 054": (b"H,s,2,out", ("-d", "054")),
    "-d 0x2C": (b"H,s,2,out", ("-d", "0x2C")),
    "-d 0XFF": (b"H\xffs\xff2\xffout", ("-d", "0XFF")),
    "-ds 10": (b"H\ts\t2\tout\nH\t1\tgone\n", ("-ds", "10")),
    "-ds 012": (b"H\ts\t2\tout\n\nH\t1\tgone\n", ("-ds", "012")),
    "-ds 0x0a": (b"H\ts\t2\tout\nH\t1\tgone\n", ("-ds", "0x0a")),
    "-ds line end": (b"H\ts\t2\tout\nH\t1\tgone\n", ("-ds", "\n")),
    "-ds ;;": (b"H\ts\t2\tout;;H\t1\tgone;", ("-ds", ";;")),
    "-ds @ and lines": (b"H\ts\t2\tout\nH\t1\tgone@H\ts\t0\tfine", ("-ds", "@")),
    "-ds 64": (b"H\ts\t2\tout@H\t1\tgone", ("-ds", "64")),
    "-ds empty": (b"H\ts\t2\tout\0H\t1\tgone", ("-ds", "")),
    "-ds 0x0": (b"H\ts\t2\tout\0H\t1\tgone", ("-ds", "0x0")),
    "-d 59 -ds 124": (b"H;s;2;out|H;1;gone", ("-d", "59", "-ds", "124")),
}
# What the C client makes of it, and ours, without the host name: None is an error with status 3.
OTHERWISE = {
    "no output": (b"H\ts\t2\t\n", (), ["0;2"], ["s;2;"]),
    "no output, ;": (b"H;s;2;", ("-d", ";"), ["0;2"], ["s;2;"]),
    "no output, blanks": (b"H s  2  ", ("-d", " "), ["0;2"], ["s;2;"]),
    "no output of a host": (b"H\t2\t\n", (), [], ["2;"]),
    "127": (b"H\ts\t127\tnot found | a=1", (), ["s;127;not found | a=1"], ["s;3;(return code 127) not found | a=1"]),
    "-1": (b"H\ts\t-1\tout", (), ["s;-1;out"], ["s;3;(return code -1) out"]),
    "lines": (b"H\ts\t0\ta\nH\ts\t1\tb", (), [r"s;0;a\nH" + "\ts\t1\tb"], ["s;0;a", "s;1;b"]),
    "a word": (b"H\ts\tCRITICAL\tout", (), ["s;0;out"], None),
    "no number": (b"H\ts\t2.5\tout", (), ["s;2;out"], None),
    "3 of a host": (b"H\t3\tgone", (), ["3;gone"], None),
    "127 of a host": (b"H\t127\tgone", (), ["127;gone"], None),
    "empty service": (b"H\t\t2\tout", (), ["2;out"], None),
    "empty service, ;;": (b"H;;;;2;;out", ("-d", ";;"), ["2;out"], None),
    "no output, no delimiter": (b"H\ts\t2", (), ["0;2"], None),
    "a delimiter before": (b"\tH\ts\t2\tout", (), ["s;2;out"], None),
    "a semicolon in a name": (b"H\ta;b\t2\tout", (), ["a;b;2;out"], None),
    "a long name": (b"H\t" + b"s" * 128 + b"\t2\tout", (), ["s" * 127 + ";2;out"], None),
    "blanks in the output of a host": (b"H 1 gone away", ("-d", " "), ["1;0;away"], None),
    "-d empty": (b"H\ts\t2\tout", ("-d", ""), [], None),
    "-d 09": (b"H\ts\t2\tout", ("-d", "09"), [], None),
    "-d -x": (b"H-s-2-out", ("-d", "-x"), [], None),
    "-d backslash t": (b"H\ts\t2\tout", ("-d", "\\t"), [], None),
    "-d +44": (b"H,s,2,out", ("-d", "+44"), ["s;2;out"], None),
    "-d 44x": (b"H,s,2,out", ("-d", "44x"), ["s;2;out"], None),
    "-d 300": (b"H,s,2,out", ("-d", "300"), ["s;2;out"], None),
    "-d -1": (b"H\xffs\xff2\xffout", ("-d", "-1"), ["s;2;out"], None),
    "-d line end": (b"H\ns\n2\nout", ("-d", "10"), ["s;2;out"], None),
}


@pytest.fixture
def arrivals(peer, start_nsca, write_config):
    """Return each case's exit status and what arrives of it, without the host name, when it is `count` lines in all."""
    daemon = start_nsca("inetd", method=1, password=PASSWORD)
    config = write_config(password=PASSWORD, encryption_method=1)

    def from_client(command, cases, count=0):
        before = len(daemon.lines())

        def run_one(number_and_case):
            number, (data, flags, *_) = number_and_case
            argv = [*command, "-H", daemon.address, "-p", str(daemon.port), "-c", str(config), *flags]
            data = data.replace(b"H", name_of(number).encode())
            return subprocess.run(argv, input=data, capture_output=True, check=False, timeout=60).returncode

        def name_of(number):
            return f"host.{command[0][0]}{chr(97 + number // 26)}{chr(97 + number % 26)}."

        with ThreadPool(4) as pool:
            statuses = pool.map(run_one, enumerate(cases.values()))
        daemon.wait_for_results(before + count)  # the C client does not wait for the daemon
        arrived = {}
        for number, case in enumerate(cases):
            name = name_of(number)
            lines = [line.replace(name, "H") for line in daemon.results() if line.startswith(name)]
            arrived[case] = (statuses[number], [line.removeprefix("H;") for line in lines])
        return arrived

    return from_client


OURS = ("tcpwrap-alert", "send")


def test_inputs_arrive_as_from_the_c_client(arrivals, peer):
    ours = arrivals(OURS, SAME)
    assert ours == arrivals((peer("send_nsca"),), SAME, sum(len(lines) for _, lines in ours.values()))
    assert [case for case, (status, lines) in ours.items() if status or not lines] == []


def test_inputs_where_the_c_client_differs(arrivals, peer):
    expected = {case: each[2] for case, each in OTHERWISE.items()}
    theirs = arrivals((peer("send_nsca"),), OTHERWISE, sum(map(len, expected.values())))
    assert {case: lines for case, (_, lines) in theirs.items()} == expected
    assert arrivals(OURS, OTHERWISE) == {
        case: (3, []) if each[3] is None else (0, each[3]) for case, each in OTHERWISE.items()
    }
