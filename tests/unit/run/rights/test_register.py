"""The register of requests and the journal of an erasure."""

import datetime as dt
import stat

from workbench.core.workspace import Workspace
from workbench.run.rights.requests.register import due_by, read_register, record_request, register_path
from workbench.run.rights.traces.journal import Journal, open_journals
from workbench.run.rights.traces.traces import Traces

DAY = dt.date(2026, 1, 31)


def test_a_request_is_due_a_month_later():
    assert [due_by(day) for day in (DAY, dt.date(2026, 12, 5), dt.date(2028, 1, 30))] == [
        dt.date(2026, 2, 28), dt.date(2027, 1, 5), dt.date(2028, 2, 29)
    ]  # fmt: skip


def test_an_open_request_is_closed_and_not_repeated(tmp_path):
    place = Workspace(tmp_path)
    facts = {"profile": "p", "references": ["a"], "received": DAY}
    opened = record_request(place, "erasure", **facts, identity="passport")
    assert opened.is_late(dt.date(2026, 3, 1)) and not opened.is_late(dt.date(2026, 2, 28))
    record_request(place, "access", **facts, done=DAY)
    record_request(place, "erasure", **facts, done=dt.date(2026, 2, 3))
    entries = read_register(place)
    assert [(entry.number, entry.kind, entry.done, entry.identity) for entry in entries] == [
        (1, "erasure", "2026-02-03", "passport"), (2, "access", "2026-01-31", "")
    ]  # fmt: skip
    assert stat.S_IMODE(register_path(place).stat().st_mode) == 0o600


def test_a_journal_is_private_and_gone_at_the_end(tmp_path):
    place = Workspace(tmp_path)
    traces = Traces(frozenset({"C1"}), frozenset({("p", "crm", "1")}), frozenset({"Zoë"}), frozenset({"Main Street 1"}))
    journal = Journal.begin(place, traces, {"profile": "p", "customers": 1, "started": "2026-01-31"})
    journal.touch("reports/a.html")
    journal.touch("reports/a.html")
    (again,) = open_journals(place)
    assert (again.traces, again.facts, again.touched()) == (traces, journal.facts, ["reports/a.html"])
    for path in journal.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.remove()
    assert not list(journal.path.parent.iterdir()) and not open_journals(place)
