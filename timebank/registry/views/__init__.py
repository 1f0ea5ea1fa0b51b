"""Pages of the registry."""

from __future__ import annotations

from timebank.registry.views import forgotten, looks, offices, people, phones, security
from timebank.registry.views.acting import acting
from timebank.registry.views.cards import block_my_card, card, card_print, my_card, my_pin
from timebank.registry.views.lists import refused_rows, resident_list, resident_lists, residents_to_fill_in
from timebank.registry.views.me import answer_helper, end_helper, export, helpers, leave, me, password, profile
from timebank.registry.views.sign import SignInView, join, sign_out

__all__ = [
    "SignInView",
    "acting",
    "answer_helper",
    "block_my_card",
    "card",
    "card_print",
    "end_helper",
    "export",
    "forgotten",
    "helpers",
    "join",
    "leave",
    "looks",
    "me",
    "my_card",
    "my_pin",
    "offices",
    "password",
    "people",
    "phones",
    "profile",
    "refused_rows",
    "resident_list",
    "resident_lists",
    "residents_to_fill_in",
    "security",
    "sign_out",
]
