"""What this app can be asked. Everything is scoped by who asks; strangers get 404."""

from __future__ import annotations

from timebank.service.selectors.activities import (
    AttendanceRow,
    activities_led_by,
    activities_open_to,
    activity_for,
    attendance_rows,
    calendar_of,
    led_activity_for,
    my_sign_up,
    sign_ups_of,
    teams_led_by,
)
from timebank.service.selectors.categories import categories_for_entry, grouped, kinds_open_to, range_of
from timebank.service.selectors.notices import (
    NoticeRow,
    notice_list,
    notice_lists,
    notice_row,
    notices_in,
    objections_open,
    published_record_for,
)
from timebank.service.selectors.records import (
    Hours,
    hours_of,
    record_for,
    records_of,
    verify_queue,
    waiting_for_notice,
)
from timebank.service.selectors.schemes import notice_days_of, scheme_of
from timebank.service.selectors.standings import StandingView, standing_of

__all__ = [
    "AttendanceRow",
    "Hours",
    "NoticeRow",
    "StandingView",
    "activities_led_by",
    "activities_open_to",
    "activity_for",
    "attendance_rows",
    "calendar_of",
    "categories_for_entry",
    "grouped",
    "hours_of",
    "kinds_open_to",
    "led_activity_for",
    "my_sign_up",
    "notice_days_of",
    "notice_list",
    "notice_lists",
    "notice_row",
    "notices_in",
    "objections_open",
    "published_record_for",
    "range_of",
    "record_for",
    "records_of",
    "scheme_of",
    "sign_ups_of",
    "standing_of",
    "teams_led_by",
    "verify_queue",
    "waiting_for_notice",
]
