"""What passes between residents' wallets without a deed of theirs, in a statement of points."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from timebank.ledger.describing import Description


def describe_residents(keys: Iterable[str]) -> dict[str, Description]:
    """Describe what came of a registration that ended, by its id; whose it was is nobody's business here."""
    reasons = {
        "death": _("Of a resident who has died; the family or the village has them now."),
        "leaving": _("Of a resident who has left the time bank; the family or the village has them now."),
        "merge": _("Two registrations of one person became one."),
    }
    return {key: Description(title=_("Points passed on"), reasons=reasons) for key in keys}
