"""One way in which a form shows what a service refuses."""

from __future__ import annotations

from django import forms

from timebank.common.errors import DomainError, KeyConflict
from timebank.ui.forms import BaseForm


class Sheet(BaseForm):
    name = forms.CharField()


class Refused(DomainError):
    code = "refused"


def test_a_refusal_stands_at_its_field_or_above_the_form():
    for field, place in (("name", "name"), ("elsewhere", "__all__"), ("", "__all__")):
        form = Sheet({"name": "x"})
        assert form.is_valid()
        form.refuse(Refused(field=field))
        assert list(form.errors) == [place]
        assert form.status == 422


def test_a_key_that_meant_something_else_answers_with_its_own_status():
    form = Sheet({"name": "x"})
    form.refuse(KeyConflict())
    assert (list(form.errors), form.status) == (["__all__"], KeyConflict.status)
