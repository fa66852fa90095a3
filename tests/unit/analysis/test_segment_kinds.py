"""The shipped kinds: each a definition that is proven exhaustive and exclusive, in both languages, and applies."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from workbench.analysis.portraits.kinds import apply_kinds, cross_kinds, size_kinds
from workbench.analysis.segments.declared import declare
from workbench.analysis.segments.rules import prove

FILES = sorted((Path(__file__).parents[3] / "params" / "segments").glob("*.yaml"))
MOTIVES = {
    "scale_attitude": 2.0, "scale_values": 4.0, "scale_motivation": 3.0, "scale_consumption_concept": None,
}  # fmt: skip


def read(path):
    return declare(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_kinds_the_field_expects_ship():
    assert {path.stem for path in FILES} == {
        "age_bands", "city_tiers", "frequency", "value_tiers", "channels", "times_of_day", "recommenders", "life_cycle",
        "management_view", "new_returning_at_risk", "rfm_types", "rfm_grid", "user_tiers", "countries", "provinces",
        "cities", "motives",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_kind_is_proven_exhaustive_and_exclusive(path):
    definition = read(path)
    assert definition.name == path.stem and set(definition.title) == {"en", "zh"}
    check = prove(definition.model)
    assert check.proven and check.exhaustive and check.exclusive, (check.gaps, check.overlaps)


@pytest.mark.parametrize(
    ("kind", "row", "segment"),
    [
        ("age_bands", {"age": 17}, "under_18"),
        ("countries", {"country": "EIRE"}, "ireland"),
        ("countries", {"country": "Malta"}, "other"),
        ("provinces", {"province": "广西壮族自治区"}, "guangxi"),
        ("provinces", {"province": "陕西"}, "shaanxi"),
        ("cities", {"city": "西安市"}, "xian"),
        ("motives", MOTIVES, "marks_occasions"),
        ("motives", MOTIVES | {"scale_attitude": 4.5}, "keeps_value"),
        ("motives", MOTIVES | {"scale_values": None}, "none_strong"),
        ("motives", dict.fromkeys(MOTIVES), "not_asked"),
        ("age_bands", {"age": 18}, "from_18"),
        ("age_bands", {"age": 24.9}, "from_18"),
        ("age_bands", {"age": 60}, "from_60"),
        ("age_bands", {"age": None}, "not_known"),
        ("frequency", {"orders_365d": 0}, "none"),
        ("frequency", {"orders_365d": 24}, "steady"),
        ("value_tiers", {"spend_quintile": 5}, "high"),
        ("value_tiers", {"spend_quintile": None}, "none"),
        ("rfm_grid", {"r_score": 5, "f_score": 1}, "r5_f1"),
        ("user_tiers", {"monetary_total": -3, "m_score": 1, "f_score": 5}, "negative"),
        ("user_tiers", {"monetary_total": 90, "m_score": 5, "f_score": 5}, "core"),
        ("user_tiers", {"monetary_total": 90, "m_score": 5, "f_score": 2}, "niche"),
        ("user_tiers", {"monetary_total": 9, "m_score": 2, "f_score": 2}, "secondary"),
        ("management_view", {"life_cycle_stage": "dormant"}, "win_back"),
        ("new_returning_at_risk", {"life_cycle_stage": "reactivated"}, "returning"),
        ("city_tiers", {"city_tier": 2}, "tier_2"),
        ("channels", {"shopping_mode": "mixed"}, "mixed"),
    ],
)
def test_examples_fall_where_they_belong(kind, row, segment):
    definition = read(next(path for path in FILES if path.stem == kind))
    known = pd.DataFrame({"customer_id": ["1"], **{name: [value] for name, value in row.items()}})
    known = known.astype({name: "float64" for name, value in row.items() if not isinstance(value, str)})
    assert apply_kinds(known, [definition])[kind].tolist() == [segment]


def test_kinds_whose_columns_exist_are_applied_sized_and_crossed():
    definitions = [read(path) for path in FILES]
    known = pd.DataFrame(
        {
            "customer_id": [f"{at:03d}" for at in range(120)],
            "age": [float(20 + 10 * (at % 2)) for at in range(120)],
            "spend_quintile": [5.0 if at < 60 else 1.0 for at in range(120)],
            "monetary_total": [10.0 if at < 60 else 1.0 for at in range(120)],
        }
    )
    applied = apply_kinds(known.sample(frac=1, random_state=1), definitions)
    assert list(applied.columns) == ["customer_id", "age_bands", "value_tiers"]
    sizes = size_kinds(known, applied, definitions).set_index(["kind", "segment"])
    assert sizes.loc[("value_tiers", "high"), "n"] == 60
    assert sizes.loc[("value_tiers", "high"), "value_share"] == pytest.approx(600 / 660)
    assert sizes.loc[("age_bands", "under_18"), "n"] == 0
    cross = cross_kinds(applied, "age_bands", "value_tiers")
    assert cross["cell"].tolist() == [30, 30, 30, 30] and not cross["suppressed"].any()
    small = applied.assign(value_tiers=["high"] * 3 + ["low"] * 117)
    assert cross_kinds(small, "age_bands", "value_tiers")["suppressed"].all()
    assert size_kinds(known, applied[["customer_id"]], definitions).empty
