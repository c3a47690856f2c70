"""The keys of the further transports: what they mean, and that anything else is told in one line, without a secret."""

from __future__ import annotations

import os

import pytest
from peers.pki import Authority

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.errors import ConfigError

SECRET = "s3cret"
PEM = "-----BEGIN CERTIFICATE-----\n"
NO_SERVER = "is not a name, an address, name:port or [address]:port"
NO_PASSWORD_HERE = "a password does not belong here; use password or password_file"


def fault_of(path):
    with pytest.raises(ConfigError) as caught:
        read_config(path).monitors  # noqa: B018 - asked for what it raises
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def target_of(config):
    (monitor,) = config.monitors
    return monitor.targets[0]


@pytest.mark.parametrize(
    ("server", "scheme", "fields"),
    [
        ("nsca-ng://i@h", "nsca-ng", ("h", 5668, "", "i")),
        ("nsca-ng://i@[::1]:1", "nsca-ng", ("::1", 1, "", "i")),
        ("icinga2://u@h", "icinga2", ("h", 5665, "", "u")),
        ("icinga2://h:1", "icinga2", ("h", 1, "", "")),
        ("nrdp+https://h/nrdp/", "nrdp+https", ("h", 443, "/nrdp/", "")),
        ("nrdp+https://u@h:8443/a/b", "nrdp+https", ("h", 8443, "/a/b", "u")),
        ("alertmanager+https://h", "alertmanager+https", ("h", 9093, "", "")),
        ("alertmanager+https://h/prefix/", "alertmanager+https", ("h", 9093, "/prefix/", "")),
    ],
)
def test_url_has_scheme_host_port_path_and_user(read, server, scheme, fields):
    (monitor,) = read(f"server={server}\npassword=ham").monitors
    target = monitor.targets[0]
    assert monitor.scheme == scheme
    assert isinstance(target, Endpoint)
    assert (target.host, target.port, target.path, target.user) == fields
    assert target.password == b"ham"
    assert not target.is_in_clear


@pytest.mark.parametrize(
    ("server", "scheme", "path"),
    [("/spool/checkresults/", "folder", "/spool/checkresults/"), ("exec:/bin/to bus", "exec", "/bin/to bus")],
)
def test_path_is_a_folder_or_a_program(read, server, scheme, path):
    (monitor,) = read(f"server={server}").monitors
    assert (monitor.scheme, monitor.targets[0].path) == (scheme, path)


