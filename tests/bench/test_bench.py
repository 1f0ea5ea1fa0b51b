"""The benchmarks: every case runs at toy size, and the page says what was measured and what was missed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench import clients, results, table
from bench.results import Round, Row
from tests.support import postgres


@pytest.mark.pg_only("the benchmarks are of PostgreSQL")
@pytest.mark.slow("starts a database server and a dozen processes")
def test_every_case_runs_at_toy_size(tmp_path):
    found = postgres.find_binaries()
    if found is None:
        pytest.skip("no PostgreSQL to start")
    out, page = tmp_path / "results.json", tmp_path / "performance.md"
    names = ["B1", "B2", "B5", "B6"]  # the others are run in the tests' own databases, which have all tables already
    command = [sys.executable, "-m", "bench", *names, "--size", "toy", "--out", str(out), "--table-out", str(page)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    done = subprocess.run(command, cwd=clients.ROOT, env=environment, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-4000:]

    rows = {(one["id"], one["case"], one["against"]): one for one in json.loads(out.read_text())}
    for one in rows.values():
        assert {"id", "case", "figure", "unit", "against", "ratio", "commit", "at"} <= set(one)
    assert rows["B1", "statements", ""]["figure"] <= 3
    has_pgbench = (found[0] / "pgbench").exists()
    expected = {("B1", "hot-1"), ("B1", "spread-1"), ("B1", "hot-2"), ("B1", "spread-2"), ("B1", "hot-2-commit-2ms")}
    expected |= {("B2", "close-300"), ("B5", "post-600"), ("B5", "page-600"), ("B5", "balance-hot-600")}
    for id, case in expected:
        if id != "B1" or has_pgbench:
            (one,) = [row for key, row in rows.items() if key[:2] == (id, case)]
            assert one["figure"] > 0
            assert one["ratio"] > 0
    for kind in ("changed", "removed", "added", "swapped", "cut off at the end"):
        one = rows["B6", f"row {kind}", ""]
        assert one["met"], one["note"]
    assert "without the digest from outside 0 findings" in rows["B6", "row cut off at the end", ""]["note"]
    assert "| hot-1 |" in page.read_text() or not has_pgbench


def test_a_ratio_is_the_median_of_the_ratios_within_each_round():
    row = results.compare("B1", "hot-1", "transfers/s", "pgbench-5", [Round(1, 2), Round(30, 40), Round(9, 10)], 0.8)
    assert (row.ratio, row.low, row.high, row.figure, row.against_figure) == (0.75, 0.5, 0.9, 9, 10)
    assert row.met is False


def test_rows_replace_only_those_of_the_same_benchmark(tmp_path):
    path = tmp_path / "results.json"
    results.store([Row("B1", "old", 1.0, "x"), Row("B2", "kept", 2.0, "x")], path)
    results.store([Row("B1", "new", 3.0, "x", met=False)], path)
    found = results.load(path)
    assert [(one["id"], one["case"]) for one in found] == [("B1", "new"), ("B2", "kept")]
    assert found[0]["met"] is False
    assert found[0]["ratio"] is None


def test_the_page_says_plainly_what_is_missed_and_what_could_not_run():
    rows = [
        {"id": "B1", "case": "hot-1", "figure": 9.0, "unit": "transfers/s", "against": "pgbench-5", "ratio": 0.4}
        | {"goal": "≥ 0.45", "met": False, "low": 0.3, "high": 0.5, "foreign": 0.25},
        {
            "id": "B2",
            "case": "all",
            "figure": None,
            "unit": "",
            "against": "",
            "ratio": None,
            "note": "could not run: x",
        },
    ]
    page = table.render(rows)
    assert "- B1 hot-1: 0.4 of pgbench-5, the goal is ≥ 0.45" in page
    assert "- B2 all: could not run: x" in page
    assert "- B6: not measured yet" in page
    assert "| 25% | ≥ 0.45 | **not met** |" in page


def test_what_could_not_run_is_written_down_and_not_replaced_by_a_stand_in(tmp_path, monkeypatch):
    from bench import __main__ as program

    monkeypatch.setattr(postgres, "find_binaries", lambda: None)
    program.measure(["B1", "B2"], "toy", tmp_path / "results.json")
    found = results.load(tmp_path / "results.json")
    assert [one["figure"] for one in found] == [None, None]
    assert all(one["note"].startswith("could not run: no PostgreSQL") for one in found)


def test_the_page_says_what_a_hot_query_read_before_and_reads_now_and_which_pages_are_over():
    before = {"statements": 1, "milliseconds": 700.1, "scans": "all of ledger_transfer 149,898"}
    now = {"statements": 1, "milliseconds": 0.4, "scans": "ledger_transfer_day 70", "before": before}
    over = {"role": "town-admin", "page": "x:y", "statements": 30, "ms": 9, "database": 5, "slowest": "4 ms: t"}
    walked = {"pages": [over], "roles": ["resident", "town-admin"], "statements": 30, "load": 9.5, "busy": True}
    rows = [
        {"id": "county", "case": "plan 3: a month", "figure": 0.4, "unit": "ms", "against": "before", "ratio": None}
        | {"facts": now, "size": "town", "at": "2026-11-29", "commit": "abc"},
        {"id": "county", "case": "walk", "figure": 1, "unit": "of 9 pages over 25 statements", "against": ""}
        | {"ratio": None, "facts": walked},
    ]
    page = table.render(rows)
    assert "| 3 | a month | 700 | 0.4 | all of ledger_transfer 149,898 | ledger_transfer_day 70 |" in page
    assert "resident, town-admin: 1 of 9 pages over 25 statements; most statements of a page: 30" in page
    assert "milliseconds were not judged" in page
    assert "| town-admin | x:y | 30 | 9 | 5 | 4 ms: t |" in page
    assert "Measured 2026-11-29 at commit `abc`, size town" in page


def test_a_plan_names_what_is_read_the_most_first():
    from bench.plans import scans_of

    index = {"Node Type": "Index Scan", "Index Name": "by_day", "Actual Rows": 7, "Actual Loops": 10}
    table_scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Actual Rows": 1, "Actual Loops": 2}
    table_scan["Rows Removed by Filter"] = 99
    tree = {"Node Type": "Limit", "Actual Rows": 1, "Actual Loops": 1, "Plans": [index, table_scan]}
    assert scans_of(tree) == ["all of t 200", "by_day 70"]
