"""Whole frauds, made of the steps of ``cheat_steps``: none may succeed."""

from __future__ import annotations

VERIFY = ("verify", "")
SCRIPTS: dict[str, list[tuple[str, str]]] = {
    "a ghost that the clock closes": [
        ("register", ""),
        ("check_in", "ghost"),
        ("clock", ""),
        ("state_time", "ghost"),
        VERIFY,
    ],
    "a ghost that scans out by itself": [
        ("register", ""),
        ("check_in", "ghost"),
        ("check_out", "ghost"),
        ("clock", ""),
        VERIFY,
    ],
    "a ghost that asked to join": [
        ("apply", ""),
        ("confirm", "ghost"),
        ("list_in_and_out", "ghost"),
        ("close", ""),
        VERIFY,
    ],
    "a ghost that asked to join, and the clock": [
        ("apply", ""),
        ("confirm", "ghost"),
        ("check_in", "ghost"),
        ("check_out", "ghost"),
        ("clock", ""),
        VERIFY,
    ],
    "a slip for his wife": [("enter", "wife"), VERIFY, ("publish", ""), ("clock", "")],
    "a slip for his wife, who lives elsewhere": [("leave_kin", ""), ("slip", "wife"), VERIFY],
    "hours of his wife that the leader believes": [("slip", "wife"), VERIFY],
    "a slip for his wife, whose house number was wrong": [("correct_kin", ""), ("slip", "wife"), VERIFY],
    "a slip for his wife, whose husband lives elsewhere": [("correct_own", ""), ("slip", "wife"), VERIFY],
    "a slip for whom he helps": [("enter", "client"), ("send_back", "client"), ("resend", "client"), VERIFY],
    "hours of whom he helped until just now": [("slip", "client"), ("help_no_more", "client"), VERIFY],
    "a ticket of whom he helped until just now": [("redeem", "client"), ("help_no_more", "client"), ("hand_over", "")],
    "his own hours": [("check_in", "own"), ("check_out", "own"), ("close", ""), VERIFY],
    "offices for himself": [("appoint_self", ""), ("enter", "own"), VERIFY, ("redeem", "own"), ("hand_over", "")],
    "an opening balance": [("enter_opening", "wife"), ("rise", ""), ("approve_opening", "")],
    "a neighbour's points by leaving": [("adopt", "elder")],
    "a neighbour's points by death": [("bury", "elder"), ("decide", "")],
    "a neighbour's points by a merge": [("register", ""), ("merge", "elder"), ("decide", "")],
    "his own ticket": [("redeem", "own"), ("hand_over", ""), ("take_back", "")],
    "a ticket of whom he helps": [("redeem", "client"), ("hand_over", "")],
    "a ticket of whom he made his client": [("help_", "elder"), ("redeem", "elder"), ("hand_over", "")],
    "a ticket by another's sign-in": [("take_over", "signed"), ("redeem", "signed"), ("hand_over", "")],
    "a ticket by a sign-in that he gave": [("take_over", "elder"), ("redeem", "elder"), ("hand_over", "")],
    "a ticket by a number that he wrote down": [("new_number", "signed"), ("redeem", "signed"), ("hand_over", "")],
    "a ticket of whom he applied as": [("apply_as", "elder"), ("redeem", "elder"), ("hand_over", "")],
    "a card that he gave a PIN": [("card_sale", "elder")],
    "his wife's card": [("card_sale", "wife")],
    "pieces that he carries home": [("count_fewer", ""), ("change_office", ""), ("decide_fewer", "")],
    "a gift to a ghost": [("price_low", ""), ("apply", ""), ("redeem", "ghost"), ("hand_over", "")],
    "a gift by a ghost's card": [("price_low", ""), ("register", ""), ("card_sale", "ghost")],
}

#: Who can do a script once nothing is in his way, other than a village admin who is a clerk.
BY = {"pieces that he carries home": ("stock_keeper", "")}
