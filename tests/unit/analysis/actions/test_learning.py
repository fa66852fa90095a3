"""Plan, draw what the truth gives, measure, plan again: the plans get better, and the intervals hold the truth.

The customers are those of the generated jeweller, whose true chance to buy and whose true gain from each of its two
campaigns are known. The shop sees less: a guess of the kind of customer that is right in three of four cases, and the
orders of the year before.
"""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.actions.candidates import STEPS, Candidates
from workbench.analysis.actions.gains import gains_of
from workbench.analysis.actions.plan import Offer, Terms, make_plan
from workbench.analysis.experiments.studies import measure_experiments
from workbench.core.actions.definition import Action
from workbench.intake.demo.datasets import materialise
from workbench.intake.demo.jewellery.campaigns import EXPERIMENTS

pytestmark = pytest.mark.long

CUSTOMERS, ROUNDS, SEEDS = 24_000, 5, 50
WORTH, COST = 300.0, 2.0  # yuan: of one purchase, of one contact
CONTACTED = 1 / 3  # of the customers the budget reaches
NAMES = ("qixi", "coupon")
ASSUMED = 6.0  # what a plan hopes for, of an action that no test has shown yet


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Every person of the spring campaign: persona, chance to buy in 90 days, and what each campaign adds to it."""
    folder = tmp_path_factory.mktemp("jewellery")
    materialise("jewellery", folder, customers=5_000)
    effects = pd.read_parquet(folder / "truth/effects.parquet")
    people = effects[effects["experiment"] == EXPERIMENTS[1].name].reset_index(drop=True)
    people["has_left"] = people["persona"].isin(EXPERIMENTS[1].effect) & (people["effect"] == 0)
    for name, experiment in zip(NAMES, EXPERIMENTS, strict=True):
        added = people["persona"].map(experiment.effect).fillna(0.0) * ~people["has_left"]
        people[name] = added * (1 - people["chance_without"])
    return people[["persona", "chance_without", *NAMES]]


class Shop:
    """The customers of one seed, and the rounds that they went through."""

    def __init__(self, truth, seed):
        self.draws, self.seed = np.random.default_rng(seed), seed
        self.people = truth.iloc[self.draws.integers(0, len(truth), CUSTOMERS)].reset_index(drop=True)
        kinds = np.sort(truth["persona"].unique())
        seen = np.where(
            self.draws.random(CUSTOMERS) < 0.75, self.people["persona"], self.draws.choice(kinds, CUSTOMERS)
        )
        self.ids = np.array([f"c{at:05}" for at in range(CUSTOMERS)], dtype=object)
        orders = self.draws.poisson(4 * self.people["chance_without"])
        self.seen = pd.DataFrame({"customer_id": self.ids, "kind": seen, "orders_year": orders.astype(float)})
        self.effects, self.uplift, self.shown = pd.DataFrame(), pd.DataFrame(), {}
        self.covered = []

    def offer(self):
        """What the plan knows: of each action the first experiment that showed an effect, else what is hoped for."""
        actions = {}
        for name in NAMES:
            gain = (
                {"experiment": self.shown[name], "outcome": "bought", "worth": WORTH}
                if name in self.shown
                else {"assumed": ASSUMED}
            )
            label = {"en": name, "zh": name}
            capacity = None if name in self.shown else int(CUSTOMERS * CONTACTED / len(NAMES))  # each is tried
            actions[name] = Action(name=name, label=label, channel="sms", cost=COST, gain=gain, capacity=capacity)
        allowed = np.ones((len(NAMES), CUSTOMERS), dtype=bool)
        candidates = Candidates(self.ids, allowed, pd.DataFrame(columns=["action", *STEPS]))
        plans = [f"shop_{at}" for at in range(ROUNDS)]
        return Offer.of(actions, gains_of(actions, self.effects, plans), candidates, self.uplift)

    def plan(self, at):
        terms = Terms(
            CUSTOMERS * CONTACTED * COST,
            explore_share={0: 1.0, 1: 0.5}.get(len(self.shown), 0.2),
            hold_out_share=0.25,
            seed=self.seed,
        )
        return make_plan(f"shop_{at}", self.offer(), terms)

    def measure(self, plan, at):
        """Draw what the plan brings, and measure it as stage 10 does."""
        parts = []
        for code, name in enumerate(NAMES):
            rows = np.flatnonzero(plan.chosen == code)
            treated = ~plan.held_out[rows]
            if min(treated.sum(), (~treated).sum()) < 30:
                continue
            chance = self.people["chance_without"].to_numpy()[rows] + treated * self.people[name].to_numpy()[rows]
            parts.append(
                pd.DataFrame(
                    {
                        "experiment": f"shop_{at}_{name}", "customer_id": self.ids[rows],
                        "arm": np.where(treated, "treat", "hold_out"), "assigned_at": pd.Timestamp("2025-01-01"),
                        "share": np.where(treated, 0.75, 0.25),
                        "bought": (self.draws.random(len(rows)) < chance).astype(float),
                    }
                )
            )  # fmt: skip
        if not parts:
            return
        experiments = pd.concat(parts, ignore_index=True)
        tables = {"experiments": ibis.memtable(experiments), "customers": ibis.memtable(self.seen)}
        measured = measure_experiments(
            tables, as_of=date(2025, 7, 1), outcomes=["bought"], n_bootstraps=50, seed=self.seed
        )
        self.effects = pd.concat([self.effects, measured.effects], ignore_index=True)
        self.uplift = pd.concat([self.uplift, measured.uplift], ignore_index=True)
        for study in measured.studies:
            name = study.experiment.name.rsplit("_", 1)[1]
            row = study.effects[study.effects["group"].isna()].iloc[0]
            rows = np.searchsorted(self.ids, study.experiment.assigned["customer_id"].to_numpy(dtype=object))
            true_effect = self.people[name].to_numpy()[rows].mean()
            if pd.notna(row["effect"]):
                self.covered.append(row["low"] <= true_effect <= row["high"])
                if row["verdict"] == "shown":
                    self.shown.setdefault(name, study.experiment.name)

    def gain(self, chosen, treated):
        """The true gain of one contact, yuan, after its cost."""
        of_action = self.people[list(NAMES)].to_numpy()
        rows = np.flatnonzero(treated)
        return float(of_action[rows, chosen[rows]].mean() * WORTH - COST) if len(rows) else 0.0

    def beside(self, plan):
        """The same number of contacts, of the better action, by other rules."""
        contacts = int(plan.treated.sum())
        best = int(np.argmax([self.people[name].mean() for name in NAMES]))
        chosen = np.full(CUSTOMERS, best)
        scores = {
            "risk": -self.seen["orders_year"].to_numpy(), "rfm": self.seen["orders_year"].to_numpy(),
            "random": np.zeros(CUSTOMERS),
        }  # fmt: skip
        lots, found = self.draws.random(CUSTOMERS), {}
        for name, score in scores.items():
            treated = np.zeros(CUSTOMERS, dtype=bool)
            treated[np.lexsort((lots, -score))[:contacts]] = True
            found[name] = self.gain(chosen, treated)
        return found


def five_rounds(truth, seed):
    shop, gains = Shop(truth, seed), []
    for at in range(ROUNDS):
        plan = shop.plan(at)
        gains.append(shop.gain(plan.chosen, plan.treated))
        shop.measure(plan, at)
    return gains, shop.covered, shop.beside(plan)


def test_five_rounds_of_planning_and_measuring_raise_the_gain_of_a_contact(truth):
    results = [five_rounds(truth, seed) for seed in range(SEEDS)]
    gains = np.array([gains for gains, _, _ in results])
    covered = np.array([held for _, of_seed, _ in results for held in of_seed])
    beside = pd.DataFrame([others for _, _, others in results])
    better = (gains[:, -1] > gains[:, 0]).mean()
    print(
        f"\ngain per contact by round (yuan): {np.round(gains.mean(axis=0), 2).tolist()}; "
        f"round 5 above round 1 in {better:.0%} of {SEEDS} seeds\n"
        f"95 % intervals that hold the truth: {covered.mean():.1%} of {len(covered)}\n"
        f"beside it, the better action by: " + ", ".join(f"{name} {value:.2f}" for name, value in beside.mean().items())
    )
    assert better >= 0.9
    assert 0.90 <= covered.mean() <= 0.98
    assert gains[:, -1].mean() > beside.mean().max()
