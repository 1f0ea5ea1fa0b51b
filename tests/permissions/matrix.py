"""Who gets what at which address. A new address without a row fails the suite.

The answers: ``ok`` a page (200), ``go`` a redirect within the site, ``in`` a redirect to the sign-in page, otherwise
the status. One column for each role of ``people.ROLES``:

    nobody holder neighbour stranger leader clerk keeper admin far-admin town operator
"""

from __future__ import annotations

EVERYBODY = "ok ok ok ok ok ok ok ok ok ok ok"
MEMBERS = "in ok ok ok ok ok ok ok ok ok ok"
NOBODY = "405 405 405 405 405 405 405 405 405 405 405"  # takes only POST

# What a GET answers.
MATRIX: dict[str, str] = {
    "common:healthz": EVERYBODY,
    "common:readyz": EVERYBODY,
    "face:language": NOBODY,
    "face:size": NOBODY,
    "face:manifest": EVERYBODY,
    "face:kit": EVERYBODY,
    "face:kit_desk": EVERYBODY,
    "face:kit_print": EVERYBODY,
    "face:kit_error": "404 404 404 404 404 404 404 404 404 404 404",
    "ledger:verify": EVERYBODY,
    "registry:sign_in": "ok go go go go go go go go go go",
    "registry:sign_out": NOBODY,
    "registry:register": "ok go go go ok ok ok ok ok ok ok",
    "registry:me": MEMBERS,
    "registry:profile": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:password": MEMBERS,
    "registry:my_card": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:my_pin": "in ok 404 404 404 404 404 404 404 404 404",
    "registry:block_my_card": "in ok go go 404 404 404 404 404 404 404",
    "registry:helpers": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:end_helper": "in 405 405 405 405 405 405 405 405 405 405",
    "registry:export": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:leave": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:acting": MEMBERS,
    "registry:card_print": "in ok 404 404 404 404 404 ok 404 404 404",
    "registry:card": "in go go go go go go go go go go",
    "javascript-catalog": EVERYBODY,
    "catalogue:index": EVERYBODY,
    "catalogue:detail": EVERYBODY,
    "catalogue:category": EVERYBODY,
    "search:search": "go go go go go go go go go go go",
    "basket:summary": EVERYBODY,
    "basket:add": NOBODY,
    "basket:line": NOBODY,
    "service:activities": MEMBERS,
    "service:activity": "in ok ok 404 ok 404 ok ok 404 ok ok",
    "service:sign_up": "in 405 405 405 405 405 405 405 405 405 405",
    "service:withdraw": "in ok go 404 404 404 404 404 404 404 404",
    "service:attend": MEMBERS,
    "service:hours": MEMBERS,
    "service:record": "in ok 404 404 ok 404 404 ok 404 ok ok",
    "service:record_name": "in 405 405 405 405 405 405 405 405 405 405",
    "service:lead": "in 404 404 404 ok 404 404 ok ok 404 404",
    "service:lead_new": "in 404 404 404 ok 404 404 ok ok 404 404",
    "service:lead_activity": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:lead_code": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:lead_tap": "in 405 405 405 405 405 405 405 405 405 405",
    "service:lead_card": "in 405 405 405 405 405 405 405 405 405 405",
    "service:lead_places": "in 405 405 405 405 405 405 405 405 405 405",
    "service:lead_close": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:lead_cancel": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:lead_enter": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:notice": EVERYBODY,
    "service:notice_print": EVERYBODY,
    "service:object": "in ok ok 404 404 404 404 404 404 404 404",
}

# What an empty POST answers. Where it answers 405 to all, it need not be named.
POSTED: dict[str, str] = {
    "face:language": "go go go go go go go go go go go",
    "face:size": "go go go go go go go go go go go",
    "ledger:verify": "422 422 422 422 422 422 422 422 422 422 422",
    "registry:sign_in": "ok go go go go go go go go go go",
    "registry:sign_out": "in in in in in in in in in in in",
    "registry:register": "ok go go go ok ok ok ok ok ok ok",
    "registry:profile": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:password": MEMBERS,
    "registry:my_pin": "in ok 404 404 404 404 404 404 404 404 404",
    "registry:block_my_card": "in ok go go 404 404 404 404 404 404 404",
    "registry:helpers": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:end_helper": "in go 404 404 404 404 404 go 404 404 404",
    "registry:leave": "in ok ok ok 404 404 404 404 404 404 404",
    "registry:acting": "in 422 422 422 422 422 422 422 422 422 422",
    "basket:add": "in go go go go go go go go go go",
    "basket:line": "in go 404 404 404 404 404 404 404 404 404",
    "service:sign_up": "in go go 404 404 404 404 404 404 404 404",
    "service:withdraw": "in go 409 404 404 404 404 404 404 404 404",
    "service:attend": "in ok ok 404 ok ok ok ok ok ok ok",
    "service:record_name": "in go 404 404 404 404 404 404 404 404 404",
    "service:lead_new": "in 404 404 404 ok 404 404 ok ok 404 404",
    "service:lead_tap": "in 404 404 404 404 404 404 404 404 404 404",
    "service:lead_card": "in 404 404 404 422 404 404 422 404 404 404",
    "service:lead_places": "in 404 404 404 422 404 404 422 404 404 404",
    "service:lead_close": "in 404 404 404 409 404 404 409 404 404 404",
    "service:lead_cancel": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:lead_enter": "in 404 404 404 ok 404 404 ok 404 404 404",
    "service:object": "in ok ok 404 404 404 404 404 404 404 404",
}

# Oscar's dashboard is one group: all of it for operators, none of it for anybody else.
GROUPS: dict[str, str] = {"dashboard": "in 403 403 403 403 403 403 403 403 403 ok"}
