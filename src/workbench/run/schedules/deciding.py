"""Whether a run is due: a decision from the schedule, what became of its last moment, the last run and the clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.run.schedules.records import Planned, State

__all__ = ["IDLE", "Decision", "LastRun", "decide", "is_missed"]

IDLE = ("early", "handled", "by_hand", "missed", "clock_back")  # verdicts by which nothing is run
MOST_ATTEMPTS = 2  # of a run that is killed
_GRACE = dt.timedelta(minutes=30)  # for outside monitoring: the wake-up and the start of a run take some minutes


@dataclass(frozen=True)
class LastRun:
    """The last good run of the profile, whoever started it.

    Attributes
    ----------
    started : datetime
    as_of : date or None
    """

    started: dt.datetime
    as_of: dt.date | None


@dataclass(frozen=True)
class Decision:
    """What to do now.

    Attributes
    ----------
    verdict : str
        ``due``; or nothing is: ``early`` (no moment yet), ``handled``, ``by_hand`` (a run by hand was for this moment),
        ``missed`` (too late to catch up), ``clock_back`` (the clock shows less than the last moment handled).
    moment : datetime or None
        The moment it is about.
    next : datetime
        The next moment.
    passed_over : int
        Earlier moments without a run, which this one stands for.
    """

    verdict: str
    moment: dt.datetime | None
    next: dt.datetime
    passed_over: int = 0

    @property
    def is_due(self) -> bool:
        """Whether to run."""
        return self.verdict == "due"


def decide(planned: Planned, state: State | None, last: LastRun | None, now: dt.datetime) -> Decision:
    """Decide whether a run is due.

    However many moments were missed, one run catches them up, for the last of them.

    Parameters
    ----------
    planned : Planned
    state : State or None
        A state that says ``running`` is of a process that died: call it where no other can be running.
    last : LastRun or None
    now : datetime
    """
    schedule = planned.schedule()
    moment, coming = schedule.last(now), schedule.next(now)
    if state is not None and state.moment > now:
        return Decision("clock_back", state.moment, coming)
    if moment is None or moment <= planned.since:
        return Decision("early", None, coming)
    if state is not None and state.moment >= moment:
        again = state.outcome == "running" and state.attempts < MOST_ATTEMPTS
        return Decision("due" if again else "handled", moment, coming)
    if last is not None and last.started >= moment and last.as_of == schedule.local(moment).date():
        return Decision("by_hand", moment, coming)
    after = max(planned.since, state.moment) if state else planned.since
    passed_over = schedule.between(after, moment) - 1
    allowed = planned.max_staleness_hours
    if allowed is not None and now - moment > dt.timedelta(hours=allowed):
        return Decision("missed", moment, coming, passed_over)
    return Decision("due", moment, coming, passed_over)


def is_missed(decision: Decision, state: State | None, now: dt.datetime, *, running: bool) -> bool:
    """Say whether the scheduler seems dead: a moment has passed, some time ago, and nobody has run it.

    Parameters
    ----------
    decision : Decision
    state : State or None
    now : datetime
    running : bool
        Whether a scheduled run is under way.
    """
    if decision.verdict == "missed" or (state is not None and state.outcome == "missed"):
        return True
    if running or not decision.is_due or decision.moment is None:
        return False
    grace = min(_GRACE, (decision.next - decision.moment) / 2)
    return now - decision.moment > grace or decision.passed_over > 0
