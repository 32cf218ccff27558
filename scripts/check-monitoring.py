#!/usr/bin/env python3
"""Checks that the alerts and the dashboard of docs/monitoring use the metrics that exist, and all of them, and that
docs/production.md says of each alert what to do.

The names are taken from the code of `MetricsListener` and of `media metrics`, with the values of their labels
where these are fixed. With `promtool` on the path, the alerts are run against their tests too.

usage: scripts/check-monitoring.py
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MONITORING = ROOT / "docs/monitoring"
SOURCES = [
    "crates/conversation-events/src/metrics_listener.rs",
    "crates/media-cli/src/commands/metrics/exposition.rs",
]
NAME = re.compile(r"\b(?:conversation|media)_[a-z_]+\b")
# Series that an exporter makes of a histogram.
SERIES = re.compile(r"_(?:sum|count|bucket)$")


def exported():
    """Returns the names of metrics, and those of the histograms among them."""
    code = "\n".join((ROOT / path).read_text().split("#[cfg(test)]")[0] for path in SOURCES)
    names = set(re.findall(r'"((?:conversation|media)_[a-z_]+)"', code))
    return names, set(re.findall(r'histogram!\(\s*"(\w+)"', code))


def outcomes():
    """Returns the values of the labels `outcome` and `event` that the listener's table lists."""
    table = (ROOT / SOURCES[0]).read_text()
    rows = re.findall(r"^/// \| `\w+`[^|]*\|([^|]*)\|([^|]*)\|", table, re.MULTILINE)
    labeled = [values for labels, values in rows if "outcome" in labels or "event" in labels]
    return set(re.findall(r"`(\w+)`", " ".join(labeled)))


def expressions():
    """Yields where an expression stands, and the expression."""
    rules = (MONITORING / "rules.yml").read_text()
    # Everything but names of recorded series, which have colons, and what is written for people.
    for line in rules.splitlines():
        if not re.match(r"\s*(#|- alert|- record|- name|summary|description)", line):
            yield "rules.yml", line
    for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard.json: {panel['title']}", target["expr"]


def unexplained():
    """Yields alerts without a row in the table of docs/production.md, and rows without an alert."""
    alerts = re.findall(r"- alert: (\w+)", (MONITORING / "rules.yml").read_text())
    page = (ROOT / "docs/production.md").read_text()
    table = re.search(r"^\| alert \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = re.findall(r"^\|([^|]*)\|", table.group(1), re.MULTILINE) if table else []
    named = [name for cell in rows for name in re.findall(r"`(\w+)`", cell)]
    for name in sorted(set(alerts) ^ set(named)):
        yield f"production.md: {name} has no row" if name in alerts else f"production.md: there is no alert {name}"
    if not alerts or not named:
        yield "no alerts were found"


def main():
    names, histograms = exported()
    values = outcomes()
    used, problems = set(), list(unexplained())
    for where, text in expressions():
        for name in NAME.findall(text):
            base = SERIES.sub("", name) if SERIES.sub("", name) in histograms else name
            used.add(base)
            if base not in names:
                problems.append(f"{where}: there is no metric {name}")
        for value in re.findall(r'\b(?:outcome|event)="(\w+)"', text):
            if value not in values:
                problems.append(f"{where}: no metric has the value {value}")
    dashboard = (MONITORING / "dashboard.json").read_text()
    problems += [f"dashboard.json: {name} is not shown" for name in sorted(names) if name not in dashboard]
    if not names or not histograms or not values:
        problems.append("no metrics were found in the code")
    if shutil.which("promtool"):
        tested = subprocess.run(
            ["promtool", "test", "rules", MONITORING / "rules_test.yml"],
            capture_output=True,
            text=True,
            check=False,
        )
        if tested.returncode != 0:
            problems.append(tested.stdout + tested.stderr)
    else:
        print("monitoring: promtool is not on the path, so the alerts were not run")
    for problem in problems:
        print(f"monitoring: {problem}")
    if not problems:
        print(f"monitoring: ok, {len(used)} metrics")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
