"""A seed that differs is recovered among held-out members; a random one is not; its defining variables are not used."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.audiences.look_alike import find_look_alikes
from workbench.core.errors import DataError


@pytest.fixture(scope="module")
def base():
    rng = np.random.default_rng(3)
    n = 1500
    signal = rng.normal(size=n)
    return pd.DataFrame({
        "customer_id": [f"c{at:04d}" for at in range(n)],
        "signal": np.where(rng.random(n) < 0.1, np.nan, signal),
        "noise": rng.normal(size=n),
        "city": rng.choice(["x", "y", "z"], n),
        "constant": 1,
        "rule": signal + 0.3 * rng.normal(size=n),
    })  # fmt: skip


def test_a_seed_that_differs_is_found_again(base):
    seed = base.loc[base["rule"] > 1.2, "customer_id"]
    result = find_look_alikes(base, seed, left_out=["rule"])
    top = result.lift.set_index("top_share").loc[0.1]
    assert result.auc > 0.85
    assert top["lift"] > 4
    assert top["low"] < top["recall"] < top["high"]
    assert result.left_out == ("rule",)
    assert not set(result.scores["customer_id"]) & set(seed)


def test_a_seed_drawn_by_lot_has_no_lift(base):
    seed = base["customer_id"].sample(300, random_state=5)
    result = find_look_alikes(base, seed)
    assert 0.4 < result.auc < 0.6


def test_the_order_of_rows_changes_nothing(base):
    seed = base.loc[base["rule"] > 1.2, "customer_id"]
    first, second = (find_look_alikes(frame, seed) for frame in (base, base.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(first.scores, second.scores)


def test_too_small_a_seed_is_refused_with_its_count(base):
    with pytest.raises(DataError, match="10 customers in the seed, 1490 outside"):
        find_look_alikes(base, base["customer_id"][:10])
