"""The Redis users in docs/security.md are those that `rediq config acl` prints."""

from __future__ import annotations

from pathlib import Path

from rediq_core.admin.acl import acl_rules, sentinel_rule

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"


def test_the_printed_rules_are_current() -> None:
    text = DOCUMENT.read_text()
    for rule in acl_rules("rediq"):
        assert rule.command in text, rule.command
    assert sentinel_rule("rediq") in text


def test_what_a_cluster_needs_besides_is_said() -> None:
    plain = {command for rule in acl_rules("rediq") for command in rule.commands}
    more = {
        command for rule in acl_rules("rediq", is_cluster=True) for command in rule.commands
    } - plain

    for command in more:
        assert f"+{command}" in DOCUMENT.read_text(), command
