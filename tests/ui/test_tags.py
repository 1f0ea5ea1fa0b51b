"""Template tags: dates, icons, QR codes, fields."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils.translation import override

from timebank.common.errors import DomainError

NOW = dt.datetime(2026, 11, 22, 17, 30, tzinfo=dt.UTC)  # the next morning in Asia/Shanghai


def show(source: str, language: str = "en", **context) -> str:
    with override(language):
        return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        ("{{ t|day }}", "Mon 23 Nov", "11月23日 星期一"),
        ("{{ t|day:'full' }}", "Mon 23 Nov 2026", "2026年11月23日 星期一"),
        ("{{ t|day:'date' }}", "23 Nov 2026", "2026年11月23日"),
        ("{{ t|timestamp }}", "23 Nov, 01:30", "11月23日 01:30"),
        ("{{ t|clock }}", "01:30", "01:30"),
        ("{{ old|day }}", "Wed 31 Dec 2025", "2025年12月31日 星期三"),
        ("{{ none|day }}{{ none|timestamp }}{{ none|clock }}{% when none %}", "", ""),
        (
            "{% when t %}",
            '<time datetime="2026-11-23T01:30:00+08:00">23 Nov, 01:30</time>',
            '<time datetime="2026-11-23T01:30:00+08:00">11月23日 01:30</time>',
        ),
    ],
)
def test_dates_are_shanghai_days_in_the_readers_language(source, english, chinese):
    with time_machine.travel(NOW, tick=False):
        context = {"t": NOW, "old": dt.date(2025, 12, 31), "none": None}
        assert show(source, "en", **context) == english
        assert show(source, "zh-hans", **context) == chinese


def test_points_figure_marks_number_and_unit_apart():
    include = "{% include 'ui/components/points.html' with value=12000 old=13350 only %}"
    html = show(include, "zh-hans")
    assert '<span class="figure">120</span><span class="unit"> 积分</span>' in html
    assert "<s>133.5</s>" in html
    assert "原价：" in html  # struck-through alone says nothing to a screen reader
    assert "minus" in show("{% include 'ui/components/points.html' with value=v signed=True only %}", v=-550)


def test_icons_are_silent_unless_named():
    silent, named = show("{% icon 'home' %}"), show("{% icon 'home' label=name %}", name='<"x">')
    assert 'aria-hidden="true"' in silent
    assert "role=" not in silent
    assert 'role="img" aria-label="&lt;&quot;x&quot;&gt;"' in named


def test_qr_is_drawn_inline_and_has_a_name():
    html = show("{% qr text label='Ticket' %}", text="HTTPS://SHANJI.EXAMPLE/T/ABCDEFGHJK")
    assert '<span class="qr" role="img" aria-label="Ticket"><svg' in html
    assert " style=" not in html
    assert "SHANJI" not in html  # the text is in the modules only; test_browser reads it back


class Form(forms.Form):
    name = forms.CharField(label="Name", help_text="As on the card")
    place = forms.ChoiceField(label="Where?", choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agree = forms.BooleanField(label="Agree")
    secret = forms.CharField(widget=forms.HiddenInput)


def test_fields_tie_label_help_and_error_to_the_control():
    html = show("{% field form.name %}", form=Form({}))
    control = re.search(r"<input[^>]*>", html).group()
    assert '<label class="field__label" for="id_name">' in html
    assert 'aria-invalid="true"' in control
    described = re.search(r'aria-describedby="([^"]*)"', control).group(1).split()
    assert described == ["id_name_helptext", "id_name_error"]
    for identifier in described:
        assert f'id="{identifier}"' in html


def test_choices_stand_in_a_fieldset_and_a_box_has_its_label_beside_it():
    html = show("{% field form.place %}{% field form.agree %}", form=Form())
    assert "<fieldset" in html
    assert "<legend" in html
    assert '<label for="id_agree">Agree</label>' in html


def test_error_summary_leads_to_each_field_and_names_hidden_ones_without_a_link():
    include = "{% include 'ui/components/error_summary.html' %}"
    html = show(include, form=Form({}))
    assert re.findall(r'href="(#[^"]*)"', html) == ["#id_name", "#id_place_0", "#id_agree"]
    assert "Where: This field is required." in html
    assert html.count("<li>") == 4
    assert 'tabindex="-1"' in html
    assert "data-focus" in html
    assert show(include, form=Form()).strip() == ""


def test_error_summary_says_a_refusal():
    html = show("{% include 'ui/components/error_summary.html' %}", error=DomainError("Too few <points>"))
    assert "Too few &lt;points&gt;" in html


def test_plain_sentences_replace_djangos():
    assert "这一项要填。" in show("{% field form.name %}", "zh-hans", form=Form({}))


def test_qs_changes_and_removes():
    request = RequestFactory().get("/?q=%E6%B4%97&page=2&page=3")
    assert show("{% qs page=4 %}", request=request) == "?q=%E6%B4%97&amp;page=4"
    assert show("{% qs page=None q=None %}", request=request) == "?"


def test_table_escapes_and_labels_every_cell():
    html = show(
        "{% include 'ui/components/table.html' with caption='Hours' headers=headers rows=rows only %}",
        headers=["Name", {"text": "Points", "num": True}],
        rows=[[{"text": "<b>", "href": "/x/"}, {"points": 333}]],
    )
    assert '<td role="cell" data-label="Name"><a href="/x/">&lt;b&gt;</a></td>' in html
    assert '<td role="cell" data-label="Points" class="num">3.33</td>' in html


def test_code_is_grouped_for_the_eye():
    assert show("{{ code|spaced }}", code="ABCDEFGHJK") == "ABC DEF GHJK"
    assert show("{{ code|spaced }}", code="AB") == "AB"


def test_bars_are_measured_against_the_longest_and_say_their_numbers():
    html = show(
        "{% bars rows label='By month' %}",
        rows=[{"label": "May", "value": 200, "text": "2 h"}, {"label": "June", "value": 50, "text": "30 min"}],
    )
    assert re.findall(r'bars__fill--wheat" width="(\d+)"', html) == ["1000", "250"]
    assert re.findall(r"<dt>(.*?)</dt>", html) == ["May", "June"]
    assert re.findall(r'bars__text">(.*?)<', html) == ["2 h", "30 min"]
    assert "bars__row" not in show("{% bars rows %}", rows=[])
