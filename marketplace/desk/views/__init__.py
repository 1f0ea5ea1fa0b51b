"""Pages of the village desk."""

from __future__ import annotations

from marketplace.desk.views.home import home, tile
from marketplace.desk.views.hours import activities, record, verify
from marketplace.desk.views.notices import notice, notice_print, objection, publish
from marketplace.desk.views.people import (
    add_helper,
    answer_request,
    block_card,
    end_helper,
    issue_card,
    register,
    resident,
    residents,
)
from marketplace.desk.views.reports import month, statement
from marketplace.desk.views.shelf import stock, stock_item, tickets
from marketplace.desk.views.staff import end_role, hand_over, staff

__all__ = [
    "activities",
    "add_helper",
    "answer_request",
    "block_card",
    "end_helper",
    "end_role",
    "hand_over",
    "home",
    "issue_card",
    "month",
    "notice",
    "notice_print",
    "objection",
    "publish",
    "record",
    "register",
    "resident",
    "residents",
    "staff",
    "statement",
    "stock",
    "stock_item",
    "tickets",
    "tile",
    "verify",
]
