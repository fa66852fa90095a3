"""The choice of actions: the optimum, its gap, its prices, and limits that are never exceeded."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from workbench.analysis.actions.exact import dual_bound
from workbench.analysis.actions.hold_out import assign_alike, lots_of
from workbench.analysis.actions.problem import NOTHING, Limit, Problem, classes_of
from workbench.analysis.actions.relaxed import solve_relaxed
from workbench.analysis.actions.solve import choose_actions


def drawn(seed, customers, actions=3, *, whole=False):
    """A problem with a budget, one capacity and a channel; money in cents."""
    draws = np.random.default_rng(seed)
    costs = np.round(draws.uniform(0.5, 4, actions), 2)
    values = np.round(draws.gamma(2, 4, (actions, customers)), 2) - costs[:, None]
    values = np.round(values) if whole else values
    values[draws.random(values.shape) < 0.3] = -np.inf
    limits = (
        Limit("budget", costs, float(np.round(0.8 * customers, 2))),
        Limit("capacity.a", np.eye(actions)[0], float(customers // 3)),
        Limit("channel.sms", (np.arange(actions) > 0).astype(float), float(customers // 2)),
    )
    return Problem(values, limits, draws.random(customers))


def within(problem, chosen):
    bounds = np.array([limit.bound for limit in problem.limits])
    return bool((problem.used(chosen) <= bounds + 1e-6).all())


def allowed(problem, chosen):
    treated = np.flatnonzero(chosen >= 0)
    return bool(np.isfinite(problem.values[chosen[treated], treated]).all())


def best_by_trying_all(problem):
    options = range(-1, len(problem.values))
    worth = 0.0
    for choice in itertools.product(options, repeat=problem.n):
        chosen = np.array(choice, dtype=np.int16)
        if allowed(problem, chosen) and within(problem, chosen):
            worth = max(worth, problem.worth(chosen))
    return worth


@pytest.mark.parametrize("seed", range(12))
def test_the_choice_is_the_best_of_all(seed):
    problem = drawn(seed, 5)
    choice = choose_actions(problem)
    assert choice.worth == pytest.approx(best_by_trying_all(problem), abs=1e-9)
    assert within(problem, choice.chosen) and allowed(problem, choice.chosen)
    assert choice.method == "milp" and choice.gap <= 1e-6


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    customers=st.integers(1, 60),
    budget=st.floats(0, 50),
    most=st.integers(0, 30),
    relaxed=st.booleans(),
)
def test_no_limit_is_ever_exceeded(seed, customers, budget, most, relaxed):
    problem = drawn(seed, customers, whole=seed % 2 == 0)
    budgeted = replace(problem.limits[0], bound=budget)
    capped = replace(problem.limits[1], bound=float(most))
    problem = replace(problem, limits=(budgeted, capped, problem.limits[2]))
    choice = solve_relaxed(problem, classes_of(problem.values)) if relaxed else choose_actions(problem)
    assert within(problem, choice.chosen) and allowed(problem, choice.chosen)
    assert choice.worth <= choice.bound + 1e-6
    assert (choice.prices >= 0).all()


def test_at_scale_the_gap_is_stated_and_small():
    problem = drawn(7, 50_000, actions=10)
    choice = choose_actions(problem)
    assert choice.method == "lagrangian" and choice.gap <= 5e-4
    assert within(problem, choice.chosen) and allowed(problem, choice.chosen)
    proven = dual_bound(classes_of(problem.values), problem.limits, choice.prices)
    assert choice.worth <= proven <= choice.bound + 1e-6


def test_equal_customers_at_scale_are_settled_too():
    """Prices leave equal customers open: all of one class are worth nothing or everything at once."""
    draws = np.random.default_rng(3)
    values = np.where(draws.random((2, 40_000)) < 0.5, 5.0, np.round(draws.gamma(2, 4, (2, 40_000)), 3))
    problem = Problem(values, (Limit("budget", np.array([1.0, 1.0]), 20_000.0),), draws.random(40_000))
    choice = choose_actions(problem)
    assert choice.method == "lagrangian" and choice.gap <= 5e-4
    assert problem.used(choice.chosen)[0] == pytest.approx(20_000, abs=1)


def test_random_parts_are_solved_one_by_one():
    problem = drawn(5, 3_000, actions=4)
    whole, parts = choose_actions(problem), choose_actions(problem, piece=1_500)
    assert within(problem, parts.chosen)
    assert parts.worth >= 0.995 * whole.worth and parts.gap <= 0.01


def test_the_price_of_the_budget_is_what_one_more_unit_adds():
    customers = np.array([[9.0, 5.0, 3.0, 1.0]])
    limits = (Limit("budget", np.array([1.0]), 2.0),)
    choice = choose_actions(Problem(customers, limits, np.linspace(0, 0.9, 4)))
    more = choose_actions(Problem(customers, (replace(limits[0], bound=3.0),), np.linspace(0, 0.9, 4)))
    assert 3.0 <= choice.prices[0] <= 5.0 and more.worth - choice.worth == 3.0
    free = choose_actions(Problem(customers, (replace(limits[0], bound=9.0),), np.linspace(0, 0.9, 4)))
    assert free.prices[0] == 0.0 and free.worth == 18.0


def test_no_customer_no_action_no_budget():
    nobody = choose_actions(Problem(np.empty((2, 0)), (), np.empty(0)))
    assert nobody.worth == 0.0 and nobody.gap == 0.0
    barred = choose_actions(Problem(np.full((2, 3), -np.inf), (), np.zeros(3)))
    assert (barred.chosen == NOTHING).all()
    penniless = drawn(1, 20)
    limits = tuple(replace(limit, bound=0.0) for limit in penniless.limits)
    assert (choose_actions(replace(penniless, limits=limits)).chosen == NOTHING).all()


def test_equal_customers_are_drawn_by_lot():
    lots = lots_of(np.array([f"c{at}" for at in range(1000)], dtype=object), "plan", 1)
    problem = Problem(np.full((1, 1000), 4.0), (Limit("budget", np.ones(1), 250.0),), lots)
    chosen = choose_actions(problem).chosen
    assert (chosen == 0).sum() == 250
    assert set(np.flatnonzero(chosen == 0)) == set(np.argsort(lots)[:250])


def test_a_lot_depends_on_customer_and_keys_alone():
    ids = np.array(["b", "a", "c"], dtype=object)
    first, turned = lots_of(ids, "plan", 1), lots_of(ids[::-1], "plan", 1)
    assert first.tolist() == turned[::-1].tolist()
    assert first.tolist() != lots_of(ids, "plan", 2).tolist()
    assert ((first >= 0) & (first < 1)).all()


def test_who_is_held_out_gets_what_equal_others_got():
    values = np.repeat([[6.0, 2.0]], 2000, axis=0).T.copy()
    lots = np.random.default_rng(0).random(2000)
    problem = Problem(values, (Limit("budget", np.array([1.0, 1.0]), 500.0),), lots)
    choice = choose_actions(problem)
    alike = assign_alike(problem, choice, values[:, :400], np.random.default_rng(1).random(400))
    assert abs((alike == 0).mean() - 0.25) < 0.06
    different = np.array([[50.0], [-np.inf]])
    assert assign_alike(problem, choice, different, np.array([0.99])).tolist() == [0]
    poor = np.array([[0.5], [0.4]])
    assert assign_alike(problem, choice, poor, np.array([0.0])).tolist() == [NOTHING]
