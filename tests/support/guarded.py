"""The suite as one of the Redis users that `rediq config acl` prints: REDIQ_TEST_ACL=worker.

Every server that tests start then knows a user for each role, with the printed commands and the
keys of the namespaces that tests use, and the URLs they give out log in as the chosen one. What a
test does to a server by `Server.client()` it still does as the user who may do everything; a test
of a worker that also looks on as an operator does, asks for `as_operator`.
"""

from __future__ import annotations

import os

from rediq_core.admin.acl import PASSWORD, Role, acl_rules

VARIABLE = "REDIQ_TEST_ACL"
# Namespaces of the tests: Rediq's own, and those that tests make up.
NAMESPACES = ("rediq", "t", "ns", "shop", "chaos")
_SECRET = "of-the-tests"


def arguments() -> list[str]:
    """What a server is started with so that it knows the users; nothing without the variable."""
    if _role() is None:
        return []
    keys = [f"~{namespace}:*" for namespace in NAMESPACES]
    words: list[str] = []
    for rule in acl_rules("rediq", is_cluster=True):
        said = rule.rule.replace(PASSWORD, _SECRET).split()
        words += ["--user", rule.role.value, *(word for word in said if word[0] != "~"), *keys]
    return words


def userinfo() -> str:
    """`user:password@` for URLs; "" without the variable."""
    role = _role()
    return "" if role is None else f"{role}:{_SECRET}@"


def as_operator(url: str) -> str:
    """The same URL, logging in as the operator."""
    return url.replace(userinfo(), f"{Role.OPERATOR}:{_SECRET}@", 1) if userinfo() else url


def _role() -> Role | None:
    name = os.environ.get(VARIABLE)
    return Role(name) if name else None
