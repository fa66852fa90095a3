"""Chinese words for the types, units and bounds in the parameter reference."""

from __future__ import annotations

__all__ = ["UNITS", "WORDS"]

UNITS = {
    "AUC": "AUC", "GB": "GB", "alpha": "alpha", "cases": "条", "categories": "个品类", "contacts": "次触达",
    "currency": "货币单位", "customers": "位客户", "cut-offs": "个截点", "date": "日期", "days": "天",
    "draws": "次抽取", "findings": "条发现", "items": "项", "links": "条关联", "looks": "次", "minutes": "分钟",
    "money": "货币单位", "months": "个月", "pairs": "对", "percentage points": "个百分点", "probability": "概率",
    "questions": "道题",
    "reasons": "条原因", "records": "条记录", "resamples": "次重抽样", "restarts": "次重启", "rules": "条规则",
    "s": "秒", "scores": "分", "segments": "个分群", "share": "占比", "share a year": "年比例",
    "share of baskets": "购物篮占比", "splits": "次划分", "threads": "个线程", "values": "个取值", "years": "年",
}  # fmt: skip
WORDS = {
    "text": "文本", "whole number": "整数", "number": "数值", "true or false": "是或否", "date": "日期",
    "mapping": "映射", "list of {}": "{} 的列表", " or ": " 或 ", "none": "无", "required": "必填", "length": "长度",
    "Any": "任意", "True": "是", "False": "否",
}  # fmt: skip
