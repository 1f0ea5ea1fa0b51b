"""Help in the product: what each role does, step by step. Pure text; the page shows the reader's own roles first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

RESIDENT = "resident"  # no role that is granted: everybody who belongs to a village


@dataclass(frozen=True)
class Chapter:
    """The help for one role; a step is a sentence."""

    role: str
    title: Any
    steps: tuple[Any, ...]


CHAPTERS = (
    Chapter(
        RESIDENT,
        _("Resident"),
        (
            _("Under “Activities” choose what suits you and sign up. The page says what it will earn."),
            _("When you come, scan the code on the leader's screen, or show your card; the same when you leave."),
            _("A second person checks the hours, they hang out for all to see, then points follow by themselves."),
            _("Under “Redeem” choose a reward. You get a ticket with a code: show it where you collect."),
            _("Something wrong? Open the record under “My hours”, or object on the notice list."),
            _("No telephone? A card and a PIN, or a helper whom you name, do the same at the counter."),
            _("Password forgotten? “Forgot your password?” under the sign-in: a code by text message, or the office."),
        ),
    ),
    Chapter(
        "leader",
        _("Team leader"),
        (
            _("Open an activity: what, where, when, for how many; also every week for some weeks."),
            _("From one hour before, show the code on your phone, read cards, or find people by name."),
            _("Afterwards close it. Who forgot to check out: state the time and how you know it."),
            _("If it can't take place, cancel it with the reason: everybody signed up is told."),
            _("You stop? Under “Me → My offices” propose who comes after; whoever appoints says yes or no."),
        ),
    ),
    Chapter(
        "supervisor",
        _("Who verifies hours"),
        (
            _("Under “Verify hours” the weakest evidence stands first. Open it, compare, verify or send it back."),
            _("Your own hours, your household's and those of whom you help are verified by somebody else."),
            _("“Second person” lists who and what else wants your look: registrations, helpers, cases."),
        ),
    ),
    Chapter(
        "village_admin",
        _("Village admin"),
        (
            _("“What the village needs” says what is missing before the village opens, with a button for each."),
            _("Register people one by one or by list; give them a card; print passbooks for who has no telephone."),
            _("Publish verified hours on the notice list and hang it out; answer objections in seven working days."),
            _("Price what the stock keeper puts on the shelf, with a reason."),
            _("“Write-offs to decide”: look at what the stock keeper says is missing or broken; approve or decline."),
            _("Somebody proposes who comes after them? You get a message: look at the office, say yes or no."),
            _("“Village statement” shows month by month what was earned and redeemed, and that the books agree."),
        ),
    ),
    Chapter(
        "stock_keeper",
        _("Stock keeper"),
        (
            _("Put goods on the shelf one by one or from a file; the admin prices them."),
            _("A new shelf is filled from a template; what lay there before is counted, somebody else confirms it."),
            _("Write down what comes in under “Stock”, with batch and the day until which it is good."),
            _("Count now and then; what is missing or broken you ask to write off, and a second person decides."),
            _("Send goods to another village from their own page under “Stock”; count what others send you."),
        ),
    ),
    Chapter(
        "clerk",
        _("Counter and supplier"),
        (
            _("Scan the ticket or type its code. Green: hand it over. Orange: somebody has had it. Red: don't."),
            _("A mistake can be taken back within ten minutes; later the desk takes the ticket back, by two persons."),
            _("Every month you get a statement; object to it in time, and the money follows to your account."),
        ),
    ),
    Chapter(
        "sponsor_staff",
        _("Sponsor"),
        (
            _("Apply with your credit code; the town looks at it."),
            _("Claim a need, or pledge money, goods or services; say what they are for."),
            _("Pay or announce the delivery. You get a receipt and see what your gift did."),
        ),
    ),
    Chapter(
        "fund_keeper",
        _("Fund keeper"),
        (
            _("The fund's page shows how much stands behind the points, and what is promised."),
            _("Agree prices with suppliers, prepare statements and payments; another person approves each."),
            _("Match bank lines; what nobody can explain is seen to by two persons."),
        ),
    ),
    Chapter(
        "town_admin",
        _("Town and county"),
        (
            _("Appoint people, adopt a scheme, open villages: the county's page says which village lacks what."),
            _("Say yes to lists of residents and to opening balances; approve sponsors and payments."),
            _("Draft a scheme, replay a past period under it, see who gains and who loses, then approve."),
        ),
    ),
    Chapter(
        "auditor",
        _("Auditor and public"),
        (
            _("The seal of the day hangs out in the village. Under “Check the ledger” anybody can compare it."),
            _("An auditor sees every record, statement and who looked at what, and changes nothing."),
        ),
    ),
)
#: Roles that read the chapter of another one.
SAME = {"verifier": "supervisor", "supplier_staff": "clerk", "city_admin": "town_admin"}
