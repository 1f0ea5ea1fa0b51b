"""The fields of forms fold and bound as the readers do, and say so at the field."""

from __future__ import annotations

import datetime as dt

import pytest
from django import forms
from django.utils import timezone, translation

from timebank.common import fields


class Everything(forms.Form):
    name = fields.PersonNameField()
    about = fields.CleanCharField(required=False, lines=True, max_length=20)
    phone = fields.PhoneField(required=False)
    house = fields.HouseholdNumberField(required=False)
    card = fields.CodeField(required=False, max_length=12)
    number = fields.IdNumberField(required=False)
    pin = fields.PinField(required=False)
    places = fields.BoundedIntegerField(required=False, min_value=1, max_value=99)
    day = fields.BoundedDateField(required=False, least=lambda: dt.date(2026, 11, 1), most=dt.date(2026, 11, 30))
    starts = fields.BoundedDateTimeField(required=False)


def _errors(**typed: str) -> dict[str, list[str]]:
    with translation.override("en"):
        return {name: list(texts) for name, texts in Everything({"name": "王", **typed}).errors.items()}


def test_everything_is_folded():
    form = Everything(
        {
            "name": " 阿卜杜拉•买买提 ",
            "about": "一\r\n二\u200b",
            "phone": "+86 138-0000-1234",
            "house": "１２号",
            "card": "ab3-7",
            "number": "37l08219490101OO1x",
            "pin": "４８２６",
            "places": "２０",
            "day": "2026年11月3日",
            "starts": "2026-11-28T09:30",
        }
    )
    assert form.is_valid(), form.errors
    starts = form.cleaned_data.pop("starts")
    assert starts == dt.datetime(2026, 11, 28, 1, 30, tzinfo=dt.UTC)
    assert form.cleaned_data == {
        "name": "阿卜杜拉·买买提",
        "about": "一\n二",
        "phone": "13800001234",
        "house": "12",
        "card": "AB37",
        "number": "37108219490101001X",
        "pin": "4826",
        "places": 20,
        "day": dt.date(2026, 11, 3),
    }


@pytest.mark.parametrize(
    "name",
    ["𠮷田", "\ue863小明", "\U00031350", "Anne-Marie O’Neil", "བཀྲ་ཤིས", "王二（大）", "阿依古丽·买买提", "李3"],
)
def test_names_of_all_scripts_stay_as_they_are(name):
    form = Everything({"name": name})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["name"] == name


def test_nothing_is_nothing():
    form = Everything({"name": "王"})
    assert form.is_valid()
    assert set(form.cleaned_data.values()) == {"王", "", None}


@pytest.mark.parametrize("typed", ["\u200b", "\ufeff ", "\u3000"])
def test_what_shows_as_nothing_is_nothing(typed):
    assert _errors(name=typed) == {"name": ["This field is required."]}


@pytest.mark.parametrize(
    ("field", "typed", "start"),
    [
        ("name", "王" * 61, "Ensure this value has at most 60"),
        ("name", "王😀", "“😀” can't stand in a name"),
        ("name", "王*明", "“*” can't stand in a name"),
        ("name", "王/李", "“/” can't stand in a name"),
        ("phone", "138", "This mobile number is not right"),
        ("places", "²", "Write a whole number"),
        ("places", "9" * 5000, "Write a whole number"),
        ("places", "0", "Write a number from 1 to 99."),
        ("places", "100", "Write a number from 1 to 99."),
        ("day", "2026-10-31", "Choose a day from 2026-11-01 to 2026-11-30"),
        ("day", "9999-12-31", "Choose a day"),
        ("day", "x", "Write a day"),
        ("starts", "9999-12-31T00:00", "Choose a day"),
        ("starts", "x", "Write a day and time"),
    ],
)
def test_what_is_refused_says_why_at_its_field(field, typed, start):
    errors = _errors(**{field: typed})
    assert list(errors) == [field]
    assert errors[field][0].startswith(start)


def test_the_browser_knows_the_bounds():
    html = str(Everything()["day"])
    assert 'min="2026-11-01"' in html
    assert 'max="2026-11-30"' in html
    assert 'type="date"' in html


def test_bounds_are_said_in_plain_chinese():
    class Numbers(forms.Form):
        places = fields.BoundedIntegerField(min_value=1, max_value=2000)
        points = forms.DecimalField(min_value=0)
        born = fields.BirthDateField()

    with translation.override("zh-hans"):
        form = Numbers({"places": "0", "points": "-5", "born": "2999-01-01"})
        said = {name: texts[0] for name, texts in form.errors.items()}
    assert said["places"] == "请填写 1 到 2000 之间的数。"
    assert said["points"] == "请填不小于 0 的数。"
    assert said["born"].startswith("请选择 1900-01-01 到 ")
    assert said["born"].endswith(f"{timezone.localdate()} 之间的日期。")
