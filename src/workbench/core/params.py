"""The parameters: one typed model per section, each with unit, range, default and help (en, zh).

The name of a parameter is the same in the YAML, here, in the notebook's parameters cell and in the
keyword of the function that uses it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = [
    "SECTIONS",
    "BuildFeatures",
    "CheckQuality",
    "DescribeCustomers",
    "FormatParams",
    "GoalParams",
    "PredictChurn",
    "RunParams",
    "ScoreRfm",
    "Section",
    "SegmentCustomers",
    "SourceParams",
    "WriteReport",
]


def knob(default: Any, *, unit: str = "", en: str, zh: str, **limits: Any) -> Any:
    """Declare a parameter: its default, unit, help in both languages and limits."""
    more = {"unit": unit, "help": {"en": en, "zh": zh}}
    if isinstance(default, (list, dict)):
        return Field(default_factory=lambda: type(default)(default), json_schema_extra=more, **limits)
    return Field(default, json_schema_extra=more, **limits)


class Section(BaseModel):
    """The base of every section: unknown keys are refused, types are strict, values are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FormatParams(Section):
    """How a source writes dates, decimals, money and time."""

    dates: str | list[str] | dict[str, str | list[str]] | None = knob(
        None,
        en="strptime pattern of the dates, a list of patterns, or a mapping by column; ISO dates need none",
        zh="日期的 strptime 格式、格式列表，或按列给出；ISO 日期无需声明",
    )
    decimals: Literal[".", ","] = knob(".", en="Decimal mark of numbers", zh="数字的小数点")
    currency: str | None = knob(None, en="ISO 4217 code of the money columns", zh="金额列的 ISO 4217 币种代码")
    time_zone: str | None = knob(
        None,
        en="IANA time zone of the shop, for times with an offset or stored_in",
        zh="门店的 IANA 时区，用于带时差或 stored_in 的时间",
    )
    stored_in: str | None = knob(
        None,
        en="IANA time zone in which times without an offset are stored, such as UTC; default: the shop's own",
        zh="不带时差的时间所采用的 IANA 时区，如 UTC；默认即门店时区",
    )

    rates: str | None = knob(
        None,
        en="CSV of dated currency rates inside the workspace: date, currency, rate (of one unit in formats.currency)",
        zh="工作区内带日期的汇率表（CSV）：date、currency、rate（一单位外币折合 formats.currency 的金额）",
    )
    units: dict[str, Literal["fen", "jiao", "yuan", "thousand", "wan", "million", "yi"]] = knob(
        {},
        en="Unit a numeric column is written in: fen 0.01, jiao 0.1, thousand, wan 10 000, million, yi 100 million",
        zh="数值列的计量单位：fen 分、jiao 角、yuan 元、thousand 千、wan 万、million 百万、yi 亿",
    )

    @model_validator(mode="after")
    def _zones(self) -> FormatParams:
        if self.stored_in and not self.time_zone:
            raise ValueError("stored_in needs time_zone, the zone to which times are brought")
        if self.rates and not self.currency:
            raise ValueError("rates need currency, the one to which money is brought")
        return self


