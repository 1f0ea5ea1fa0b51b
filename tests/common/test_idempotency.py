"""A key does a thing once; the second asking gets the first answer, other content is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django import forms
from django.contrib.sites.models import Site
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from timebank.common import retention, sweeps
from timebank.common.errors import DomainError, KeyConflict
from timebank.common.idempotency import IdempotentForm, content_hash, key_input, new_key, once
from timebank.common.input import InvalidInput
from timebank.common.models import IdempotencyKey

pytestmark = pytest.mark.django_db


def _create(name="a"):
    return Site.objects.create(domain=f"{new_key()}.example", name=name)


def _once(key, content="x", actor="1", scope="site", create=_create):
    return once(key=key, actor=actor, scope=scope, content=content, create=create)


def test_the_second_asking_gets_the_first_answer():
    key = new_key()
    before = Site.objects.count()
    first, second = _once(key), _once(key)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.result == second.result
    assert Site.objects.count() == before + 1
    assert _once(new_key()).result != first.result


@pytest.mark.parametrize("changed", [{"content": "y"}, {"actor": "2"}, {"scope": "other"}])
def test_the_same_key_for_anything_else_is_a_conflict(changed):
    key = new_key()
    _once(key)
    count = Site.objects.count()
    with pytest.raises(KeyConflict) as refused:
        _once(key, **changed)
    assert (refused.value.status, refused.value.code) == (409, "key_conflict")
    assert Site.objects.count() == count


def test_what_was_refused_may_be_sent_again_under_its_key():
    key = new_key()

    def refuse():
        _create()
        raise DomainError("no")

    count = Site.objects.count()
    with pytest.raises(DomainError, match="no"):
        _once(key, create=refuse)
    assert Site.objects.count() == count
    assert not _once(key, content="put right").replayed


@pytest.mark.parametrize("result", [None, 5, "text", [1, 2], {"a": 1}])
def test_plain_results_are_kept(result):
    key = new_key()
    _once(key, create=lambda: result)
    assert _once(key).result == result


def test_rows_are_looked_up_and_may_be_gone():
    key, sites = new_key(), []
    _once(key, create=lambda: (sites.append(_create()), sites[0])[1:])
    assert _once(key).result == sites
    sites[0].delete()
    assert _once(key).result == [None]


@pytest.mark.parametrize("key", ["", None, "short", "x" * 65, "with space here", "nul\0nul\0nul"])
def test_what_can_be_no_key_is_refused(key):
    with pytest.raises(InvalidInput):
        _once(key)


def test_content_is_the_same_in_any_order_and_differs_in_anything():
    site = _create()
    content = {
        "a": [1, Decimal("1.50"), None, True],
        "day": dt.date(2026, 11, 28),
        "row": site,
        "rows": Site.objects.filter(pk=site.pk),
        "set": {"x", "y"},
        "file": SimpleUploadedFile("a.csv", b"1"),
    }
    same = dict(reversed(content.items())) | {"set": {"y", "x"}, "file": SimpleUploadedFile("a.csv", b"1")}
    assert content_hash(content) == content_hash(same)
    for name, other in (
        ("a", [1, Decimal("1.51"), None, True]),
        ("day", dt.date(2026, 11, 29)),
        ("row", _create()),
        ("rows", Site.objects.none()),
        ("set", {"x"}),
        ("file", SimpleUploadedFile("a.csv", b"2")),
    ):
        assert content_hash(content) != content_hash({**content, name: other}), name
    assert content_hash("\ud800")


def test_keys_are_forgotten_after_their_time(time_machine):
    now = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    time_machine.move_to(now, tick=False)
    key = new_key()
    _once(key)
    sweep = next(one for one in retention.SWEEPS if one.name == "forget once-only keys")
    sweeps.run(sweep, now=now + dt.timedelta(days=89))
    assert IdempotencyKey.objects.count() == 1
    sweeps.run(sweep, now=now + dt.timedelta(days=91))
    assert not IdempotencyKey.objects.exists()


# -- Forms -------------------------------------------------------------------------------------------------------------
class SiteForm(IdempotentForm):
    name = forms.CharField(max_length=10)


def _sent(**data):
    query = QueryDict(mutable=True)
    query.update(data)
    return SiteForm(query)


def _save(form, extra=None):
    assert form.is_valid(), form.errors
    return form.once(actor="1", scope="site", create=lambda: _create(form.cleaned_data["name"]), extra=extra)


def test_every_empty_form_carries_a_key_of_its_own():
    keys = {SiteForm()["idempotency_key"].value() for _ in range(3)}
    assert len(keys) == 3
    assert 'type="hidden" name="idempotency_key"' in str(SiteForm())
    assert 'name="idempotency_key"' in key_input()
    form = SiteForm()
    assert form["idempotency_key"].value() == form["idempotency_key"].value()


def test_a_form_sent_twice_creates_once():
    key = new_key()
    first, second = _save(_sent(name="a", idempotency_key=key)), _save(_sent(name="a", idempotency_key=key))
    assert first.result == second.result
    assert second.replayed


def test_a_form_sent_with_other_content_is_refused_and_may_then_be_sent_on_purpose():
    key = new_key()
    _save(_sent(name="a", idempotency_key=key))
    form = _sent(name="b", idempotency_key=key)
    with pytest.raises(KeyConflict):
        _save(form)
    fresh = form["idempotency_key"].value()
    assert fresh != key
    assert not _save(_sent(name="b", idempotency_key=fresh)).replayed


def test_what_stands_beside_the_form_counts():
    key = new_key()
    _save(_sent(name="a", idempotency_key=key), extra="shelf 1")
    with pytest.raises(KeyConflict):
        _save(_sent(name="a", idempotency_key=key), extra="shelf 2")


@pytest.mark.parametrize("data", [{}, {"idempotency_key": ""}, {"idempotency_key": "\0"}])
def test_without_a_key_a_form_is_done_each_time(data):
    if data.get("idempotency_key") == "\0":
        assert not _sent(name="a", **data).is_valid()  # NUL is refused by the field
        return
    assert _save(_sent(name="a", **data)).result != _save(_sent(name="a", **data)).result
