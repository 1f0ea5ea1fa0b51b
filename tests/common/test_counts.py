"""Many lists counted in one statement: the same figures as one by one."""

from __future__ import annotations

import pytest

from timebank.common.counts import Total, count_all
from timebank.common.models import KeptFigure


@pytest.mark.django_db
def test_one_statement_counts_what_each_list_holds(django_assert_num_queries):
    KeptFigure.objects.bulk_create(KeptFigure(name=name, scope=scope) for name in ("a", "b") for scope in "xyz")
    lists = {
        "all": KeptFigure.objects.order_by("name"),
        "one": KeptFigure.objects.filter(name="a").exclude(scope="x"),
        "distinct": KeptFigure.objects.filter(name__in=["a", "b"]).distinct(),
        "none": KeptFigure.objects.none(),
    }
    with django_assert_num_queries(1):
        counted = count_all(lists)
    assert counted == {"all": 6, "one": 2, "distinct": 6, "none": 0}
    assert counted == {name: rows.count() for name, rows in lists.items()}
    totals = {"one": Total(lists["one"], "pk"), "nothing": Total(KeptFigure.objects.filter(name="c"), "pk")}
    assert count_all(totals) == {"one": sum(lists["one"].values_list("pk", flat=True)), "nothing": 0}
    with django_assert_num_queries(0):
        assert count_all({"none": KeptFigure.objects.none()}) == {"none": 0}