class SourceParams(Section):
    """One source: a file or a glob of files that feeds one canonical table."""

    path: str = knob(
        ...,
        en="File, folder or glob inside the workspace; or env:NAME, an environment variable that holds a URL",
        zh="工作区内的文件、文件夹或通配路径；或 env:NAME，即存放 URL 的环境变量",
    )
    table: str = knob(..., en="Canonical table it feeds", zh="对应的标准表")
    columns: dict[str, str | int] = knob(
        {}, en="Canonical column: their column (or position from 1)", zh="标准列名：来源列名（或从 1 起的位置）"
    )
    attributes: dict[str, str] = knob(
        {},
        en="Further columns to carry: our name: their name, or a list",
        zh="另需带入的列：我方列名：来源列名，或列表",
    )
    people: str | None = knob(None, en="Source whose customer ids this file uses", zh="本文件所用客户编号来自哪个来源")
    encoding: str | None = knob(None, en="Text encoding; default: detected", zh="文本编码；默认自动识别")
    separator: str | None = knob(
        None, en="Field separator, or 'whitespace'; default: detected", zh="字段分隔符，或 whitespace；默认自动识别"
    )
    header: bool = knob(True, en="Whether the first line names the columns", zh="首行是否为列名")
    sheet: str | int | None = knob(
        None, en="Sheet of a workbook, by name or position from 1", zh="工作簿中的工作表：名称或从 1 起的位置"
    )
    select: str | None = knob(None, en="Table or view of a database", zh="数据库中的表或视图")
    records: str | None = knob(None, en="Dotted path to the list of records in JSON", zh="JSON 中记录列表的点分路径")
    token: str | None = knob(
        None,
        en="Environment variable with the access token of an HTTP endpoint",
        zh="存放 HTTP 接口访问令牌的环境变量",
    )
    next_page: str | None = knob(
        None, en="Dotted path to the URL of the next page in JSON", zh="JSON 中下一页 URL 的点分路径"
    )
    page_parameter: str | None = knob(
        None, en="Query parameter that counts pages from 1", zh="从 1 起计页数的查询参数"
    )
    snapshot: str | None = knob(
        None,
        en="Where what was fetched is kept; default: data/raw/<profile>/snapshots/<source>",
        zh="抓取结果的存放处；默认 data/raw/<profile>/snapshots/<source>",
    )
    manual: bool = knob(
        False,
        en="A sheet filled by hand: made with its header where absent, and may be empty",
        zh="人工填写的表：缺失时自动生成表头，可以为空",
    )
    widths: dict[str, int] = knob(
        {},
        en="Number of characters each value of a column must have; others are counted, never mended",
        zh="列值应有的字符数；不符者只计数，不修改",
    )
    formats: FormatParams = knob(FormatParams(), en="Declared formats", zh="声明的格式")
    rules: dict[str, str] = knob(
        {}, en="Keep rows for which it is true: name: expression", zh="保留为真的行：名称：表达式"
    )
    measures: dict[str, list[str]] = knob(
        {}, en="Counted, not applied: name: list of expressions", zh="只计数不应用：名称：表达式列表"
    )

    @model_validator(mode="before")
    @classmethod
    def _name_attributes(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("attributes"), list):
            names = given["attributes"]
            if all(isinstance(name, str) for name in names):
                return given | {"attributes": {name: name for name in names}}
        return given

    @field_validator("measures", mode="before")
    @classmethod
    def _list_measures(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: [each] if isinstance(each, str) else each for name, each in given.items()}
        return given


class GoalParams(Section):
    """What the run is for; printed at the head of the report."""

    question: str = knob("", en="The question the run answers", zh="本次运行要回答的问题")
    decision: str = knob("", en="The decision it serves", zh="所服务的决策")
    audience: str = knob("", en="Who reads it", zh="读者")
    measure: str = knob("", en="How success is measured", zh="成效的衡量")


class RunParams(Section):
    """How the flow runs."""

    stages: list[str] | None = knob(
        None, en="Stages to run, in number order; default: all", zh="要运行的阶段，按编号；默认全部"
    )
    memory_limit_gb: float = knob(3.0, unit="GB", en="Memory the engine may use", zh="引擎可用内存", ge=0.25, le=1024)
    threads: int = knob(
        2, unit="threads", en="Threads of the engine and of model fits", zh="引擎与模型训练的线程数", ge=1, le=256
    )
    cell_seconds: int = knob(
        1800, unit="s", en="Longest time one cell may take", zh="单个单元格的最长时间", ge=1, le=86400
    )
    total_seconds: int = knob(
        7200, unit="s", en="Longest time the flow may take", zh="整个流程的最长时间", ge=1, le=604800
    )


class CheckQuality(Section):
    """01_check_quality."""

    date_min: dt.date = knob(
        dt.date(1900, 1, 2),
        unit="date",
        en="Dates before it are rejected as placeholders",
        zh="早于此日期视为占位值并隔离",
    )
    date_max: dt.date | None = knob(
        None,
        unit="date",
        en="Dates after it are rejected; default: the day of the run",
        zh="晚于此日期予以隔离；默认运行当日",
    )
    max_rejected_share: float = knob(
        0.2,
        unit="share",
        en="Share of rejected records above which a source is refused",
        zh="隔离记录占比超过此值则拒绝该来源",
        ge=0,
        le=1,
    )
    max_age_days: int = knob(
        45,
        unit="days",
        en="Age of the newest row above which data counts as stale",
        zh="最新记录距统计日超过此天数视为陈旧",
        ge=0,
    )


