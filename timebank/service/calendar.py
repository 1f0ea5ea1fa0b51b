"""Activities as a calendar file (RFC 5545), for the telephone's own calendar. Pure: no query, no request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from timebank.service.models import Activity

REMIND = dt.timedelta(hours=-2)


def calendar_file(activities: Iterable[Activity], *, base: str) -> bytes:
    """Write activities with team and leader as one file; ``base`` is the address of the site."""
    calendar = Calendar()
    calendar.add("prodid", "-//Shanji//activities//")
    calendar.add("version", "2.0")
    for activity in activities:
        event = Event()
        event.add("uid", f"activity-{activity.pk}@{base.split('//')[-1].strip('/')}")
        event.add("dtstamp", activity.opened_at.astimezone(dt.UTC))
        event.add("dtstart", activity.starts_at.astimezone(dt.UTC))
        event.add("dtend", activity.ends_at.astimezone(dt.UTC))
        event.add("summary", activity.title)
        event.add("location", f"{activity.place} · {activity.village}")
        event.add("description", _description(activity))
        event.add("url", base.rstrip("/") + activity.get_absolute_url())
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", activity.title)
        alarm.add("trigger", REMIND)
        event.add_component(alarm)
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _description(activity: Activity) -> str:
    leader = activity.team.leader
    lines = [_("%(team)s, led by %(leader)s") % {"team": activity.team, "leader": leader}]
    if leader.phone:
        lines[0] += f" {leader.phone}"
    return "\n".join([*lines, activity.details] if activity.details else lines)
