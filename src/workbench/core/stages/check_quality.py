"""The declaration of 01_check_quality."""

from __future__ import annotations

import datetime as dt

from workbench.core.schema import CANONICAL, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "CheckQuality"]


class CheckQuality(Section):
    """01_check_quality."""

    date_min: dt.date = parameter(
        dt.date(1900, 1, 2),
        unit="date",
        en="Dates before it are rejected as placeholders",
        zh="早于此日期视为占位值并隔离",
    )
    date_max: dt.date | None = parameter(
        None,
        unit="date",
        en="Dates after it are rejected; default: the day of the run",
        zh="晚于此日期予以隔离；默认运行当日",
    )
    max_rejected_share: float = parameter(
        0.2,
        unit="share",
        en="Share of rejected records above which a source is refused",
        zh="隔离记录占比超过此值则拒绝该来源",
        ge=0,
        le=1,
    )
    max_age_days: int = parameter(
        45,
        unit="days",
        en="Age of the newest row above which data counts as stale",
        zh="最新记录距统计日超过此天数视为陈旧",
        ge=0,
    )


STAGE = Stage(
    "01_check_quality",
    {"en": "Is the raw data fit to use?", "zh": "原始数据可用吗？"},
    CheckQuality,
    tables=(
        *CANONICAL.values(),
        Table("rejects", columns("source:category file:text line:integer column:text code:category raw:text")),
        Table("repairs", columns("source:category file:text line:integer column:text raw:text now:text why:category")),
        Table(
            "quality_conflicts",
            columns("source:category key:text column:text rows:integer different:integer first_line:integer"),
        ),
        Table(
            "quality_profile",
            columns(
                "table:category column:text type:category rows:integer filled:integer distinct:integer mean:number "
                "bounds:text shares:text"
            ),
        ),
    ),
    inputs=("sources",),
    hands_over="people",
)
