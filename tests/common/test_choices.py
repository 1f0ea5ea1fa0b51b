"""A choice of many is typed: a number names one, words fit one, several are named, and a short list stays a list."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.exceptions import FieldError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.datastructures import MultiValueDict

from tests.factories.payments import place
from timebank.common import choices
from timebank.common.choices import MOST, OneOfManyField, SomeOfManyField
from timebank.registry.fields import RegionField
from timebank.registry.models import Region

pytestmark = pytest.mark.django_db


class Form(forms.Form):
    place = RegionField(label="Place", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].queryset = Region.objects.filter(level="village").order_by("path")  # type: ignore[attr-defined]


class SomeForm(forms.Form):
    places = SomeOfManyField(None, numbers=("code",), names=("short_name",), label="Places", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["places"].queryset = Region.objects.filter(level="village")  # type: ignore[attr-defined]


@pytest.fixture
def villages() -> list[Region]:
    town = place(None, "371082100000", "泽库镇", "town")
    names = ["周家", "周家庄", *(f"第{number}村" for number in range(MOST))]
    return [place(town, f"3710821002{number:02d}", name, "village") for number, name in enumerate(names)]


def chosen(text: object) -> tuple[Any, str]:
    form = Form({"place": text})
    form.is_valid()
    return form.cleaned_data.get("place"), " ".join(form.errors.get("place", []))


def test_a_short_list_is_a_list_in_one_statement(villages: list[Region]) -> None:
    Region.objects.filter(pk__in=[village.pk for village in villages[10:]]).update(level="county")
    with CaptureQueriesContext(connection) as seen:
        shown = str(Form()["place"])
    assert "<select" in shown
    assert "周家庄" in shown
    assert len(seen) == 1
    assert chosen(villages[0].pk) == (villages[0], "")
    assert chosen("周家")[0] is None  # a list is chosen from, not typed


def test_a_long_one_is_typed_and_asks_for_no_more_rows_than_show_that(villages: list[Region]) -> None:
    with CaptureQueriesContext(connection) as seen:
        shown = str(Form({"place": "<周>"})["place"])
    assert "<select" not in shown
    assert 'value="&lt;周&gt;"' in shown
    assert f"LIMIT {MOST + 1}" in seen[0]["sql"]
    assert f'value="{villages[3].code}"' in str(Form(initial={"place": villages[3].pk})["place"])


def test_what_names_one_is_taken_and_what_fits_several_is_asked(villages: list[Region]) -> None:
    assert chosen(villages[1].code) == (villages[1], "")
    assert chosen(" 周家 ") == (villages[0], "")  # the whole name, though it is within another
    assert chosen("家庄") == (villages[1], "")
    assert chosen("第7村") == (villages[9], "")
    assert chosen(f"周家 ({villages[0].code})") == (villages[0], "")  # as the question names it
    assert chosen("") == (None, "")
    for text in ("周", "第 村", "%", "_"):
        found, error = chosen(text)
        assert found is None
        assert error, text
    assert "周家庄" in chosen("周")[1]
    assert villages[1].code in chosen("周")[1]
    for text in ("李家", "\x00", "²", "9" * 400, villages[0].pk, villages[7].code[-3:], "周家' OR 1=1"):
        found, error = chosen(text)
        assert found is None, text
        assert error or text == "\x00"


def test_what_is_not_among_the_choices_is_not_found(villages: list[Region]) -> None:
    town = Region.objects.get(level="town")
    assert chosen(town.code)[0] is None
    assert chosen(town.name)[0] is None


def test_several_are_typed_one_on_each_line(villages: list[Region]) -> None:
    assert "<textarea" in str(SomeForm()["places"])
    form = SomeForm(MultiValueDict({"places": [f"周家\n\n{villages[1].code}\n"]}))
    assert form.is_valid()
    assert set(form.cleaned_data["places"]) == set(villages[:2])
    wrong = SomeForm(MultiValueDict({"places": ["周家\n李家"]}))
    assert not wrong.is_valid()
    assert "李家" in str(wrong.errors["places"])
    assert SomeForm(MultiValueDict()).is_valid()


def test_control_without_the_bound_a_county_is_one_long_list(
    villages: list[Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "MOST", 10_000)
    assert str(Form()["place"]).count("<option") == len(villages) + 1


def test_where_there_is_one_to_choose_it_is_chosen(villages: list[Region]) -> None:
    Region.objects.filter(pk__in=[village.pk for village in villages[1:]]).update(level="county")
    form = Form()
    assert str(form["place"]).count("<option") == 2  # it may stay empty
    form.fields["place"].required = True
    assert str(form["place"]).count("<option") == 1


def test_a_name_that_the_rows_have_not_is_found_however_few_they_are() -> None:
    field = OneOfManyField(None, names=("name", "village__name"))
    with pytest.raises(FieldError):
        field.queryset = Region.objects.none()


def test_what_is_typed_at_once_is_bounded(villages: list[Region]) -> None:
    form = SomeForm(MultiValueDict({"places": ["周家\n" * (choices.LINES + 1)]}))
    assert "at most" in str(form.errors["places"]) or "最多" in str(form.errors["places"])
