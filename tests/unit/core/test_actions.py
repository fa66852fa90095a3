"""The catalogue of actions: one file each, all faults at once, each with its line."""

import pytest

from workbench.core.actions.catalogue import read_actions
from workbench.core.errors import ProfileError
from workbench.core.workspace import Workspace

PLAIN = "label: {en: Coupon, zh: 优惠券}\nchannel: sms\ncost: 1\n"


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "params" / "actions"
    folder.mkdir(parents=True)

    def write(**files):
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return Workspace(tmp_path)

    return write


def refused(workspace, *names):
    with pytest.raises(ProfileError) as caught:
        read_actions(workspace, names)
    return str(caught.value)


def test_what_ships_is_valid(repository):
    workspace = Workspace(repository)
    names = [path.stem for path in (repository / "params/actions").glob("*.yaml")]
    actions = read_actions(workspace, names)
    assert {action.basis for action in actions.values()} == {"experiment", "assumption", "none"}
    assert {name for name, action in actions.items() if action.due} == {"open_case_call", "anniversary_cleaning"}


def test_an_action_is_read_with_its_defaults_in_the_order_named(catalogue):
    workspace = catalogue(b=PLAIN, a=PLAIN + "gain: {assumed: 5}\n")
    actions = read_actions(workspace, ["b", "a"])
    assert list(actions) == ["b", "a"]
    assert (actions["b"].purpose, actions["b"].valid_days, actions["b"].basis) == ("marketing", 30, "none")
    assert actions["a"].gain.basis == "assumption"


def test_faults_of_all_files_are_listed_with_their_lines(catalogue):
    workspace = catalogue(
        coupon=PLAIN + "capasity: 4\n", call=PLAIN.replace("cost: 1", "cost: -1"), mail="channel: Mail It\n"
    )
    text = refused(workspace, "coupon", "call", "mail", "cupon", "call")
    assert "params/actions/coupon.yaml, line 4: unknown key 'capasity'. Did you mean 'capacity'?" in text
    assert "params/actions/call.yaml, line 3: cost is -1" in text
    assert "mail.yaml, line 1: no label" in text and "expected a word of lower-case letters" in text
    assert "no action 'cupon' in params/actions. Did you mean 'coupon'?" in text
    assert "'call' is named twice" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gain: {experiment: E, outcome: o}", "a measured gain has no worth"),
        ("gain: {experiment: E, outcome: o, worth: 1, assumed: 2}", "measured (experiment, outcome, worth) or assumed"),
        ("gain: {experiment: E, outcom: o, worth: 1}", "unknown key 'gain.outcom'. Did you mean 'outcome'?"),
        ("purpose: marketting_sms", "not a consent purpose. Did you mean 'marketing'?"),
        ("occasion: {case: open}", "an occasion belongs to kind: service"),
        ("kind: service\noccasion: {case: open, birthday: true}", "expected one of"),
        ("cost: 1", "duplicate key 'cost'"),
        ("name: other", "unknown key 'name'"),
        ("content: [{text: {en: a, zh: b}}, {text: {en: c, zh: d}}]", "content 1 applies to everybody"),
        ("gain: {assumed: .inf}", "finite"),
        ("capacity: 3.5", "capacity"),
    ],
)
def test_bad_values_are_refused(catalogue, line, message):
    assert message in refused(catalogue(coupon=PLAIN + line + "\n"), "coupon")


def test_a_name_is_an_identifier(catalogue):
    workspace = catalogue(**{"Spring Coupon": PLAIN})
    assert "Lower-case letters, digits and _" in refused(workspace, "Spring Coupon")
