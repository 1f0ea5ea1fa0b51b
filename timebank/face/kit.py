"""Sample content of the kit page: every component once, with long and short words. Invented, for looking only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from timebank.common.errors import DomainError
from timebank.face import nav


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_lazy("Your name"), help_text=_lazy("As it stands on your card."))
    phone = forms.CharField(
        label=_lazy("Mobile number"), widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel"})
    )
    village = forms.ChoiceField(label=_lazy("Village"), choices=[("1", "辛旺庄"), ("2", "泽库")])
    day = forms.DateField(label=_lazy("Day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    place = forms.ChoiceField(
        label=_lazy("Where do you collect?"),
        choices=[("a", _lazy("Bath house")), ("b", _lazy("Village office"))],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(label=_lazy("Anything else?"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    agree = forms.BooleanField(label=_lazy("I have read the rules and agree"))


class SampleNav:
    """Menus as they look when the rooms have registered theirs."""

    def __init__(self) -> None:
        self.tabs = [
            nav.Item("home", _("Home"), "#", "home", active=True),
            nav.Item("redeem", _("Redeem"), "#", "gift"),
            nav.Item("tickets", _("My tickets"), "#", "ticket", count=2),
            nav.Item("me", _("Me"), "#", "person"),
        ]
        self.top = [nav.Item("basket", _("Basket"), "#", "basket", count=3)]
        self.desk = [
            nav.Item("today", _("Today"), "#", "home"),
            nav.Item("verify", _("Verify hours"), "#", "verify", active=True, count=14, group=_("Hours")),
            nav.Item("notice", _("Notice lists"), "#", "notice", group=_("Hours")),
            nav.Item("counter", _("Counter"), "#", "scan", group=_("Market")),
            nav.Item("stock", _("Stock"), "#", "stock", count=3, group=_("Market")),
        ]
        self.desk_entry = self.desk[0]


def content() -> dict[str, Any]:
    """Return what the kit pages show."""
    now = timezone.now()
    pictures = [f"{settings.STATIC_URL}catalogue/pictures/{code}.svg" for code in ("G001", "G005", "G101", "G203")]
    titles = [_("Soap"), _("Cooking oil, 5 litres, from the village press"), _("Bath ticket"), _("Haircut")]
    return {
        "empty_form": SampleForm(),
        "form": SampleForm({"name": "", "phone": "138", "village": "9", "day": "x"}),
        "refusal": DomainError(
            _("You have 80 points, this costs 120. Choose less, or come back after the next activity.")
        ),
        "rewards": [
            {"title": title, "picture": picture, "price": price, "old": old, "badge": badge, "tone": tone}
            for title, picture, price, old, badge, tone in zip(
                titles,
                pictures,
                (550, 12000, 500, 1450),
                (None, 13350, None, None),
                ("", _("9 of 10"), _("Collect today"), _("Sold out")),
                ("", "wheat", "good", "quiet"),
                strict=True,
            )
        ],
        "tiles": [
            {"label": _("To verify"), "value": 14, "tone": "warn", "icon": "verify", "note": _("oldest waits 3 days")},
            {"label": _("Tickets today"), "value": 128, "tone": "", "icon": "ticket", "note": ""},
            {"label": _("Points covered"), "value": "104 %", "tone": "good", "icon": "shield", "note": ""},
            {"label": _("Goods running low"), "value": 3, "tone": "bad", "icon": "basket", "note": ""},
        ],
        "headers": [_("Name"), _("Activity"), {"text": _("Time"), "num": True}, {"text": _("Points"), "num": True}],
        "rows": [
            [
                {"text": "于秀兰", "href": "#"},
                _("Clean the village"),
                {"minutes": 200},
                {"points": 333},
            ],
            [
                {"text": "王德福", "href": "#"},
                _("Lunch at the warm canteen"),
                {"minutes": 120},
                {"points": 200},
            ],
        ],
        "events": [
            {"when": now, "what": _("Handed over"), "who": _("Bath house clerk"), "why": "", "tone": "good"},
            {
                "when": now - dt.timedelta(days=2),
                "what": _("Returned"),
                "who": "王德福",
                "why": _("The time does not fit the list."),
                "tone": "warn",
            },
            {
                "when": now - dt.timedelta(days=400),
                "what": _("Written down"),
                "who": "于秀兰",
                "why": "",
                "tone": "quiet",
            },
        ],
        "facts": [
            (_("Where"), _("Bath house, east of the village square")),
            (_("When"), "14:00–20:00"),
            (_("Phone"), "0631-8210000"),
        ],
        "steps": [_("Choose"), _("Check"), _("Collect")],
        "tabs": [
            {"label": _("Ready"), "href": "#", "active": True, "count": 3},
            {"label": _("Used"), "href": "#", "active": False, "count": 12},
            {"label": _("Expired"), "href": "#", "active": False, "count": 0},
        ],
        "page": Paginator(range(90), 30).page(2),
        "now": now,
        "until": timezone.localdate() + dt.timedelta(days=400),
        "dialog_fields": {"code": "ABCDEFGHJK"},
        "nav": SampleNav(),
        "village": "辛旺庄",
        "icons": [
            "home",
            "gift",
            "ticket",
            "person",
            "basket",
            "search",
            "scan",
            "camera",
            "check",
            "cross",
            "warning",
            "clock",
            "calendar",
            "place",
            "hours",
            "points",
            "card",
            "printer",
            "plus",
            "minus",
            "arrow-right",
            "arrow-left",
            "arrow-down",
            "list",
            "bell",
            "stock",
            "shield",
            "language",
            "text-size",
            "logout",
            "help",
            "undo",
            "phone",
            "family",
            "chart",
            "verify",
            "notice",
            "edit",
            "download",
            "filter",
            "qr",
        ],
    }
