"""From an hour of work to a bath ticket: the whole path, in real browsers, against the ledger."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from tests.factories import village as seed
from tests.support import browser as chrome
from tests.support.path import Path
from tests.support.visitors import Visitor, overflow, set_size
from timebank.ledger import selectors as ledger_read

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.timeout(600)
# One language on each database: what is shown does not hang on it, that the path can be walked does.
@pytest.mark.parametrize(
    "language",
    [
        pytest.param("zh-hans", marks=pytest.mark.pg_only),
        pytest.param("en", marks=[pytest.mark.path, pytest.mark.sqlite_only]),
    ],
)
def test_path_from_an_hour_of_work_to_a_bath_ticket(village, clock, site, new_person, language):
    wrong: list[str] = []
    # Chinese in standard, English in large text; tests of single pages look at the other two.
    size = "normal" if language == "zh-hans" else "large"

    def look(visitor: Visitor, name: str) -> None:
        set_size(visitor.page, size)
        if language == "en":  # what axe looks at is the same in both; the width is not
            wrong.extend(f"{name} ({visitor.path}, {size}): {said}" for said in chrome.axe_violations(visitor.page))
        if too_wide := overflow(visitor.page):
            wrong.append(f"{name} ({visitor.path}, {size}): wider than the screen: {too_wide}")

    locale = "zh-CN" if language == "zh-hans" else "en-GB"
    path = Path(village, clock, site, lambda **changes: new_person(locale=locale, **changes), look, language)
    assert seed.points(village.resident) == 1000
    path.everybody_signs_in()
    path.resident_signs_up()
    path.resident_comes_and_goes()
    path.leader_closes()
    assert path.record.minutes == 239
    path.admin_verifies()
    assert seed.points(village.resident) == 1000
    path.notice_passes()
    assert seed.points(village.resident) == 1500
    path.resident_reads_why()
    path.resident_redeems()
    assert seed.points(village.resident) == 0
    assert ledger_read.balance_of(village.bath.escrow_key).total == 1000
    assert ledger_read.balance_of(village.shop.escrow_key).total == 500
    path.bath_is_taken()
    assert ledger_read.balance_of(village.bath.redeemed_key).total == 1000
    assert ledger_read.balance_of(village.bath.escrow_key).total == 0
    path.soap_is_taken()
    assert seed.points(village.grandmother) == 1500
    path.nephew_helps()
    assert seed.points(village.grandmother) == 1000
    path.card_sale()
    assert seed.points(village.grandmother) == 500
    assert ledger_read.balance_of(village.shop.escrow_key).total == 0
    assert ledger_read.balance_of(village.shop.redeemed_key).total == 1500
    village.soap.refresh_from_db()
    assert (village.soap.num_in_stock, village.soap.num_allocated) == (47, 0)
    path.stock_arrives()
    path.admin_sees_it_all()
    assert len(path.compared) > 15
    assert {who for who, _where, _points in path.compared} == {"resident", "nephew", "admin"}
    call_command("verify_ledger")
    assert not wrong, "\n".join(wrong)
