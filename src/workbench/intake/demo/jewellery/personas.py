"""Who buys jewellery and how: eight kinds of customers, by the rates at which they buy, leave, browse and answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import duckdb
import pyarrow as pa

__all__ = ["FESTIVALS", "PERSONAS", "Persona", "write_personas"]


@dataclass(frozen=True)
class Persona:
    """A kind of customer.

    Attributes
    ----------
    name, zh : str
    share : float
        Of all people; the shares sum to 1.
    female : float
        Share of women.
    age, age_spread : float
        Years at the end: mean and standard deviation.
    orders_per_year : float
        Mean rate of purchases without an occasion of their own.
    leaves_per_year : float
        Rate of leaving for good.
    online : float
        Mean share of purchases on the web.
    purse : float
        Mean position within a price range, as a normal score.
    thrift : float
        Chance that a purchase waits for a reduction.
    sessions_per_month, cases_per_year : float
        Visits of the web shop and the app; service cases.
    reviews, answers, opens : float
        Chance to review an online purchase, to answer the survey, to open a message.
    gold : float
        Response of the rate to the change of the gold price over 60 days (log on log).
    """

    name: str
    zh: str
    share: float
    female: float
    age: float
    age_spread: float
    orders_per_year: float
    leaves_per_year: float
    online: float
    purse: float
    thrift: float
    sessions_per_month: float
    cases_per_year: float
    reviews: float
    answers: float
    opens: float
    gold: float = 0.0


PERSONAS = (
    Persona("bridal", "婚嫁新人", 0.18, 0.55, 28, 3.5, 0.10, 0.16, 0.35, 0.2, 0.15, 0.35, 0.25, 0.22, 0.30, 0.35),
    Persona("gift", "送礼者", 0.17, 0.25, 34, 8, 0.08, 0.16, 0.50, 0.0, 0.12, 0.25, 0.10, 0.12, 0.20, 0.40),
    Persona("self_reward", "悦己时尚", 0.21, 0.92, 30, 7, 0.60, 0.20, 0.75, -0.2, 0.25, 1.10, 0.12, 0.40, 0.35, 0.45),
    Persona("investor", "黄金投资", 0.08, 0.45, 46, 9, 0.60, 0.12, 0.20, 0.4, 0.05, 0.30, 0.05, 0.04, 0.15, 0.20, 6.0),
    Persona("collector", "玉石藏家", 0.04, 0.55, 52, 9, 0.60, 0.08, 0.06, 0.9, 0.05, 0.20, 0.60, 0.08, 0.30, 0.50),
    Persona(
        "bargain", "以旧换新", 0.14, 0.75, 41, 10, 0.36, 0.20, 0.55, -0.5, 0.75, 0.50, 0.20, 0.20, 0.20, 0.55, -1.0
    ),
    Persona("service", "售后服务", 0.08, 0.70, 45, 11, 0.05, 0.15, 0.15, 0.0, 0.10, 0.08, 1.30, 0.10, 0.25, 0.20),
    Persona("passer", "过路散客", 0.10, 0.60, 36, 11, 0.04, 1.00, 0.45, -0.1, 0.20, 0.10, 0.05, 0.10, 0.05, 0.10),
)

# by persona: festival, and by which multiple of the usual purchases rise before it
FESTIVALS = {
    "bridal": {"520": 3, "qixi": 3, "national_day": 2, "spring_festival": 1},
    "gift": {"520": 4, "qixi": 4, "valentines": 4, "mothers_day": 2, "christmas": 2, "spring_festival": 2},
    "self_reward": {"singles_day": 5, "618": 3, "womens_day": 3, "christmas": 1, "spring_festival": 1},
    "investor": {"spring_festival": 4, "national_day": 1},
    "collector": {"spring_festival": 3, "mid_autumn": 2, "national_day": 1},
    "bargain": {"singles_day": 7, "618": 5, "national_day": 1},
    "service": {},
    "passer": {"520": 2, "qixi": 2, "valentines": 1, "singles_day": 2, "spring_festival": 3},
}


def write_personas(engine: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``persona``: one row per persona, the columns of `Persona`."""
    columns = {field.name: [asdict(persona)[field.name] for persona in PERSONAS] for field in fields(Persona)}
    engine.register("persona_view", pa.table(columns))
    engine.execute("CREATE TEMP TABLE persona AS SELECT * FROM persona_view")
    engine.unregister("persona_view")
