"""What is told, in which words, and where it leads. Texts are worked out when they are read, in the reader's language.

A sentence may name the facts of its event; points are written with their unit, days and instants by the village's
clock. ``leads_to`` is the name of a page and the kind of subject whose key it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    """One kind of message. ``tone``: ``warn`` for what went against the reader's plans."""

    title: Any
    sentence: Any
    icon: str = "info"
    tone: str = "info"
    leads_to: str = ""
    about: str = ""


KINDS: dict[str, Kind] = {
    # -- activities
    "activity_cancelled": Kind(
        _("Activity cancelled"),
        _("%(title)s on %(starts_at)s does not take place: %(reason)s"),
        "calendar",
        "warn",
        "service:activity",
        "activity",
    ),
    "series_cancelled": Kind(
        _("Series cancelled"),
        _("%(title)s does not take place on %(starts_at)s, nor in the weeks after: %(reason)s"),
        "calendar",
        "warn",
        "service:activity",
        "activity",
    ),
    "activity_changed": Kind(
        _("Activity changed"),
        _("%(title)s: now on %(starts_at)s, %(place)s. If it no longer suits you, withdraw."),
        "calendar",
        "warn",
        "service:activity",
        "activity",
    ),
    "series_changed": Kind(
        _("Series changed"),
        _("%(title)s: from %(starts_at)s on every week, %(place)s. If it no longer suits you, withdraw."),
        "calendar",
        "warn",
        "service:activity",
        "activity",
    ),
    "activity_soon": Kind(
        _("Tomorrow's activity"),
        _("%(title)s begins on %(starts_at)s, %(place)s. If you can't come, withdraw today: somebody may be waiting."),
        "calendar",
        "info",
        "service:activity",
        "activity",
    ),
    "place_freed": Kind(
        _("You have a place"),
        _("A place in %(title)s on %(starts_at)s became free: it is yours."),
        "calendar",
        "ok",
        "service:activity",
        "activity",
    ),
    # -- hours
    "record_returned": Kind(
        _("Record returned"),
        _("Your hours for %(what)s were sent back: %(reason)s"),
        "undo",
        "warn",
        "service:record",
        "record",
    ),
    "minutes_cut": Kind(
        _("Fewer minutes confirmed"),
        _("%(what)s: %(minutes)s minutes instead of %(claimed)s: %(reason)s"),
        "hours",
        "warn",
        "service:record",
        "record",
    ),
    "records_published": Kind(
        _("On public notice"),
        _("%(count)s of your records are on the notice list until %(until)s. Then they earn."),
        "notice",
        leads_to="service:hours",
    ),
    "notice_withdrawn": Kind(
        _("Notice list withdrawn"),
        _("The list with your hours was withdrawn and comes again later; nothing is lost: %(reason)s"),
        "undo",
        "warn",
        "service:hours",
    ),
    "record_disputed": Kind(
        _("Somebody objected"),
        _("%(what)s is looked at again; the village answers by %(due_on)s."),
        "notice",
        "warn",
        "service:record",
        "record",
    ),
    "objection_upheld": Kind(
        _("Objection upheld"),
        _("Your objection to %(what)s was right: %(answer)s"),
        "notice",
        "ok",
    ),
    "objection_dismissed": Kind(
        _("Objection answered"),
        _("Your objection to %(what)s was looked at: %(answer)s"),
        "notice",
    ),
    "dispute_settled": Kind(
        _("The objection is answered"),
        _("%(what)s stands as it was and goes on: %(answer)s"),
        "notice",
        "ok",
        "service:record",
        "record",
    ),
    "points_credited": Kind(
        _("Points credited"),
        _("%(points)s for %(count)s records, the last one %(what)s."),
        "points",
        "ok",
        "rewards:statement",
    ),
    "record_reversed": Kind(
        _("A credit was taken back"),
        _("%(what)s: %(points)s were taken back: %(reason)s You can object at the village office."),
        "undo",
        "warn",
        "service:record",
        "record",
    ),
    "opening_booked": Kind(
        _("Your opening balance"),
        _("%(points)s and %(minutes)s minutes from before: %(what)s."),
        "points",
        "ok",
        "rewards:statement",
    ),
    "points_lapsing": Kind(
        _("Points are about to end"),
        _("%(points)s end on %(expires_on)s. Redeem them before they do."),
        "points",
        "warn",
        "rewards:home",
    ),
    "earned_nothing": Kind(
        _("Counted, without points"),
        _("%(what)s counts as hours, but earns no points by the scheme of your village. Open it to see why."),
        "points",
        leads_to="service:record",
        about="record",
    ),
    # -- tickets
    "ticket_expiring": Kind(
        _("A ticket is about to expire"),
        _("%(what)s at %(supplier)s: fetch it by %(valid_until)s."),
        "ticket",
        "warn",
        "rewards:tickets",
    ),
    "kept_ready": Kind(
        _("You can redeem what was kept for you"),
        _("The fund covers it again: %(points)s, at the kept price, until %(until)s. Nothing happens by itself."),
        "basket",
        "ok",
        "rewards:kept",
    ),
    "ticket_returned": Kind(
        _("Returned"),
        _("%(what)s from %(supplier)s was taken back; %(points)s are in your account again. Why: %(reason)s"),
        "undo",
        leads_to="rewards:statement",
    ),
    "restocked": Kind(
        _("It is there again"),
        _("%(what)s lies on the shelf again at %(supplier)s."),
        "stock",
        "ok",
        "rewards:wish",
        "product",
    ),
    # -- sponsors
    "sponsor_accepted": Kind(
        _("Your enterprise is a sponsor"), _("%(name)s may claim needs and pledge now."), "check", "ok", "sponsors:home"
    ),
    "sponsor_refused": Kind(
        _("The application was refused"), _("%(name)s: %(reason)s"), "warning", "warn", "sponsors:home"
    ),
    "sponsor_suspended": Kind(
        _("Your sponsorship is suspended"), _("%(name)s: %(reason)s"), "warning", "warn", "sponsors:home"
    ),
    "claim_granted": Kind(
        _("The need is yours"),
        _("You may give for “%(title)s” under your name now."),
        "heart",
        "ok",
        "sponsors:need",
        "need",
    ),
    "claim_refused": Kind(
        _("The claim was refused"), _("“%(title)s”: %(reason)s"), "heart", "warn", "sponsors:need", "need"
    ),
    "pledge_accepted": Kind(
        _("Your pledge is accepted"),
        _("“%(title)s”: you can pay or deliver now."),
        "gift",
        "ok",
        "sponsors:pledge",
        "pledge",
    ),
    "pledge_declined": Kind(
        _("Your pledge was declined"), _("“%(title)s”: %(reason)s"), "gift", "warn", "sponsors:pledge", "pledge"
    ),
    "delivery_counted": Kind(
        _("Your delivery was counted"),
        _("“%(title)s”: %(counted)s came of %(announced)s announced."),
        "stock",
        "ok",
        "sponsors:pledge",
        "pledge",
    ),
    "receipt_issued": Kind(
        _("A receipt for you"), _("%(number)s over %(amount_fen)s."), "check", "ok", "sponsors:receipt", "receipt"
    ),
    # -- suppliers
    "statement_issued": Kind(
        _("A settlement statement for you"),
        _("%(name)s up to %(until)s. Look at it; you can object until %(objections_until)s."),
        "bank",
        leads_to="funds:statement",
        about="statement",
    ),
    "statement_answered": Kind(
        _("Your objection is answered"),
        _("%(name)s, statement up to %(until)s: %(answer)s"),
        "bank",
        leads_to="funds:statement",
        about="statement",
    ),
    "statement_paid": Kind(
        _("You have been paid"),
        _("%(amount_fen)s for %(name)s, statement up to %(until)s."),
        "bank",
        "ok",
        "funds:statement",
        "statement",
    ),
    "statement_withdrawn": Kind(
        _("A statement was withdrawn"),
        _("%(name)s up to %(until)s: %(reason)s Its lines come on the next one."),
        "bank",
        "warn",
        "funds:statement",
        "statement",
    ),
    "payout_failed": Kind(
        _("A payment did not arrive"),
        _("%(amount_fen)s for %(name)s: %(reason)s It is paid again; is the account still right?"),
        "bank",
        "warn",
    ),
    "payout_to_mend": Kind(
        _("A payment has to be made anew"),
        _("%(amount_fen)s for %(name)s: the bank says: %(reason)s"),
        "bank",
        "warn",
        "funds:payouts",
        "fund",
    ),
    # -- shelves
    "stock_sent": Kind(
        _("Goods are on their way to you"),
        _("%(what)s × %(quantity)s from %(place)s. Count them when they arrive."),
        "stock",
        leads_to="desk:transfer",
        about="stocktransfer",
    ),
    "stock_taken_back": Kind(
        _("Goods do not come after all"),
        _("%(place)s has taken back %(what)s × %(quantity)s."),
        "stock",
        "warn",
        "desk:transfer",
        "stocktransfer",
    ),
    "write_off_asked": Kind(
        _("A write-off waits for you"),
        _("%(name)s asks to take %(what)s × %(quantity)s off the books of %(place)s: %(reason)s"),
        "stock",
        "warn",
        "desk:write_off",
        "writeoff",
    ),
    "write_off_approved": Kind(
        _("Your write-off is approved"),
        _("%(what)s × %(quantity)s of %(place)s is off the books."),
        "stock",
        "ok",
        "desk:write_off",
        "writeoff",
    ),
    "write_off_declined": Kind(
        _("Your write-off was declined"),
        _("%(what)s × %(quantity)s of %(place)s stays on the books: %(reason)s"),
        "stock",
        "warn",
        "desk:write_off",
        "writeoff",
    ),
    # -- people
    "role_given": Kind(_("You have an office"), _("%(role)s in %(place)s, from now on."), "shield", "ok"),
    "role_ended": Kind(_("An office has ended"), _("%(role)s in %(place)s."), "shield"),
    "successor_proposed": Kind(
        _("A successor is proposed"),
        _("%(name)s proposes who comes after: %(role)s in %(place)s. Look at it and say yes or no."),
        "shield",
        "warn",
        "desk:hand_over",
        "rolegrant",
    ),
    "successor_declined": Kind(
        _("Your proposal was not taken"),
        _("%(role)s in %(place)s: you keep the office for now. Why: %(reason)s"),
        "shield",
        "warn",
        "registry:offices",
    ),
    "helper_asked": Kind(
        _("Will you help somebody?"),
        _("You are asked to act for %(name)s. Say yes or no."),
        "family",
        "warn",
        "registry:acting",
    ),
    "helper_proposed": Kind(
        _("A helper for you?"),
        _("The village office proposes that %(helper)s may act for you. Nobody acts before you agree."),
        "family",
        "warn",
        "registry:helpers",
    ),
    "helper_given": Kind(
        _("You are a helper"), _("You may act for %(name)s from now on."), "family", "ok", "registry:acting"
    ),
    "helper_named": Kind(
        _("Somebody may act for you"),
        _("%(name)s may act for you from now on. You can end it at any time."),
        "family",
        leads_to="registry:helpers",
    ),
    "account_accepted": Kind(
        _("Your account is open"), _("%(village)s has accepted you. You can serve and redeem now."), "check", "ok"
    ),
    "account_refused": Kind(
        _("Your account was not accepted"),
        _("%(village)s: %(reason)s You may ask another village."),
        "warning",
        "warn",
        "registry:register",
    ),
    "resident_moved": Kind(_("You live in another village now"), _("Number, hours and points are the same."), "home"),
    "correction_answered": Kind(
        _("Your correction is answered"),
        _("The village office has answered. Open it to read what it says."),
        "edit",
        leads_to="registry:my_correction",
    ),
    "factor_ended": Kind(
        _("Your sign-in code was turned off"),
        _("Somebody of the office turned it off at your wish. Was it not your wish? Tell the town at once."),
        "lock",
        "warn",
        "registry:security",
    ),
    "phone_changed": Kind(
        _("Your mobile number was changed"),
        _("You sign in with the new one from now on. Was it not you? Tell the village office at once."),
        "phone",
        "warn",
        "registry:phone",
    ),
    "password_reset": Kind(
        _("You were given a new password"),
        _("The office gave it at your wish. Was it not your wish? Tell the town at once."),
        "lock",
        "warn",
        "registry:security",
    ),
    "password_set_by_code": Kind(
        _("Your password was set anew"),
        _("With a code that was sent to your mobile number. Was it not you? Tell the village office at once."),
        "lock",
        "warn",
        "registry:security",
    ),
    "resident_merged": Kind(
        _("Two registrations made one"), _("Everything is under one number now: cards, hours and points."), "person"
    ),
}
NAMES = tuple(KINDS)
