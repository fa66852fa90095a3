"""Parameters of 14_write_report."""

from __future__ import annotations

from workbench.core.params.section import Section, knob

__all__ = ["WriteReport"]


class WriteReport(Section):
    """14_write_report."""

    key_findings: int = knob(
        5, unit="findings", en="Findings at the head of the report", zh="报告开头的要点数", ge=1, le=12
    )
