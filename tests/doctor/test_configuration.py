"""Configuration: missing, wrong, open to others, or not readable by whoever sends."""

from __future__ import annotations

import pytest


def test_no_configuration_is_a_failure(host, faults):
    host.config.unlink()
    (told,) = faults("configuration")
    assert told == f"fail {host.config}: cannot read the configuration: No such file or directory"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pasword=x\n", "unknown key 'pasword'; did you mean password?"),
        ("encryption_method=99\n", "encryption_method 99"),
        ("timeout=soon\n", "timeout 'soon' is not a number of seconds"),
    ],
)
def test_a_wrong_line_is_named(host, faults, text, told):
    host.write_config(text)
    (found,) = faults("configuration")
    assert found.startswith(f"fail {host.config}:")
    assert told in found


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o644, "warn {}: everybody may read the password"),
        (0o660, "warn {}: its group may write to it, and so choose where alerts go"),
        (0o642, "fail {}: everybody may write to it, so it is not used; run chmod o-w {}"),
    ],
)
def test_modes_are_looked_at(host, faults, mode, told):
    host.write_config(server="127.0.0.1:1", password="s3cret")
    host.config.chmod(mode)
    assert faults("configuration") == [told.replace("{}", str(host.config))]


def test_versions_and_monitors_are_told(host, check):
    texts = [text for subject, _, text, _ in check() if subject == "configuration"]
    assert texts[0].startswith("tcpwrap-alert ")
    assert "cryptography" in texts[0]
    assert texts[1] == f"{host.config}: /var/spool/nagios.cmd"


def test_whoever_sends_must_be_able_to_read_it(host, faults):
    host.config.chmod(0o600)
    assert faults("configuration") == []
    (told,) = faults("monitor")
    assert told.startswith("fail the owner of the spool, who sends, cannot use the configuration: ")
    assert told.endswith("Permission denied")
