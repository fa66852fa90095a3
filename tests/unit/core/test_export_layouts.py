"""Layouts of exported lists: every fault with its line, and the rules that each layout keeps."""

import pytest

from workbench.core.actions.layout import layout_paths, read_layout
from workbench.core.errors import ProfileError
from workbench.core.workspace import Workspace

PLAIN = """\
label: {en: Mine, zh: 自用}
about: {en: For us., zh: 自用。}
forms: [csv]
columns:
  - {header: id, field: source_id}
"""


@pytest.fixture
def written(tmp_path):
    (tmp_path / "params/exports").mkdir(parents=True)

    def write(text, name="mine"):
        (tmp_path / f"params/exports/{name}.yaml").write_text(text, encoding="utf-8")
        return Workspace(tmp_path)

    return write


def test_a_layout_is_read_by_its_name(written):
    layout = read_layout(written(PLAIN), "mine")
    assert (layout.name, layout.contacts, layout.columns[0].heading("zh")) == ("mine", set(), "id")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("forms: [csv]", "forms: [xls]", "params/exports/mine.yaml, line 3: forms.0 is 'xls'. Did you mean 'xlsx'?"),
        ("field: source_id", "field: sourc_id", "line 5: columns.0.field is 'sourc_id'. Did you mean 'source_id'?"),
        ("field: source_id", "field: plan", "no column with field source_id"),
        ("header: id", "header: '=id'", "heading '=id': expected text that is no formula"),
        ("header: id", "head: id", "unknown key 'columns.0.head'. Did you mean 'header'?"),
        ("forms: [csv]", "forms: [csv]\nrow_per_file: 3", "unknown key 'row_per_file'. Did you mean 'rows_per_file'?"),
        ("field: source_id}", "field: source_id}\n  - {header: id, field: plan}", "two columns are called 'id'"),
        ("field: source_id}", "field: source_id}\n  - {header: s, field: fixed}", "value belongs to field: fixed"),
        ("label: {en: Mine, zh: 自用}\n", "", "no label. Add label"),
    ],
)
def test_a_fault_is_reported_with_its_line(written, old, new, message):
    with pytest.raises(ProfileError) as caught:
        read_layout(written(PLAIN.replace(old, new)), "mine")
    assert message in str(caught.value)


def test_an_unknown_layout_is_refused_with_the_nearest(written):
    with pytest.raises(ProfileError, match="no layout 'mien' in params/exports. Did you mean 'mine'?"):
        read_layout(written(PLAIN), "mien")


def test_the_shipped_layouts_can_be_read_and_one_fits_every_channel(repository):
    workspace = Workspace(repository)
    layouts = {name: read_layout(workspace, name) for name in layout_paths(workspace)}
    assert set(layouts) >= {"generic", "jiandaoyun", "fxiaoke", "hubspot", "zoho", "sms"}
    assert layouts["generic"].channels == [] and layouts["sms"].opt_out is not None