class BuildFeatures(Section):
    """03_build_features."""

    windows_days: list[int] = knob(
        [30, 90, 365],
        unit="days",
        en="Windows before the as-of date for orders, spend, sessions, attendances and service cases",
        zh="统计日之前的订单、消费、会话、活动参与与工单窗口",
        min_length=1,
        max_length=6,
    )
    session_gap_minutes: int = knob(
        30,
        unit="minutes",
        en="Minutes without an event after which a session without an id ends",
        zh="无会话编号时，多少分钟无事件即视为会话结束",
        ge=1,
        le=1440,
    )
    least_for_share: int = knob(
        5,
        unit="cases",
        en="Fewest sessions, campaigns or products on which a share is told",
        zh="计算占比所需的最少会话、活动或商品数",
        ge=1,
        le=1000,
    )
    event_types: dict[str, list[str]] = knob(
        {},
        en="Words of the source by kind of event: view, cart, purchase, favourite, search, impression, click, attend",
        zh="各类事件在来源中的叫法：view、cart、purchase、favourite、search、impression、click、attend",
    )
    online_words: list[str] = knob(
        [], en="Further words in channel or platform names that mean online", zh="渠道或平台名称中表示线上的其他字词"
    )
    store_words: list[str] = knob(
        [], en="Further words in channel or platform names that mean a shop", zh="渠道或平台名称中表示门店的其他字词"
    )
    occasions: dict[str, dict[str, Any]] = knob(
        {},
        en="Occasions of purchase, the first that fits wins: name: {categories, words, calendar, dates, birthday, "
        "days_before, days_after, gift}",
        zh="购买场景，先符合者优先：名称：{categories, words, calendar, dates, birthday, days_before, days_after, gift}",
    )

    @field_validator("event_types")
    @classmethod
    def _known_kinds(cls, words: dict[str, list[str]]) -> dict[str, list[str]]:
        kinds = ("view", "cart", "purchase", "favourite", "search", "impression", "click", "attend")
        unknown = sorted(set(words) - set(kinds))
        if unknown:
            raise ValueError(f"unknown kinds {', '.join(unknown)}; known: {', '.join(kinds)}")
        return words

    @field_validator("windows_days")
    @classmethod
    def _positive(cls, days: list[int]) -> list[int]:
        if any(day < 1 for day in days) or len(set(days)) < len(days):
            raise ValueError("windows are whole days from 1, each once")
        return sorted(days)


