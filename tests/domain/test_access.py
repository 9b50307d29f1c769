"""What an access allows, and which names an account may have."""

import pytest

from ayrix_web.domain.access import (
    SYSTEM_DEFAULTS,
    Access,
    Account,
    InvalidName,
    Module,
    account_name,
    same_name,
)


@pytest.mark.parametrize(
    ("given", "wanted", "allowed"),
    [
        (Access.NONE, Access.READ_ONLY, False),
        (Access.NONE, Access.FULL, False),
        (Access.READ_ONLY, Access.READ_ONLY, True),
        (Access.READ_ONLY, Access.FULL, False),
        (Access.FULL, Access.READ_ONLY, True),
        (Access.FULL, Access.FULL, True),
    ],
)
def test_an_access_includes_the_ones_before_it(
    given: Access, wanted: Access, allowed: bool
) -> None:
    account = Account("1", "reception", False, {Module.NETWORK: given})
    assert account.may(Module.NETWORK, wanted) is allowed


@pytest.mark.parametrize("module", Module)
def test_an_administrator_may_everything_whatever_his_grants_say(module: Module) -> None:
    admin = Account("1", "admin", True, dict.fromkeys(Module, Access.NONE))
    assert admin.may(module, Access.FULL)


@pytest.mark.parametrize("module", Module)
def test_a_module_nobody_spoke_of_is_closed(module: Module) -> None:
    assert not Account("1", "reception", False).may(module, Access.READ_ONLY)


def test_by_default_users_may_order_licenses_and_nothing_else() -> None:
    assert {
        Module.LICENSE: Access.FULL,
        Module.NETWORK: Access.NONE,
        Module.USERS: Access.NONE,
    } == SYSTEM_DEFAULTS


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("reception", "reception"),
        ("  front desk\t", "front desk"),
        ("Zoë", "Zo\u00eb"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("ü" * 80, "ü" * 80),
        ("=SUM(A1)", "=SUM(A1)"),
    ],
)
def test_a_name_is_kept_trimmed_and_composed(typed: str, kept: str) -> None:
    assert account_name(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "   ", "x" * 81, "front\ndesk", "front\x00desk", "zero\u200bwidth", "bidi\u202ex"]
)
def test_an_empty_too_long_or_unprintable_name_is_refused(typed: str) -> None:
    with pytest.raises(InvalidName):
        account_name(typed)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("Admin", "admin", True),
        ("Straße", "STRASSE", True),
        ("Zoe\u0308", "zo\u00eb", True),
        ("\uff41dmin", "admin", True),
        (" admin ", "admin", True),
        ("admin", "admin2", False),
    ],
)
def test_names_that_look_alike_are_the_same(one: str, other: str, are_same: bool) -> None:
    assert (same_name(one) == same_name(other)) is are_same
