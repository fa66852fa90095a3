"""Orders without amounts have no spend to explain."""

import datetime as dt

import pandas as pd
import pytest

from workbench.analysis.diagnosis.outcome import choose_outcome
from workbench.core.errors import DataError

AS_OF = dt.date(2024, 7, 1)


def features(orders):
    return pd.DataFrame({"customer_id": list("abcdefgh"), "frequency_orders": orders, "city": list("xxyyxxyy")})


def test_without_amounts_repeat_is_explained_where_some_repeat_and_else_nothing():
    assert choose_outcome(features([1, 1, 1, 1, 2, 2, 2, 2]), outcome="auto", as_of=AS_OF).name == "repeat"
    assert choose_outcome(features([1] * 8), outcome="auto", as_of=AS_OF) is None


def test_spend_without_amounts_is_refused():
    with pytest.raises(DataError):
        choose_outcome(features([1] * 8), outcome="spend", as_of=AS_OF)
