"""No change gives no alarm; a planted change gives its own."""

from __future__ import annotations

import pytest

from tests.unit.analysis.watching.made_up_runs import NOW, PLANTED, THEN, pair_of_runs, state_of, tables_of
from workbench.analysis.watching.alarms import gather_alarms
from workbench.analysis.watching.study import study_changes

QUICK = ("spend in cents", "segments moved", "a tag defined anew", "a till is silent", "all customers replaced")
FEW = 4  # further alarms: figures that are computed from the one that was changed


def alarms_of(old, new):
    changes = study_changes(state_of(old, THEN), state_of(new, NOW), tables_of(new))
    return gather_alarms(changes.drift, changes.redefined, as_of=NOW, least_change_points=2.0)


def found(alarms):
    return list(zip(alarms["what"], alarms["subject"], strict=True))


def test_two_runs_alike_raise_no_alarm():
    assert found(alarms_of(*pair_of_runs(1))) == []


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_change_raises_its_own_alarm(name):
    old, new = pair_of_runs(2)
    plant, own = PLANTED[name]
    alarms = found(alarms_of(old, plant(new)))
    assert own in alarms
    assert len(alarms) <= 1 + FEW


@pytest.mark.long
def test_every_planted_change_raises_its_own_alarm_and_few_others(capsys):
    rows = []
    old, new = pair_of_runs(3)
    for name, (plant, own) in PLANTED.items():
        alarms = found(alarms_of(old, plant(new)))
        rows.append((name, own, own in alarms, [alarm for alarm in alarms if alarm != own]))
    with capsys.disabled():
        print(f"\n{'planted':30} {'own alarm':45} raised  others")
        for name, own, raised, others in rows:
            print(
                f"{name:30} {' '.join(own):45} {'yes' if raised else 'NO':6}  {', '.join(' '.join(one) for one in others)}"
            )
    assert len(rows) >= 25
    assert [name for name, _, raised, _ in rows if not raised] == []
    assert [name for name, _, _, others in rows if len(others) > FEW] == []


@pytest.mark.long
@pytest.mark.parametrize("n", [300, 3_000])
def test_at_most_one_pair_in_twenty_without_a_change_raises_an_alarm(n):
    alarms = [len(alarms_of(*pair_of_runs(seed, n=n, alike=seed % 2 == 0))) for seed in range(1_000, 1_200)]
    assert sum(count > 0 for count in alarms) <= 0.05 * len(alarms)
