"""The declaration of 08_predict_churn."""

from __future__ import annotations

from workbench.core.schema import ABOUT_CUSTOMERS, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.build_features import READ_AT_CUT_OFFS
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "PredictChurn"]


class PredictChurn(Section):
    """08_predict_churn."""

    label_name: str = parameter("churn", en="What label 1 means", zh="标签 1 的含义")
    horizon_days: int | None = parameter(
        None,
        unit="days",
        en="Prediction horizon; default: from the customers' usual gaps between orders",
        zh="预测的天数；默认取自客户自身节奏",
        ge=7,
        le=3650,
    )
    active_within_days: int | None = parameter(
        None,
        unit="days",
        en="Only customers who bought within this many days are predicted; default: twice the horizon",
        zh="仅预测此天数内有购买的客户；默认为预测期的两倍",
        ge=7,
        le=7300,
    )
    partial_below: float = parameter(
        0.0,
        unit="share",
        en="Partial churn: buying on fewer than this share of the earlier purchase days; 0: no purchase at all",
        zh="部分流失：购买天数低于此前的该比例即视为流失；0 表示完全没有购买",
        ge=0,
        lt=1,
    )
    train_cut_offs: int = parameter(
        3,
        unit="cut-offs",
        en="Cut-offs to train on, one horizon apart; fewer where the history is short",
        zh="用于训练的截点个数，彼此相隔一个预测期；历史较短时自动减少",
        ge=1,
        le=24,
    )
    stable_attributes: list[str] = parameter(
        [],
        en="Columns of customers with the same value at every cut-off; other undated columns are left out",
        zh="customers 表中在每个截点均已知的列；其余没有日期的列不用于训练",
    )
    decision_share: float = parameter(
        0.1,
        unit="share",
        en="Share of customers on the contact list, unless decision_size is set",
        zh="未指定人数时，联系名单占客户的比例",
        gt=0,
        le=1,
    )
    decision_size: int | None = parameter(
        None, unit="customers", en="Customers on the contact list", zh="联系名单的人数", ge=1, le=10_000_000
    )
    contact_cost: float = parameter(
        1.0, unit="currency", en="Assumed cost of one contact", zh="每次联系的给定成本", ge=0
    )
    gain_per_leaver: float = parameter(
        5.0,
        unit="currency",
        en="Assumed gain from contacting a leaver: value of a retained customer times the share who then stay; in the "
        "list of likely answers the gain of an answer",
        zh="联系一位将流失者的给定收益：挽留价值乘以联系后留下的比例；在响应名单中为一次响应的给定收益",
        ge=0,
    )
    explained_customers: int = parameter(
        300, unit="customers", en="Customers whose reasons are listed", zh="写出原因的客户数", ge=1, le=20_000
    )
    n_reasons: int = parameter(3, unit="reasons", en="Reasons per customer", zh="每位客户的原因数", ge=1, le=10)
    n_categories: int = parameter(
        5,
        unit="categories",
        en="Categories whose buyers are predicted; 0: none",
        zh="预测购买者的品类数；0 表示不预测",
        ge=0,
        le=50,
    )
    leak_auc: float = parameter(
        0.98,
        unit="AUC",
        en="Test AUC above which the leak alarm is raised",
        zh="测试 AUC 高于此值即触发泄漏警报",
        gt=0.5,
        le=1,
    )
    allow: list[str] = parameter(
        [],
        en="Leak alarms that were looked at and are none: columns, or kinds (model_auc, beyond_baseline)",
        zh="经查看并非泄漏的警报：列名，或警报种类（model_auc、beyond_baseline）",
    )
    min_positives: int = parameter(
        30, unit="customers", en="Fewest customers per outcome for a model", zh="建模所需的每类最少客户数", ge=30
    )
    n_bootstraps: int = parameter(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


STAGE = Stage(
    "08_predict_churn",
    {"en": "Who will leave, who will buy, and why?", "zh": "谁会流失、谁会购买、为什么？"},
    PredictChurn,
    tables=(
        Table(
            "churn",
            columns(
                "customer_id:id churn_probability:number purchase_probability:number cut_off:date "
                "model_version:category"
            ),
            keys=("customer_id",),
        ),
        Table(
            "churn_reasons",
            columns("customer_id:id rank:integer feature:category value:text contribution:number direction:category"),
        ),
        Table(
            "answers",
            columns("customer_id:id answer_probability:number cut_off:date model_version:category"),
            keys=("customer_id",),
        ),
        Table(
            "purchase_propensity",
            columns("customer_id:id category:category purchase_probability:number cut_off:date"),
        ),
    ),
    reads=("features", "segments", "households", *ABOUT_CUSTOMERS),
    needs=(("transactions.customer_id", "labels"), ("features",)),
    unlocks={"en": "churn and purchase probabilities", "zh": "流失与购买概率"},
    borrows=(*READ_AT_CUT_OFFS, "run.min_cell"),
)
