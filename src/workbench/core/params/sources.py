"""Parameters of a source: its location, mapping, formats and cleaning."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from workbench.core.section import Section, parameter

__all__ = ["AccuracyParams", "FillParams", "FormatParams", "KeepParams", "SourceParams"]


class FormatParams(Section):
    """Formats of dates, decimals, money and time in a source."""

    dates: str | list[str] | dict[str, str | list[str]] | None = parameter(
        None,
        en="strptime pattern of the dates, unix, unix_ms or excel, a list of these, or a mapping by column; ISO dates "
        "need none",
        zh="日期的 strptime 格式，或 unix（秒）、unix_ms（毫秒）、excel，可为列表，或按列给出；ISO 日期无需声明",
    )
    decimals: Literal[".", ","] = parameter(
        ".",
        en="Decimal mark of numbers; only where it is declared are digit groups (1,234.50) and parentheses read",
        zh="数字的小数点；声明后才识别千分位（1,234.50）与括号负数",
    )
    currency: str | None = parameter(None, en="ISO 4217 code of the money columns", zh="金额列的 ISO 4217 币种代码")
    time_zone: str | None = parameter(
        None,
        en="IANA time zone of the shop, for times with an offset or stored_in",
        zh="门店的 IANA 时区，用于带时差或 stored_in 的时间",
    )
    stored_in: str | None = parameter(
        None,
        en="IANA time zone of times stored without an offset, such as UTC; default: time_zone",
        zh="不带时差的时间所采用的 IANA 时区，如 UTC；默认即门店时区",
    )

    rates: str | None = parameter(
        None,
        en="CSV of dated currency rates inside the workspace: date, currency, rate (of one unit in formats.currency)",
        zh="工作区内带日期的汇率表（CSV）：date、currency、rate（一单位外币折合 formats.currency 的金额）",
    )
    units: dict[str, Literal["fen", "jiao", "yuan", "thousand", "wan", "million", "yi", "share"]] = parameter(
        {},
        en="Unit of a numeric column: fen 0.01, jiao 0.1, thousand, wan 10 000, million, yi 100 million; share: a "
        "discount of 0 to 1 of the price before it, amount being what was paid",
        zh="数值列的计量单位：fen 分、jiao 角、yuan 元、thousand 千、wan 万、million 百万、yi 亿；share 表示折扣率"
        "（0 至 1，占折前价格），amount 为实付",
    )
    means_yes: dict[str, list[str]] = parameter(
        {},
        en="Values of a yes-or-no column that mean yes, such as label: [Closed, Churned]; every other value means no",
        zh="是否列中表示“是”的取值，如 label: [流失, 已销户]；其余取值均表示“否”",
    )
    means_no: dict[str, list[str]] = parameter(
        {},
        en="Values that mean no, used with means_yes; a value in neither list is counted and left out",
        zh="与 means_yes 并用，表示“否”的取值；不在两个列表中的取值会被计数并排除",
    )

    @model_validator(mode="after")
    def _zones(self) -> FormatParams:
        if self.stored_in and not self.time_zone:
            raise ValueError("stored_in needs time_zone, the zone to which times are converted")
        if self.rates and not self.currency:
            raise ValueError("rates need currency, the one to which money is converted")
        return self

    @model_validator(mode="after")
    def _meanings(self) -> FormatParams:
        unpaired = sorted(set(self.means_no) - set(self.means_yes))
        if unpaired:
            raise ValueError(f"means_no needs means_yes for the same column: {', '.join(unpaired)}")
        for column, values in self.means_yes.items():
            yes, no = _folded(values), _folded(self.means_no.get(column, []))
            if not yes or yes & no:
                both = ", ".join(sorted(yes & no))
                raise ValueError(f"means_yes of {column} needs values of its own" + (f", not {both}" if both else ""))
        return self


def _folded(values: list[str]) -> set[str]:
    return {value.strip().lower() for value in values}


class AccuracyParams(Section):
    """A rule that rows of a source should fulfil; it is only checked, rows are not changed."""

    rule: str = parameter(..., en="Expression that should be true", zh="应当成立的表达式")
    level: Literal["blocker", "warning", "info"] = parameter(
        "warning", en="What a failure means; a blocker refuses the data", zh="未达标的后果；blocker 则拒绝该数据"
    )
    at_least: float = parameter(
        1.0, unit="share", en="Share of rows for which it must hold", zh="规则成立的最低行占比", ge=0, le=1
    )


class KeepParams(Section):
    """Which of several rows with the same key is kept."""

    by: list[str] = parameter(..., en="Key columns", zh="构成主键的列", min_length=1)
    rule: Literal["first", "latest", "refuse"] = parameter(
        "first", en="Keep the first row, the latest, or refuse conflicts", zh="保留首行、最新一行，或拒绝冲突"
    )
    latest_by: str | None = parameter(None, en="Column that orders rows by time", zh="判断最新的列")

    @model_validator(mode="after")
    def _has_latest(self) -> KeepParams:
        if (self.rule == "latest") != (self.latest_by is not None):
            raise ValueError("rule latest and latest_by belong together")
        return self


class FillParams(Section):
    """Columns that are filled only on the first line of an order, to be copied to the other lines."""

    by: str = parameter("order_id", en="Column that groups the lines", zh="归并各行的列")
    columns: list[str] = parameter(..., en="Columns to fill within each group", zh="在组内补齐的列", min_length=1)


class SourceParams(Section):
    """One source: a file, or several files by a glob pattern, for one canonical table."""

    path: str = parameter(
        ...,
        en="File, folder or glob inside the workspace; or env:NAME, an environment variable that holds a URL",
        zh="工作区内的文件、文件夹或通配路径；或 env:NAME，即存放 URL 的环境变量",
    )
    table: str = parameter(..., en="Canonical table it feeds", zh="对应的标准表")
    columns: dict[str, str | int | list[str | int]] = parameter(
        {},
        en="Canonical column: source column (or position from 1); a list joins columns by a blank: [date, time]",
        zh="标准列名：来源列名（或从 1 起的位置）；列表表示以空格连接多列，如 [日期, 时间]",
    )
    constants: dict[str, str | int | float | bool] = parameter(
        {}, en="Canonical column: the same value in every row", zh="标准列名：每行相同的取值"
    )
    fill: FillParams | None = parameter(
        None,
        en="Values given only on the first line of an order: {by: order_id, columns: [...]}",
        zh="只写在订单首行的值：{by: order_id, columns: [...]}",
    )
    attributes: dict[str, str] = parameter(
        {},
        en="Further columns to carry: canonical name: source column, or a list",
        zh="另需带入的列：我方列名：来源列名，或列表",
    )
    people: str | None = parameter(
        None,
        en="Source whose customer ids this file uses; its own name: independent ids",
        zh="本文件所用客户编号来自哪个来源；填自身名称表示独立编号",
    )
    encoding: str | None = parameter(None, en="Text encoding; default: detected", zh="文本编码；默认自动识别")
    separator: str | None = parameter(
        None, en="Field separator, or 'whitespace'; default: detected", zh="字段分隔符，或 whitespace；默认自动识别"
    )
    header: bool = parameter(True, en="Whether the first line names the columns", zh="首行是否为列名")
    skip_rows: int | None = parameter(
        None,
        en="Lines above the header; default: none, or those above the line that names the mapped columns",
        zh="表头之上的行数；默认为无，或自动跳过表头以上的行",
        ge=0,
    )
    layout: Literal["long", "wide"] = parameter(
        "long",
        en="Survey layout: one row per answer (long), or one column per question (wide)",
        zh="问卷布局：每行一个答案（long），或每题一列（wide）",
    )
    questions: dict[str, str] = parameter(
        {},
        en="Question columns of a wide survey: question: source column, or a list; default: all unmapped columns",
        zh="宽表问卷的题目列：题目：来源列名，或列表；默认为所有未映射的列",
    )
    questionnaire: str | None = parameter(
        None,
        en="Questionnaire that validates the answers: its name in params/questionnaires/, or a path ending in .yaml",
        zh="用于校验答案的问卷定义：在 params/questionnaires/ 中的名称，或以 .yaml 结尾的路径",
    )
    numbered: str | None = parameter(
        None,
        en="Canonical id column to fill with the record's line number, if the file has no id",
        zh="来源没有编号时，以记录行号填入的编号列",
    )
    sheet: str | int | None = parameter(
        None, en="Sheet of a workbook, by name or position from 1", zh="工作簿中的工作表：名称或从 1 起的位置"
    )
    select: str | None = parameter(None, en="Table or view of a database", zh="数据库中的表或视图")
    records: str | None = parameter(
        None, en="Dotted path to the list of records in JSON", zh="JSON 中记录列表的点分路径"
    )
    token: str | None = parameter(
        None,
        en="Environment variable with the access token of an HTTP endpoint",
        zh="存放 HTTP 接口访问令牌的环境变量",
        pattern=r"^[A-Z_][A-Z0-9_]{0,99}$",
    )
    next_page: str | None = parameter(
        None, en="Dotted path to the URL of the next page in JSON", zh="JSON 中下一页 URL 的点分路径"
    )
    page_parameter: str | None = parameter(
        None, en="Query parameter that counts pages from 1", zh="从 1 起计页数的查询参数"
    )
    snapshot: str | None = parameter(
        None,
        en="Where the fetched copy is stored; default: data/raw/<profile>/snapshots/<source>",
        zh="抓取结果的存放处；默认 data/raw/<profile>/snapshots/<source>",
    )
    manual: bool = parameter(
        False,
        en="A sheet filled by hand: created with its header if absent, and may be empty",
        zh="人工填写的表：缺失时自动生成表头，可以为空",
    )
    widths: dict[str, int] = parameter(
        {},
        en="Number of characters each value of a column must have; others are counted, never repaired",
        zh="列值应有的字符数；不符者只计数，不修改",
    )
    formats: FormatParams = parameter(FormatParams(), en="Declared formats", zh="声明的格式")
    rules: dict[str, str] = parameter(
        {}, en="Keep only rows for which the expression is true: name: expression", zh="保留为真的行：名称：表达式"
    )
    checks: dict[str, AccuracyParams] = parameter(
        {},
        en="Accuracy rules, checked and not applied: name: {rule, level, at_least}",
        zh="准确性规则，只评判不应用：名称：{rule, level, at_least}",
    )
    keep: KeepParams | None = parameter(
        None, en="Deduplication by a declared key: {by, rule, latest_by}", zh="按声明的主键去重：{by, rule, latest_by}"
    )
    standardise: dict[str, dict[str, str]] = parameter(
        {}, en="One spelling per value: column: {source: canonical}", zh="统一取值写法：列：{原值: 新值}"
    )
    impute: dict[str, str | float] = parameter(
        {},
        en="Fill for blanks: column: median, mode, or a value",
        zh="空值填补：列：median、mode 或具体取值",
    )
    measures: dict[str, list[str]] = parameter(
        {}, en="Counted, not applied: name: list of expressions", zh="只计数不应用：名称：表达式列表"
    )

    @model_validator(mode="before")
    @classmethod
    def _name_attributes(cls, content: Any) -> Any:
        for key in ("attributes", "questions"):
            names = content.get(key) if isinstance(content, dict) else None
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                content = content | {key: {name: name for name in names}}
        return content

    @model_validator(mode="after")
    def _check_layout(self) -> SourceParams:
        if self.layout == "wide" and (self.table != "responses" or not self.header):
            raise ValueError("layout wide is for responses with a header that names the questions")
        if self.layout == "wide" and self.attributes:
            raise ValueError("a wide survey has questions, not attributes")
        if self.questions and self.layout != "wide":
            raise ValueError("questions belong to layout wide")
        if self.questionnaire and self.table != "responses":
            raise ValueError("a questionnaire is for responses")
        if self.numbered and self.numbered in self.columns:
            raise ValueError(f"{self.numbered} is mapped to a column and numbered: choose one")
        both = sorted(set(self.constants) & set(self.columns))
        if both:
            raise ValueError(f"{', '.join(both)}: mapped to a column and constant: choose one")
        needed = [*self.fill.columns, self.fill.by] if self.fill else []
        unknown = sorted(set(needed) - set(self.columns))
        if unknown:
            raise ValueError(f"fill names columns that are not mapped: {', '.join(unknown)}")
        return self

    @field_validator("measures", mode="before")
    @classmethod
    def _list_measures(cls, measures: Any) -> Any:
        if isinstance(measures, dict):
            return {name: [value] if isinstance(value, str) else value for name, value in measures.items()}
        return measures
