"""What residents read, on real records that were verified, hung out and credited."""

from __future__ import annotations

import pytest
from django.utils import translation

from marketplace.rewards import selectors
from tests.support import worlds

pytestmark = pytest.mark.django_db


village = worlds.fixture("village", "tests.factories.service.make_world")


def test_statement_explains_an_hour_of_help_step_by_step(village):
    from timebank.policy import words

    (record,) = village.credited(village.wang)
    with translation.override("en"):
        (line,) = selectors.statement_of(village.wang).lines
        assert line.explanation == words.explain(record.quote["steps"])
        assert line.explanation
    assert line.amount == record.points == line.balance
    assert record.title in line.title
    assert line.expires_on is not None


def test_statement_says_why_points_were_taken_back(village):
    from timebank.service import services as service

    (record,) = village.credited(village.wang)
    service.reverse_record(record=record, actor=village.verifier, reason="登记重复")
    newest, oldest = selectors.statement_of(village.wang).lines
    assert (newest.amount, oldest.amount) == (-record.points, record.points)
    assert newest.explanation == ["登记重复"]
