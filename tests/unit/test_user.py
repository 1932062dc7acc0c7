"""Accounts and their roles."""

import pytest

from commands.rejections import NotFound
from commands.user import (
    CUSTOMER,
    STAFF,
    ChangeEmail,
    GrantRole,
    RegisterUser,
    ReinstateUser,
    RenameUser,
    RevokeRole,
    SuspendUser,
    User,
    VerifyEmail,
    users,
)
from events.user import EmailVerified, RoleGranted, RoleRevoked, UserReinstated, UserRenamed, UserSuspended
from tests.unit.pasts import ANN, registered
from tests.unit.shop import given, refused


def test_who_registers_is_a_customer() -> None:
    shop = given()
    assert shop.when(RegisterUser(ANN, "ann@example.org", "Ann")) == [registered]
    assert shop(users(ANN)) == User(True, "ann@example.org", "Ann", roles=frozenset({CUSTOMER}))
    assert shop.when(RenameUser(ANN, "Ann"), RenameUser(ANN, "Anne")) == [UserRenamed(ANN, "Anne")]


def test_an_account_is_registered_once_whatever_is_said_the_second_time() -> None:
    assert given(registered).when(RegisterUser(ANN, "other@example.org")) == []


def test_roles_are_granted_and_revoked() -> None:
    shop = given(registered)
    assert shop.when(GrantRole(ANN, STAFF)) == [RoleGranted(ANN, STAFF)]
    assert shop(users(ANN)).roles == {CUSTOMER, STAFF}
    assert shop.when(RevokeRole(ANN, STAFF)) == [RoleRevoked(ANN, STAFF)]
    assert shop(users(ANN)).roles == {CUSTOMER}


@pytest.mark.parametrize("command", [GrantRole(ANN, STAFF), RevokeRole(ANN, STAFF)])
def test_an_account_that_does_not_exist_has_no_roles(command: GrantRole | RevokeRole) -> None:
    with refused(NotFound, kind="user", id=ANN):
        given().when(command)


def test_a_new_address_is_not_verified_until_a_letter_to_it_is_answered() -> None:
    shop = given(registered)
    shop.when(VerifyEmail(ANN, "ann@example.org"))
    proven = shop(users(ANN))
    assert (proven.verified, proven.proven) == (True, True)
    shop.when(ChangeEmail(ANN, "anne@example.org"))
    changed = shop(users(ANN))
    assert (changed.verified, changed.proven) == (False, True), "once proven to be somebody's, always"
    assert shop.when(VerifyEmail(ANN, "ann@example.org")) == []  # the answer to an older letter
    assert shop.when(VerifyEmail(ANN, "anne@example.org")) == [EmailVerified(ANN, "anne@example.org")]


def test_an_account_is_suspended_and_reinstated() -> None:
    shop = given(registered)
    assert shop.when(SuspendUser(ANN, "a chargeback")) == [UserSuspended(ANN, "a chargeback")]
    assert shop(users(ANN)).suspended
    assert shop.when(ReinstateUser(ANN)) == [UserReinstated(ANN)]
    assert not shop(users(ANN)).suspended
