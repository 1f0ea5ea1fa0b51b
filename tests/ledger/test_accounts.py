"""Opening, closing and pointing accounts."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Account
from timebank.ledger.services import accounts
from timebank.ledger.services.accounts import NewAccount
from timebank.ledger.units import FIRST_FREE_SERIAL, SERIAL_MASK, UNIT_CODES, is_guarded

NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)


def test_a_wallet_opens_empty_with_a_floor_of_nothing(db, time_machine):
    time_machine.move_to(NOON, tick=False)
    account = ledger.open_account(key="li", kind="wallet", owner="resident:1", expires_to="expired:region:7")
    stored = Account.objects.get(key="li")
    assert account == stored
    for one in (account, stored):
        assert (one.key, one.owner, one.expires_to, one.status) == ("li", "resident:1", "expired:region:7", "open")
        assert (one.unit, one.guarded, one.floor) == (UNIT_CODES["PTS"], True, 0)
        assert (one.balance, one.version, one.debt, one.opened_at) == (0, 0, 0, NOON)
    assert is_guarded(account.pk)
    assert account.pk >> 48 == UNIT_CODES["PTS"]


def test_a_system_account_has_no_floor(db):
    account = ledger.open_account(key="issuance", kind="system")
    assert (account.guarded, account.floor, account.owner, account.expires_to) == (False, None, "", "")
    assert not is_guarded(account.pk)


def test_the_units_own_accounts_are_opened_with_the_first_one(db, time_machine):
    time_machine.move_to(NOON, tick=False)
    ledger.open_account(key="bank", kind="system", unit="CNY")
    reserved = Account.objects.filter(owner="ledger")
    assert {one.key for one in reserved} == {"holds:CNY", "debt:CNY", "expired:CNY"}
    assert {(one.unit, one.guarded, one.floor, one.opened_at) for one in reserved} == {(2, False, None, NOON)}
    ledger.open_accounts(accounts=[NewAccount("li", "wallet"), NewAccount("fund", "wallet", "CNY")])
    assert {one.key for one in reserved.all()} == {
        f"{name}:{unit}" for name in ("holds", "debt", "expired") for unit in UNIT_CODES
    }


def test_serial_numbers_start_above_the_reserved_and_never_repeat(db):
    opened = ledger.open_accounts(
        accounts=[NewAccount("a", "wallet"), NewAccount("b", "system"), NewAccount("c", "wallet")]
    )
    more = ledger.open_account(key="d", kind="system", unit="CNY")
    serials = [one.pk & SERIAL_MASK for one in (*opened.values(), more)]
    assert serials == sorted(set(serials))
    assert serials[0] >= FIRST_FREE_SERIAL


def test_many_accounts_open_together_and_those_that_stand_are_returned(db):
    first = ledger.open_account(key="li", kind="wallet", owner="resident:1")
    opened = ledger.open_accounts(
        accounts=[NewAccount("li", "wallet"), NewAccount("shop", "system"), NewAccount("shop", "system")]
    )
    assert opened.keys() == {"li", "shop"}
    assert opened["li"].pk == first.pk
    assert opened["li"].owner == "resident:1"
    assert Account.objects.filter(key__in=["li", "shop"]).count() == 2
    assert ledger.open_accounts(accounts=[]) == {}


def test_a_thousand_accounts_have_a_thousand_ids(db):
    opened = ledger.open_accounts(accounts=[NewAccount(f"w{n}", "wallet") for n in range(1000)])
    assert len({one.pk for one in opened.values()}) == 1000
    assert Account.objects.filter(key__startswith="w").count() == 1000


@pytest.mark.parametrize(
    ("new", "error", "code"),
    [
        (NewAccount("x", "wallet", "GOLD"), errors.UnitMismatch, "unit_mismatch"),
        (NewAccount("x", "till"), errors.LedgerError, "unknown_kind"),
        (NewAccount("", "wallet"), errors.InvalidTransfer, "invalid_transfer"),
        (NewAccount("x" * 121, "wallet"), errors.InvalidTransfer, "invalid_transfer"),
        (NewAccount("a\0b", "system"), errors.InvalidTransfer, "invalid_transfer"),
    ],
    ids=["unit", "kind", "no key", "long key", "null byte"],
)
def test_what_cannot_be_opened_is_named_and_nothing_is_opened(db, new, error, code):
    with pytest.raises(error) as refused:
        ledger.open_accounts(accounts=[NewAccount("good", "wallet"), new])
    assert (refused.value.code, refused.value.params) == (code, {"account": new.key})
    assert not Account.objects.exists()


def test_a_key_of_the_greatest_length_is_opened(db):
    assert ledger.open_account(key="x" * 120, kind="wallet").key == "x" * 120


@pytest.mark.parametrize(("kind", "unit"), [("system", "PTS"), ("wallet", "CNY")])
def test_a_standing_account_of_another_kind_or_unit_is_a_conflict(db, kind, unit):
    ledger.open_account(key="li", kind="wallet")
    with pytest.raises(errors.KeyConflict) as refused:
        ledger.open_account(key="li", kind=kind, unit=unit)
    assert refused.value.params == {"account": "li"}


@pytest.mark.parametrize("floor", [-1, 1, None])
def test_a_wallet_with_another_floor_is_refused(db, floor):
    with pytest.raises(errors.LedgerError) as refused:
        ledger.open_account(key="li", kind="wallet", floor=floor)
    assert (refused.value.code, refused.value.params) == ("unsupported_floor", {"account": "li"})
    assert ledger.open_account(key="shop", kind="system", floor=floor).floor is None


# -- Closing -----------------------------------------------------------------------------------------------------------
def close_refused(key):
    with pytest.raises(errors.LedgerError) as refused:
        ledger.close_account(key=key)
    assert Account.objects.get(key=key).status == "open"
    return refused.value.code, refused.value.params


def test_an_account_with_points_is_not_closed(move):
    move("issuance", "li", 1)
    assert close_refused("li") == ("not_empty", {"account": "li"})


def test_an_account_in_debt_is_not_closed(move):
    wrong = move("issuance", "li", 10)
    move("li", "shop", 10)
    ledger.reverse(wrong.id, key="back", reason="mistake", actor="staff:1")
    assert (read.balance_of("li").total, read.balance_of("li").debt) == (0, 10)
    assert close_refused("li") == ("not_empty", {"account": "li"})


def test_an_account_with_a_hold_is_not_closed_before_it_is_answered(move):
    move("issuance", "li", 10)
    held = ledger.hold(key="h", wallet="li", amount=10, expires_at=timezone.now() + dt.timedelta(hours=1))
    assert close_refused("li") == ("not_empty", {"account": "li"})
    assert ledger.close_account(key="wang").status == "closed"  # another's hold is none of its business
    ledger.capture(held.pk, to="shop", key="c", actor="clerk:1")
    assert ledger.close_account(key="li").status == "closed"
    assert Account.objects.get(key="li").status == "closed"


def test_closing_what_is_not_there_names_it(village):
    with pytest.raises(errors.UnknownAccount) as refused:
        ledger.close_account(key="nobody")
    assert refused.value.params == {"account": "nobody"}


# -- Where expired points go -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["nobody", "shop"])
def test_only_a_wallet_has_points_that_expire(village, key):
    with pytest.raises(errors.UnknownAccount) as refused:
        ledger.set_expiry_account(key=key, expires_to="expired:region:7")
    assert refused.value.params == {"account": key}
    assert not Account.objects.exclude(expires_to="").exists()


def test_only_the_named_wallet_is_pointed_elsewhere(village):
    ledger.set_expiry_account(key="li", expires_to="expired:region:7")
    assert list(Account.objects.exclude(expires_to="").values_list("key", "expires_to")) == [("li", "expired:region:7")]


@pytest.fixture
def meanwhile(monkeypatch):
    """Let somebody else open these accounts after our look, before our write."""

    def make(*keys):
        serials = accounts._serials

        def busy(count):
            monkeypatch.setattr(accounts, "_serials", serials)
            ledger.open_accounts(accounts=[NewAccount(key, "wallet", owner="twin") for key in keys])
            return serials(count)

        monkeypatch.setattr(accounts, "_serials", busy)

    return make


def test_what_somebody_opened_meanwhile_is_returned_and_the_rest_opened(db, meanwhile):
    meanwhile("li")
    found = ledger.open_accounts(accounts=[NewAccount(key, "wallet", owner="we") for key in ("wang", "li")])
    assert {key: one.owner for key, one in found.items()} == {"wang": "we", "li": "twin"}
    assert dict(Account.objects.filter(guarded=True).values_list("key", "owner")) == {"wang": "we", "li": "twin"}


def test_when_all_were_opened_meanwhile_they_are_returned(db, meanwhile, django_assert_max_num_queries):
    meanwhile("li", "wang")
    with django_assert_max_num_queries(20):  # none is opened one by one
        found = ledger.open_accounts(accounts=[NewAccount(key, "wallet") for key in ("wang", "li")])
    assert {key: one.owner for key, one in found.items()} == {"wang": "twin", "li": "twin"}


def test_what_somebody_opened_meanwhile_with_another_kind_is_a_conflict(db, meanwhile):
    meanwhile("li")
    with pytest.raises(errors.KeyConflict):
        ledger.open_accounts(accounts=[NewAccount("li", "system")])
