"""A configuration's text with another value of a key: one line changes, all others stay."""

from __future__ import annotations

import pytest

from tcpwrap_alert.setup.configuration_text import changes, hosts_in, with_value

EXAMPLE = b"# mine\n#server=nagios.example\n#port=5667\n\n#password=change me\n"


@pytest.mark.parametrize(
    ("text", "key", "value", "after"),
    [
        (b"", "server", b"m", b"server=m\n"),
        (b"# made\n", "server", b"m", b"# made\nserver=m\n"),
        (b"server=a\nwindow=no\n", "server", b"m", b"server=m\nwindow=no\n"),
        (b"server = a\n", "server", b"m", b"server=m\n"),
        (b"server=a\nport=1\n", "server", b"m", b"server=m\n"),
        (b"server=a\nport=1\n", "server", b"a", b"server=a\nport=1\n"),
        (b"fold=1\nfold=2\n", "fold", b"3", b"fold=1\nfold=3\n"),
        (b"password_file=/p\n", "password", b" s ", b"password= s \n"),
        (b"window=no\n\n[b]\nserver=b\n", "server", b"m", b"window=no\nserver=m\n\n[b]\nserver=b\n"),
        (EXAMPLE, "server", b"m", EXAMPLE.replace(b"#port", b"server=m\n#port")),
        (b"\xef\xbb\xbfserver=a\n", "server", b"m", b"server=m\n"),
    ],
)
def test_one_line_changes(text, key, value, after):
    changed = with_value(text, key, value)
    assert changed.rstrip(b"\n") == after.rstrip(b"\n")
    assert with_value(changed, key, value) == changed


def test_changes_show_no_secret():
    told = list(changes(b"password=old\nserver=a\nfold=1\n", b"password=new\nserver=b\ntoken=new\n"))
    assert told == ["password is another one", "server=b (was a)", "fold goes", "token is new"]


def test_monitors_are_those_of_all_sections():
    text = b"server=a;b:1\n#server=c\n[second]\nserver=icinga2://u@[2001:db8::1]:5665\n[third]\nserver=/cmd\n[x]\nserver=?/\n"
    assert hosts_in(text) == ["a", "b", "2001:db8::1"]