class DescribeCustomers(Section):
    """04_describe_customers."""

    top_values: int = knob(
        12, unit="values", en="Values shown of a categorical variable", zh="分类变量展示的取值个数", ge=2, le=50
    )
    cohort_months: int = knob(12, unit="months", en="Months a cohort is followed", zh="同期群跟踪的月数", ge=2, le=60)
    n_bootstraps: int = knob(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


class ScoreRfm(Section):
    """05_score_rfm."""

    bins: int = knob(
        5,
        unit="scores",
        en="Scores per dimension, the highest is best",
        zh="每个维度的分值个数，最高为最好",
        ge=2,
        le=10,
    )
    tie_rule: Literal["lowest", "middle", "highest"] = knob(
        "lowest", en="Which of their ranks equal values all take", zh="相同取值共同采用的名次：最低、居中或最高"
    )
    cut: Literal["median", "mean", "mean_score", "score"] = knob(
        "median",
        en="What parts high from low: median or mean of the values, mean of the scores, or the middle score",
        zh="高低的分界：取值的中位数或均值、得分的均值，或中间分",
    )
    bounds: Literal["fixed", "rhythm"] = knob(
        "fixed",
        en="Activity bounds: fixed days, or the customers' own gaps between orders",
        zh="活跃状态界限：固定天数，或客户自身的购买间隔",
    )
    active_days: int = knob(90, unit="days", en="Active up to this recency", zh="活跃：最近购买不超过", ge=1)
    dormant_days: int = knob(180, unit="days", en="Dormant up to this recency", zh="沉睡：最近购买不超过", ge=2)
    pre_churn_days: int = knob(
        360,
        unit="days",
        en="Pre-churn up to this recency, churned beyond",
        zh="预流失：最近购买不超过，其后为流失",
        ge=3,
    )

    @model_validator(mode="after")
    def _in_order(self) -> ScoreRfm:
        if not self.active_days < self.dormant_days < self.pre_churn_days:
            bounds = f"{self.active_days}, {self.dormant_days}, {self.pre_churn_days}"
            raise ValueError(f"active_days, dormant_days, pre_churn_days are {bounds}; each must exceed the one before")
        return self


class SegmentCustomers(Section):
    """06_segment_customers."""

    features: list[str] = knob(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features the segments are made of; those a base lacks are left out and said so",
        zh="用于分群的特征；数据缺少者略去并说明",
        min_length=1,
    )
    log_features: list[str] = knob(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features taken on a log scale (log1p)",
        zh="取对数（log1p）的特征",
    )
    k_min: int = knob(2, unit="segments", en="Fewest segments tried", zh="尝试的最少分群数", ge=2, le=30)
    k_max: int = knob(8, unit="segments", en="Most segments tried", zh="尝试的最多分群数", ge=2, le=30)
    n_restarts: int = knob(10, unit="restarts", en="Restarts of k-means", zh="k-means 重启次数", ge=1, le=100)
    n_bootstraps: int = knob(
        50,
        unit="resamples",
        en="Resamples for the Jaccard stability of each cluster",
        zh="每个簇 Jaccard 稳定性的重抽样次数",
        ge=10,
        le=1000,
    )
    n_splits: int = knob(
        10, unit="splits", en="Disjoint halvings for the split-half Jaccard", zh="对半拆分 Jaccard 的次数", ge=5, le=200
    )
    silhouette_sample: int = knob(
        5000, unit="customers", en="Customers the silhouette is computed on", zh="计算轮廓系数的客户数", ge=200
    )
    min_share: float = knob(
        0.02, unit="share", en="Smallest share a segment may have", zh="单个客群的最小占比", ge=0, le=0.5
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> SegmentCustomers:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min {self.k_min} exceeds k_max {self.k_max}")
        return self


class PredictChurn(Section):
    """08_predict_churn."""

    label_name: str = knob("churn", en="What label 1 means", zh="标签 1 的含义")
    horizon_days: int | None = knob(
        None,
        unit="days",
        en="Days ahead predicted; default: from the customers' own rhythm",
        zh="预测的天数；默认取自客户自身节奏",
        ge=7,
        le=3650,
    )
    active_within_days: int | None = knob(
        None,
        unit="days",
        en="Only customers who bought within these days are predicted; default: twice the horizon",
        zh="仅预测此天数内有购买的客户；默认为预测期的两倍",
        ge=7,
        le=7300,
    )
    leak_auc: float = knob(
        0.98,
        unit="AUC",
        en="Test AUC above which the leak alarm is raised",
        zh="测试 AUC 高于此值即触发泄漏警报",
        gt=0.5,
        le=1,
    )
    min_positives: int = knob(
        30, unit="customers", en="Fewest customers of each outcome for a model", zh="建模所需的每类最少客户数", ge=30
    )
    n_bootstraps: int = knob(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


class WriteReport(Section):
    """14_write_report."""

    key_findings: int = knob(
        5, unit="findings", en="Findings at the head of the report", zh="报告开头的要点数", ge=1, le=12
    )


SECTIONS: dict[str, type[Section]] = {
    "01_check_quality": CheckQuality,
    "03_build_features": BuildFeatures,
    "04_describe_customers": DescribeCustomers,
    "05_score_rfm": ScoreRfm,
    "06_segment_customers": SegmentCustomers,
    "08_predict_churn": PredictChurn,
    "14_write_report": WriteReport,
}
