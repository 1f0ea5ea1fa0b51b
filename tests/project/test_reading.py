"""The check finds every way past the common readers, and nothing else."""

from __future__ import annotations

import pytest

from tools import checks
from tools.reading import findings

NAME = "timebank/registry/views/x.py"


@pytest.mark.parametrize(
    "code",
    [
        'int(request.GET.get("page", 1))',
        'int(request.POST["n"])',
        'dt.date.fromisoformat(self.request.GET["day"])',
        'Decimal(form.data["cost"])',
        'x = request.GET.get("q", "")',
        'x = request.GET.get("q", "").strip()',
        'x = request.POST.getlist("record")',
        'save(name=request.POST.get("name"))',
        'x = request.COOKIES.get("size")',
        "key.isdigit()",
        "key.isnumeric()",
        "phone.strip()",
        'path("x/<int:pk>/", view)',
        "name = forms.CharField(max_length=5)",
        "n = forms.IntegerField()",
        'say(_("until %(day)s") % {"day": due_on.isoformat()})',
        'cell(at.strftime("%Y-%m-%d %H:%M"))',
        "rows.filter(approved_at__date=day)",
        "rows.filter(approved_at__date__gt=day)",
        "day = forms.DateField(widget=forms.DateInput())",
    ],
)
def test_ways_past_the_readers_are_found(code):
    assert len(findings(NAME, code)) >= 1


@pytest.mark.parametrize(
    "code",
    [
        'read_text(request.GET.get("q"), 40)',
        'read_id(request.POST.get("village") or request.GET.get("village"))',
        'read_ids(request.POST.getlist("record"), 5)',
        'if request.GET.get("past"):\n    pass',
        'past = request.GET.get("show") == "past"',
        'a = "x" if request.POST.get("show") else "y"',
        'int(total["sum"])',
        'x.strip("/")',
        'path("x/<id:pk>/", view)',
        "new = forms.CharField(widget=forms.PasswordInput())",
        "key = forms.CharField(widget=forms.HiddenInput)",
        'x = request.GET.get("raw")  # reads itself: a signed token',
        "name = CleanCharField(max_length=5)",
        "say(day(due_on))",
        "rows.filter(updated_at__gte=end_of_day(day), birth_date=day)",
        'kept["until"] = until.isoformat()  # reads itself: the session is read by us',
    ],
)
def test_what_is_read_properly_is_left_alone(code):
    assert findings(NAME, code) == []


def test_pages_that_take_no_text_may_strip_and_the_readers_may_do_as_they_must():
    assert findings("timebank/common/numbers.py", "text.strip()") == []
    assert findings("timebank/common/input.py", "int(request.GET['x'])") == []


def test_nothing_of_ours_goes_past_them():
    assert checks.reading() == []
