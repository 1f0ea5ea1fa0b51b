"""Who gets what at which address. A new address without a row fails the suite.

The answers: ``ok`` a page (200), ``go`` a redirect within the site, ``in`` a redirect to the sign-in page, otherwise
the status. A row names the people of ``people.ROLES`` whose answer is not the row's default, so that a new role takes
its place in every row by itself.
"""

from __future__ import annotations

Row = dict[str, str]


def answers(default: str, **named: str) -> Row:
    """Return a row: what everybody gets, except who is named."""
    return {"default": default, **named}


def members(default: str = "ok", **named: str) -> Row:
    """Return a row for a page that first wants a sign-in."""
    return {"default": default, "nobody": "in", **named}


def closed(**named: str) -> Row:
    """Return a row for a page that does not exist for strangers: 404 to all but those who are named."""
    return members("404", **named)


EVERYBODY = answers("ok")
MEMBERS = members()
NOBODY = answers("405")  # takes only POST

# What a GET answers.
MATRIX: dict[str, Row] = {
    "common:healthz": EVERYBODY,
    "common:readyz": EVERYBODY,
    "ui:language": NOBODY,
    "ui:size": NOBODY,
    "ui:manifest": EVERYBODY,
    "ui:styleguide": EVERYBODY,
    "ui:styleguide_desk": EVERYBODY,
    "ui:styleguide_print": EVERYBODY,
    "ui:styleguide_error": answers("404"),
    "ledger:verify": EVERYBODY,
    "registry:sign_in": answers("go", nobody="ok"),
    "registry:sign_out": NOBODY,
    "registry:register": answers("ok", holder="go", neighbour="go", stranger="go"),
    "registry:me": MEMBERS,
    "registry:profile": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:password": MEMBERS,
    "registry:my_card": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:my_pin": closed(holder="ok"),
    "registry:block_my_card": closed(holder="ok", neighbour="go", stranger="go"),
    "registry:helpers": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:end_helper": members("405"),
    "registry:export": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:leave": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:acting": MEMBERS,
    "registry:resident_lists": closed(admin="ok", town="ok"),
    "registry:resident_list": closed(admin="ok", town="ok"),
    "registry:refused_rows": closed(admin="ok"),
    "registry:card_print": closed(holder="ok", admin="ok"),
    "registry:card": members("go"),
    "rewards:home": answers("go", nobody="ok", holder="ok", neighbour="ok", stranger="ok"),
    "rewards:confirm": MEMBERS,
    "rewards:redemption": closed(holder="ok", clerk="ok", admin="ok"),
    "rewards:cancel_all": closed(holder="ok", clerk="ok", admin="ok"),
    "rewards:tickets": MEMBERS,
    "rewards:ticket": closed(holder="ok", clerk="ok", admin="ok"),
    "rewards:cancel": closed(holder="ok", clerk="ok", admin="ok"),
    "rewards:ticket_by_qr": answers("go"),
    "rewards:statement": closed(holder="ok", neighbour="ok", stranger="ok"),
    "counter:desk": members("ok", clerk="go"),
    "counter:scan": closed(clerk="ok", admin="ok"),
    "counter:today": closed(clerk="ok", admin="ok"),
    "counter:undo": NOBODY,
    "counter:sale": closed(clerk="ok", admin="ok"),
    "counter:receipt": closed(clerk="ok", admin="ok"),
    "counter:undo_sale": NOBODY,
    "javascript-catalog": EVERYBODY,
    "catalogue:index": EVERYBODY,
    "catalogue:detail": EVERYBODY,
    "catalogue:category": EVERYBODY,
    "basket:summary": EVERYBODY,
    "basket:add": NOBODY,
    "basket:line": NOBODY,
    "service:activities": MEMBERS,
    "service:activity": closed(
        holder="ok", neighbour="ok", leader="ok", keeper="ok", admin="ok", town="ok", operator="ok"
    ),
    "service:sign_up": members("405"),
    "service:withdraw": closed(holder="ok", neighbour="go"),
    "service:attend": MEMBERS,
    "service:hours": MEMBERS,
    "service:record": closed(holder="ok", leader="ok", admin="ok", town="ok", operator="ok"),
    "service:record_name": members("405"),
    "service:lead": closed(leader="ok", admin="ok", far_admin="ok"),
    "service:lead_new": closed(leader="ok", admin="ok", far_admin="ok"),
    "service:lead_activity": closed(leader="ok", admin="ok"),
    "service:lead_code": closed(leader="ok", admin="ok"),
    "service:lead_tap": members("405"),
    "service:lead_card": members("405"),
    "service:lead_places": members("405"),
    "service:lead_close": closed(leader="ok", admin="ok"),
    "service:lead_cancel": closed(leader="ok", admin="ok"),
    "service:lead_enter": closed(leader="ok", admin="ok"),
    "service:schemes": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "service:scheme": MEMBERS,
    "service:scheme_compare": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "service:scheme_adopt": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="403"),
    "service:scheme_import": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="403"),
    "service:scheme_copy": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="403"),
    "service:scheme_approve": closed(keeper="403", admin="403", town="ok", operator="403"),
    "service:scheme_discard": NOBODY,
    "service:scheme_simulate": closed(keeper="403", admin="ok", town="ok", operator="403"),
    "service:scheme_new_rule": closed(keeper="403", admin="403", town="ok", operator="403"),
    "service:scheme_rule": closed(keeper="403", admin="403", town="ok", operator="403"),
    "service:notice": EVERYBODY,
    "service:notice_print": EVERYBODY,
    "service:object": closed(holder="ok", neighbour="ok"),
    "desk:home": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:tile": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:verify": closed(keeper="403", admin="ok", far_admin="ok", town="403", operator="403"),
    "desk:record": closed(keeper="403", admin="ok", town="403", operator="403"),
    "desk:notice": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:publish": NOBODY,
    "desk:notice_print": closed(keeper="403", admin="ok", town="ok", operator="ok"),
    "desk:objection": closed(keeper="403", admin="ok", town="ok", operator="ok"),
    "desk:activities": closed(keeper="403", admin="ok", far_admin="ok", town="403", operator="403"),
    "desk:residents": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:register": closed(keeper="403", admin="ok", far_admin="ok", town="403", operator="403"),
    "desk:resident": closed(keeper="403", admin="ok", town="ok", operator="ok"),
    "desk:answer_request": NOBODY,
    "desk:issue_card": closed(keeper="403", admin="ok", town="403", operator="403"),
    "desk:block_card": closed(keeper="403", admin="ok", town="403", operator="403"),
    "desk:add_helper": closed(keeper="403", admin="ok", town="403", operator="403"),
    "desk:end_helper": NOBODY,
    "desk:stock": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:stock_item": closed(keeper="ok", admin="ok", town="ok", operator="ok"),
    "desk:tickets": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:statement": closed(keeper="ok", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:month": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:staff": closed(keeper="403", admin="ok", far_admin="ok", town="ok", operator="ok"),
    "desk:end_role": NOBODY,
}

