"""Teams, activities, sign-ups, attendance, service records and their way to credit.

The database refuses what must never be: more people than places, two live sign-ups or two records of one person for
one occasion, a credited record without its price, a change of a kept history line.
"""

from __future__ import annotations

from timebank.service.models.activities import Activity, ActivitySeries, SignUp, Team, TeamMember
from timebank.service.models.attendance import Attendance, Method
from timebank.service.models.corrections import PointCorrection
from timebank.service.models.notices import NoticeList, Objection, last_day
from timebank.service.models.records import DAY_MINUTES, Record, RecordChange
from timebank.service.models.schemes import SchemeAdoption
from timebank.service.models.standings import LapseWarning, Standing

__all__ = [
    "DAY_MINUTES",
    "Activity",
    "ActivitySeries",
    "Attendance",
    "LapseWarning",
    "Method",
    "NoticeList",
    "Objection",
    "PointCorrection",
    "Record",
    "RecordChange",
    "SchemeAdoption",
    "SignUp",
    "Standing",
    "Team",
    "TeamMember",
    "last_day",
]