BAD_LINES = [
    (f"server=foo://u:{SECRET}@h", "server 'foo://u@h': no transport for 'foo:'; known: nsca:, nsca-ng:, icinga2:, "),
    ("server=h;icinga2://u@i", "server 'h;icinga2://u@i' has nodes of two schemes, icinga2 and nsca; use a section"),
    ("server=/a/;/b", "server '/a/;/b' has nodes of two schemes, file and folder; use a section"),
    ("server=icinga2://a;", f"server '' {NO_SERVER}"),
    (f"server=icinga2://u:{SECRET}@h", f"server 'icinga2://u@h': {NO_PASSWORD_HERE}"),
    (f"server=icinga2://u:{SECRET}/x@h", f"server 'icinga2://u@h' {NO_SERVER}"),
    (f"server=icinga2://u:{SECRET}://@h", f"server 'icinga2://u@h' {NO_SERVER}"),
    (f"server=u:{SECRET}@h", f"server 'u@h': {NO_PASSWORD_HERE}"),
    ("server=nsca://u@h", "server 'nsca://u@h': a user does not belong into nsca:"),
    ("server=icinga2://@h", "server 'icinga2://@h': nothing stands before the '@'"),
    ("server=nsca-ng://h", "server 'nsca-ng://h': nsca-ng: needs an identity, like nsca-ng://firestorm@nagios.example"),
    ("server=nsca-ng://i@h/path", f"server 'nsca-ng://i@h/path' {NO_SERVER}"),
    ("server=nrdp+https://h/a b", f"server 'nrdp+https://h/a b' {NO_SERVER}"),
    ("server=nrdp+https:///nrdp/", f"server 'nrdp+https:///nrdp/' {NO_SERVER}"),
    ("server=exec:program", "server 'exec:program' is not exec: with the absolute path of a program"),
    ("server=exec:", "server 'exec:' is not exec: with the absolute path of a program"),
    ("[a/b]", "'[a/b]' is no section; write [name], of letters, digits, '_', '.' and '-'"),
    ("[a\x1b]", "'[a?]' is no section; write [name], of letters, digits, '_', '.' and '-'"),
    ("[default]", "[default] is the monitor above the first section; choose another name"),
    ("ca_file=/nowhere", "ca_file '/nowhere' cannot be read: No such file or directory"),
    ("ca_file=ca.crt", "ca_file 'ca.crt' cannot be read: No such file or directory"),
    ("ca_file=/etc/passwd", "ca_file '/etc/passwd' holds no certificate in PEM format"),
    ("cert_file=/etc/passwd", "cert_file '/etc/passwd' holds no certificate in PEM format"),
    ("key_file=/etc/passwd", "key_file '/etc/passwd' holds no private key in PEM format"),
    ("ca_file=/etc", "ca_file '/etc' cannot be read: not a regular file"),
    ("tls_name=h:5665", "tls_name 'h:5665' is not the name in a certificate, without port and scheme"),
    ("tls_name=", "tls_name '' is not the name in a certificate, without port and scheme"),
    ("tls_name=a;", "tls_name '' is not the name in a certificate, without port and scheme"),
    (f"proxy=http://u:{SECRET}@p", "proxy: the password does not belong into the URL; use proxy_password_file"),
    ("proxy=https://p", "proxy 'https://p' is not like http://user@proxy:3128, nor environment or no"),
    ("proxy=p:3128", "proxy 'p:3128' is not like http://user@proxy:3128, nor environment or no"),
    ("proxy=http://p:x", "port 'x' is not a whole number"),
    ("proxy=", "proxy '' is not like http://user@proxy:3128, nor environment or no"),
    (
        "password_file=password",
        "password_file 'password' is not an absolute path, nor a name in $CREDENTIALS_DIRECTORY",
    ),
    ("password_file=/nowhere", "password_file '/nowhere' cannot be read: No such file or directory"),
    ("token_file=/etc", "token_file '/etc' is not a regular file"),
    ("token=tökén", "the token of 5 characters holds others than ASCII"),
    ("allow_cleartext=maybe", "allow_cleartext is 'maybe', not one of 1, true, yes, 0, false, no"),
    ("hold=1", "hold '1' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_bad_line_is_told_with_file_and_line(write, monkeypatch, line, message):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = write(f"# a comment\n\n{line}\n")
    assert fault_of(path).startswith(f"{path}:3: {message}")


def test_key_is_no_authority(write, tmp_path):
    _, key = Authority(tmp_path / "pki").leaf("h", "h")
    path = write(f"ca_file={key}\n")
    assert fault_of(path) == f"{path}:1: ca_file '{key}' holds no certificate in PEM format"


@pytest.mark.parametrize(
    ("first", "second"),
    [("password=x", "password_file"), ("token=x", "token_file")],
)
@pytest.mark.parametrize("is_turned", [False, True])
def test_secret_and_its_file_are_not_both_taken(write, tmp_path, first, second, is_turned):
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    lines = [first, f"{second}={tmp_path}/secret"]
    path = write("\n".join(["server=h", *(reversed(lines) if is_turned else lines)]))
    key = first.partition("=")[0]
    assert fault_of(path) == f"{path}:3: {key} and {second} both; keep one of them"


def test_own_password_file_replaces_the_password_above(read, tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "secret").chmod(0o600)
    (monitor,) = read(f"password=top\n[a]\nserver=h\npassword_file={tmp_path}/secret").monitors
    assert monitor.targets[0].password == SECRET.encode()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secret_is_the_line_of_its_file(read, tmp_path, end):
    (tmp_path / "secret").write_bytes(f" {SECRET} ".encode() + end.encode())
    (tmp_path / "secret").chmod(0o640)
    target = target_of(read(f"server=icinga2://u@h\npassword_file={tmp_path}/secret"))
    assert target.password == f" {SECRET} ".encode()


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_secret_file_that_all_may_touch_is_not_used(write, tmp_path, mode):
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(mode)
    path = write(f"token_file={tmp_path}/secret")
    what = f"everybody may read or write it; run chmod o-rw {tmp_path}/secret"
    assert fault_of(path) == f"{path}:1: token_file '{tmp_path}/secret': {what}"


@pytest.mark.parametrize("content", [b"", b"\n", f"{SECRET}\nmore\n".encode(), b"a\0b", b"x" * 512])
def test_file_without_one_line_is_no_secret(write, tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(0o600)
    path = write(f"proxy_password_file={tmp_path}/secret")
    assert fault_of(path).endswith("bytes, not one line of 1 to 511 bytes")


def test_fifo_as_secret_file_holds_nobody_up(write, tmp_path):
    os.mkfifo(tmp_path / "secret", 0o600)
    path = write(f"password_file={tmp_path}/secret")
    assert fault_of(path).endswith("is not a regular file")


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file", "quiet"])
def test_fifo_as_another_file_holds_nobody_up(write, tmp_path, key):
    os.mkfifo(tmp_path / "fifo")
    path = write(f"{key}={tmp_path}/fifo")
    assert fault_of(path) == f"{path}:1: {key} '{tmp_path}/fifo' cannot be read: not a regular file"


def test_secret_of_systemd_is_named_without_a_path(read, tmp_path, monkeypatch):
    (tmp_path / "nrdp").write_text(f"{SECRET}\n")
    (tmp_path / "nrdp").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert target_of(read("server=nrdp+https://h/\ntoken_file=nrdp")).token == SECRET


def test_name_leads_not_out_of_systemds_directory(write, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "is not an absolute path" in fault_of(write("token_file=../secret"))


@pytest.mark.parametrize("scheme", ["nrdp+http", "alertmanager+http"])
def test_cleartext_wants_a_word_of_consent(write, read, scheme):
    path = write(f"server={scheme}://h/")
    assert fault_of(path) == f"{path}: {scheme}: would send secrets in clear; use https, or set allow_cleartext=true"
    assert target_of(read(f"server={scheme}://h/\nallow_cleartext=true")).is_in_clear


def test_each_node_has_its_own_name_in_its_certificate(read):
    (monitor,) = read("server=icinga2://a;icinga2://b\ntls_name=one;two").monitors
    assert [target.tls.name for target in monitor.targets] == ["one", "two"]
    (monitor,) = read("server=icinga2://a;icinga2://b\ntls_name=one").monitors
    assert [target.tls.name for target in monitor.targets] == ["one", "one"]


def test_number_of_names_and_of_nodes_must_agree(write):
    path = write("server=icinga2://a\ntls_name=one;two")
    assert fault_of(path) == f"{path}: tls_name has 2 names, and server 1 nodes"


def test_certificate_and_key_belong_together(write, tmp_path):
    (tmp_path / "crt").write_text(PEM)
    path = write(f"server=icinga2://a\ncert_file={tmp_path}/crt")
    assert fault_of(path) == f"{path}: cert_file and key_file belong together"


def test_files_of_tls_travel_with_the_target(read, tmp_path):
    authority = Authority(tmp_path / "pki")
    crt, key = authority.leaf("h", "h")
    target = target_of(
        read(f"server=icinga2://a\nca_file={authority.ca_file}\ncert_file={crt}\nkey_file={key}\ntls_name=n")
    )
    tls = Tls(str(authority.ca_file), crt, key, "n")
    assert [getattr(target.tls, name) for name in Tls.__slots__] == [getattr(tls, name) for name in Tls.__slots__]


def proxy_of(read, host, *lines):
    proxy = target_of(read("\n".join([f"server=icinga2://u@{host}", *lines]))).proxy
    return proxy and (proxy.host, proxy.port, proxy.user)


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("http://p", ("p", 3128, "")),
        ("http://u@p:8080/", ("p", 8080, "u")),
        ("http://[::1]:1", ("::1", 1, "")),
        ("no", None),
    ],
)
def test_proxy_is_a_url_or_no(read, value, proxy):
    assert proxy_of(read, "h", f"proxy={value}") == proxy


@pytest.mark.parametrize("host", ["h.example", "a.h.example", "H.EXAMPLE"])
def test_host_of_no_proxy_is_reached_directly(read, host):
    assert proxy_of(read, host, "proxy=http://p", "no_proxy=other, .h.example") is None


def test_host_with_a_similar_name_goes_by_the_proxy(read):
    assert proxy_of(read, "xh.example", "proxy=http://p", "no_proxy=h.example") == ("p", 3128, "")


def test_environments_proxy_counts_only_if_asked_for(read, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://e:1")
    monkeypatch.setenv("NO_PROXY", "near")
    assert proxy_of(read, "h") is None
    assert proxy_of(read, "h", "proxy=environment") == ("e", 1, "")
    assert proxy_of(read, "near", "proxy=environment") is None


def test_proxy_of_the_environment_hides_its_password(write, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{SECRET}@p")
    assert "use proxy_password_file" in fault_of(write("server=icinga2://u@h\nproxy=environment"))
