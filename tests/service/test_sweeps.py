"""One activity or one person that fails stops nobody else, is kept, and is tried again (K6)."""

from __future__ import annotations

import pytest

from tests.factories.service import World, at
from timebank.common.models import SweepFailure
from timebank.common.sweeps import open_failures
from timebank.common.tasks import task_sweep
from timebank.service import services
from timebank.service.models import Activity, Record
from timebank.service.services import attendance, credit

LATER = at(1, month=12)


def test_an_activity_that_cannot_be_closed_does_not_keep_the_others_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = world.activity(), world.activity(starts_at=at(20, 13), ends_at=at(20, 14))
    close = attendance._close

    def breaks(activity, *rest):
        if activity.pk == bad.pk:
            raise ZeroDivisionError("broken")
        return close(activity, *rest)

    monkeypatch.setattr(attendance, "_close", breaks)
    assert services.close_overdue(now=LATER) == [good.pk]
    failure = SweepFailure.objects.get()
    assert (failure.sweep, failure.subject, failure.code) == (
        "close forgotten activities",
        str(bad.pk),
        "ZeroDivisionError",
    )
    monkeypatch.setattr(attendance, "_close", close)
    assert services.close_overdue(now=LATER) == [bad.pk]
    assert not open_failures()
    assert not Activity.objects.filter(status=Activity.Status.OPEN).exists()


@pytest.mark.parametrize("batch", [1, 200])
def test_a_person_whose_hours_cannot_be_priced_does_not_keep_the_others_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    world.published(world.wang, world.li)
    price = credit.price

    def breaks(scheme, record, *rest):
        if record.resident_id == world.wang.pk:
            raise ZeroDivisionError("broken")
        return price(scheme, record, *rest)

    monkeypatch.setattr(credit, "price", breaks)
    assert services.credit_due(now=LATER, batch=batch).credited == 1
    assert [failure.subject for failure in open_failures()] == [str(world.wang.pk)]
    assert Record.objects.get(state="credited").resident == world.li
    monkeypatch.setattr(credit, "price", price)
    assert services.credit_due(now=LATER).credited == 1
    assert not open_failures()


def test_what_the_scheme_refuses_is_kept_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from timebank.service.models import SchemeAdoption

    world.published(world.wang)
    SchemeAdoption.objects.all().delete()
    report = services.credit_due(now=LATER)
    assert [row.code for row in report.failed] == [SweepFailure.objects.get().code]
    assert Record.objects.get().credit_problem == report.failed[0].code


def test_the_task_runs_what_the_app_declares(world: World) -> None:
    for name in ("credit hours", "close forgotten activities"):
        assert task_sweep(name) == {"handled": 0, "failed": 0}