# What an empty POST answers. Where it answers 405 to all, it need not be named.
POSTED: dict[str, Row] = {
    "ui:language": answers("go"),
    "ui:size": answers("go"),
    "ledger:verify": answers("422"),
    "registry:sign_in": answers("go", nobody="ok"),
    "registry:sign_out": answers("in"),
    "registry:register": answers("ok", holder="go", neighbour="go", stranger="go"),
    "rewards:confirm": members("ok", holder="409", neighbour="409", stranger="409"),
    "rewards:cancel_all": closed(holder="go", clerk="422", admin="422"),
    "rewards:cancel": closed(holder="go", clerk="422", admin="422"),
    "counter:scan": closed(clerk="go", admin="go"),
    "counter:undo": closed(clerk="go", admin="go"),
    "counter:sale": closed(clerk="go", admin="go"),
    "counter:undo_sale": closed(clerk="go", admin="go"),
    "registry:profile": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:password": MEMBERS,
    "registry:my_pin": closed(holder="ok"),
    "registry:block_my_card": closed(holder="ok", neighbour="go", stranger="go"),
    "registry:helpers": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:end_helper": closed(holder="go", admin="go"),
    "registry:leave": closed(holder="ok", neighbour="ok", stranger="ok"),
    "registry:acting": members("422"),
    "registry:resident_lists": closed(admin="422", town="403"),
    "registry:resident_list": closed(admin="ok", town="ok"),
    "basket:add": members("go"),
    "basket:line": closed(holder="go"),
    "service:sign_up": closed(holder="go", neighbour="go"),
    "service:withdraw": closed(holder="go", neighbour="409"),
    "service:attend": closed(
        holder="ok",
        neighbour="ok",
        leader="ok",
        clerk="ok",
        keeper="ok",
        admin="ok",
        far_admin="ok",
        town="ok",
        operator="ok",
    ),
    "service:record_name": closed(holder="go"),
    "service:lead_new": closed(leader="ok", admin="ok", far_admin="ok"),
    "service:lead_tap": closed(),
    "service:lead_card": closed(leader="422", admin="422"),
    "service:lead_places": closed(leader="422", admin="422"),
    "service:lead_close": closed(leader="409", admin="409"),
    "service:lead_cancel": closed(leader="ok", admin="ok"),
    "service:lead_enter": closed(leader="ok", admin="ok"),
    "service:object": closed(holder="ok", neighbour="ok"),
    "service:scheme_adopt": closed(keeper="403", admin="422", far_admin="422", town="422", operator="403"),
    "service:scheme_import": closed(keeper="403", admin="422", far_admin="422", town="422", operator="403"),
    "service:scheme_copy": closed(keeper="403", admin="422", far_admin="422", town="422", operator="403"),
    "service:scheme_approve": closed(keeper="403", admin="403", town="422", operator="403"),
    "service:scheme_discard": closed(keeper="403", admin="403", town="go", operator="403"),
    "service:scheme_new_rule": closed(keeper="403", admin="403", town="422", operator="403"),
    "service:scheme_rule": closed(keeper="403", admin="403", town="422", operator="403"),
    "desk:verify": closed(keeper="403", admin="go", far_admin="go", town="403", operator="403"),
    "desk:record": closed(keeper="403", admin="422", town="403", operator="403"),
    "desk:publish": closed(keeper="403", town="403", operator="403"),
    "desk:objection": closed(keeper="403", admin="422", town="403", operator="403"),
    "desk:register": closed(keeper="403", admin="422", far_admin="422", town="403", operator="403"),
    "desk:resident": closed(keeper="403", admin="422"),
    "desk:answer_request": closed(keeper="403", admin="go", town="403", operator="403"),
    "desk:issue_card": closed(keeper="403", admin="422", town="403", operator="403"),
    "desk:block_card": closed(keeper="403", admin="422", town="403", operator="403"),
    "desk:add_helper": closed(keeper="403", admin="422", town="403", operator="403"),
    "desk:end_helper": closed(keeper="403", admin="go", town="403", operator="403"),
    "desk:stock_item": closed(keeper="422", admin="403", town="403", operator="403"),
    "desk:staff": closed(keeper="403", admin="422", far_admin="422", town="422", operator="422"),
    "desk:end_role": closed(keeper="403", admin="go", town="go", operator="go"),
}

# Oscar's dashboard is one group: all of it for operators, none of it for anybody else.
GROUPS: dict[str, Row] = {
    "dashboard": members("403", operator="ok"),
}
