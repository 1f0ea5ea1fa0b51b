"""The only code of this app that writes."""

from __future__ import annotations

from timebank.service.services.activities import (
    adopt_scheme,
    change_capacity,
    create_team,
    open_activity,
)
from timebank.service.services.attendance import (
    attendance_token,
    check_in,
    check_out,
    close_activity,
    close_overdue,
    read_card,
    state_time,
    undo_check_out,
)
from timebank.service.services.credit import CreditReport, RowError, credit_due
from timebank.service.services.notices import (
    answer_objection,
    publish_notice,
    raise_objection,
    show_name,
    withdraw_notice,
    withhold_name,
)
from timebank.service.services.planning import cancel_activity, change_activity, open_series
from timebank.service.services.records import enter_record, submit_record
from timebank.service.services.reversal import reverse_record
from timebank.service.services.several import SeveralReport, check_in_many, check_out_many
from timebank.service.services.signups import sign_up, sign_up_for_series, withdraw, withdraw_from_series
from timebank.service.services.verification import (
    VerifyReport,
    return_record,
    undo_verification,
    verify_many,
    verify_record,
)

__all__ = [
    "CreditReport",
    "RowError",
    "SeveralReport",
    "VerifyReport",
    "adopt_scheme",
    "answer_objection",
    "attendance_token",
    "cancel_activity",
    "change_activity",
    "change_capacity",
    "check_in",
    "check_in_many",
    "check_out",
    "check_out_many",
    "close_activity",
    "close_overdue",
    "create_team",
    "credit_due",
    "enter_record",
    "open_activity",
    "open_series",
    "publish_notice",
    "raise_objection",
    "read_card",
    "return_record",
    "reverse_record",
    "show_name",
    "sign_up",
    "sign_up_for_series",
    "state_time",
    "submit_record",
    "undo_check_out",
    "undo_verification",
    "verify_many",
    "verify_record",
    "withdraw",
    "withdraw_from_series",
    "withdraw_notice",
    "withhold_name",
]
