"""Sample content of the style guide: every component once, with long and short words. Invented, for looking only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.utils import timezone

from timebank.common.errors import DomainError
from timebank.common.fields import BoundedDateField, CleanCharField, PersonNameField, PhoneField
from timebank.ui import menus
from timebank.ui.styleguide.samples import lazy_say, say


class SampleForm(forms.Form):
    """One field of each kind."""

    name = PersonNameField(label=lazy_say("Your name"), help_text=lazy_say("As it stands on your card."))
    phone = PhoneField(
        label=lazy_say("Mobile number"), widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel"})
    )
    village = forms.ChoiceField(label=lazy_say("Village"), choices=[("1", "辛旺庄"), ("2", "泽库")])
    day = BoundedDateField(label=lazy_say("Day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    place = forms.ChoiceField(
        label=lazy_say("Where do you collect?"),
        choices=[("a", lazy_say("Bath house")), ("b", lazy_say("Village office"))],
        widget=forms.RadioSelect,
    )
    note = CleanCharField(
        label=lazy_say("Anything else?"), required=False, widget=forms.Textarea(attrs={"rows": 3}), lines=True
    )
    agree = forms.BooleanField(label=lazy_say("I have read the rules and agree"))


class SampleMenus:
    """Menus as they look when the apps have registered theirs."""

    def __init__(self) -> None:
        self.tabs = [
            menus.Item("home", say("Home"), "#", "home", active=True),
            menus.Item("redeem", say("Redeem"), "#", "gift"),
            menus.Item("tickets", say("My tickets"), "#", "ticket", count=2),
            menus.Item("me", say("Me"), "#", "person"),
        ]
        self.top = [menus.Item("basket", say("Basket"), "#", "basket", count=3)]
        self.desk = [
            menus.Item("today", say("Today"), "#", "home"),
            menus.Item("verify", say("Verify hours"), "#", "verify", active=True, count=14, group=say("Hours")),
            menus.Item("notice", say("Notice lists"), "#", "notice", group=say("Hours")),
            menus.Item("counter", say("Counter"), "#", "scan", group=say("Market")),
            menus.Item("stock", say("Stock"), "#", "stock", count=3, group=say("Market")),
        ]
        self.desk_entry = self.desk[0]


def content() -> dict[str, Any]:
    """Return what the pages show."""
    now = timezone.now()
    pictures = [f"{settings.STATIC_URL}catalogue/pictures/{code}.svg" for code in ("G001", "G005", "G101", "G203")]
    titles = [say("Soap"), say("Cooking oil, 5 litres, from the village press"), say("Bath ticket"), say("Haircut")]
    return {
        "empty_form": SampleForm(),
        "form": SampleForm({"name": "", "phone": "138", "village": "9", "day": "x"}),
        "refusal": DomainError(say("You have 80 points, this costs 120. Choose less.")),
        "rewards": [
            {"title": title, "picture": picture, "price": price, "old": old, "badge": badge, "tone": tone}
            for title, picture, price, old, badge, tone in zip(
                titles,
                pictures,
                (550, 12000, 500, 1450),
                (None, 13350, None, None),
                ("", say("9 of 10"), say("Collect today"), say("Sold out")),
                ("", "wheat", "good", "quiet"),
                strict=True,
            )
        ],
        "tiles": [
            {
                "label": say("To verify"),
                "value": 14,
                "tone": "warn",
                "icon": "verify",
                "note": say("oldest: 3 days"),
            },
            {"label": say("Tickets today"), "value": 128, "tone": "", "icon": "ticket", "note": ""},
            {"label": say("Points covered"), "value": "104 %", "tone": "good", "icon": "shield", "note": ""},
            {"label": say("Goods running low"), "value": 3, "tone": "bad", "icon": "basket", "note": ""},
        ],
        "headers": [
            say("Name"),
            say("Activity"),
            {"text": say("Time"), "num": True},
            {"text": say("Points"), "num": True},
        ],
        "rows": [
            [
                {"text": "于秀兰", "href": "#"},
                say("Clean the village"),
                {"minutes": 200},
                {"points": 333},
            ],
            [
                {"text": "王德福", "href": "#"},
                say("Lunch at the warm canteen"),
                {"minutes": 120},
                {"points": 200},
            ],
        ],
        "events": [
            {"when": now, "what": say("Handed over"), "actor": say("Bath house clerk"), "reason": "", "tone": "good"},
            {
                "when": now - dt.timedelta(days=2),
                "what": say("Returned"),
                "actor": "王德福",
                "reason": say("The time does not fit the list."),
                "tone": "warn",
            },
            {
                "when": now - dt.timedelta(days=400),
                "what": say("Written down"),
                "actor": "于秀兰",
                "reason": "",
                "tone": "quiet",
            },
        ],
        "facts": [
            (say("Where"), say("Bath house, east of the village square")),
            (say("When"), "14:00–20:00"),
            (say("Phone"), "0631-8210000"),
        ],
        "steps": [say("Choose"), say("Check"), say("Collect")],
        "tabs": [
            {"label": say("Ready"), "href": "#", "active": True, "count": 3},
            {"label": say("Used"), "href": "#", "active": False, "count": 12},
            {"label": say("Expired"), "href": "#", "active": False, "count": 0},
        ],
        "page": Paginator(range(90), 30).page(2),
        "now": now,
        "until": timezone.localdate() + dt.timedelta(days=400),
        "dialog_fields": {"code": "ABCDEFGHJK"},
        "bars": [
            {"label": say("Clean the village"), "value": 4200, "text": "42"},
            {"label": say("Lunch at the warm canteen"), "value": 1850, "text": "18.5"},
            {"label": say("Bath ticket"), "value": 300, "text": "3", "tone": "good"},
        ],
        "menus": SampleMenus(),
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
