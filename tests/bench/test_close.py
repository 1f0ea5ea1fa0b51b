"""B7 closes real months: the sweeps credit and tell, and the profile names what they did."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from bench import b7, close_jobs
from timebank.ledger import selectors as ledger
from timebank.messages.models import Message
from timebank.registry.models import Resident
from timebank.service.models import Record


@pytest.mark.django_db
def test_a_month_is_closed_by_the_sweeps_and_profiled():
    close_jobs.prepare(villages=3, people=10)
    assert close_jobs.publish(records=20, month=0) == 20
    done = close_jobs.close()
    assert (done["credited"], done["failed"]) == (20, 0)
    assert done["steps"].keys() == {"credit hours", "deliver events"}
    points = Record.objects.filter(state=Record.State.CREDITED).aggregate(total=Sum("points"))["total"]
    people = list(Resident.objects.all())
    assert sum(ledger.balance_of(one.wallet_key).spendable for one in people) == points == done["points"] > 0
    told = Message.objects.filter(kind__in=["points_credited", "earned_nothing"]).values("resident").distinct()
    assert told.count() == len(people) == 10
    again = close_jobs.close()
    assert again.get("credited", 0) == 0  # control: what is closed is not due

    close_jobs.publish(records=20, month=1)
    profile = close_jobs.profile()
    assert any("UPDATE service_record" in one["sql"] for one in profile["sql"])
    assert any("credit.py:_credit" in one["name"] for one in profile["cumulative"])
    made = {row.case: row for row in b7.rows([done], [0.0], profile, 20)}
    assert made["close-20"].figure == pytest.approx(20 / done["seconds"], rel=0.01)
    assert "UPDATE service_record" in made["statements"].note
