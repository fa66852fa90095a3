"""The output of commands: cells are plain text, brackets included; two languages."""

import pytest
from rich.table import Table

from workbench.core.errors import ProfileError
from workbench.run.terminal.printing import check_language, print_table


def test_cells_are_plain_text_and_rows_are_not_wrapped_without_a_terminal(capsys):
    table = Table("why")
    table.add_row("agreed [red]with[/red] sales " + "x" * 300)
    print_table(table)
    assert "agreed [red]with[/red] sales " + "x" * 300 in capsys.readouterr().out


def test_an_unknown_language_is_refused():
    assert (check_language("en"), check_language("zh")) == ("en", "zh")
    with pytest.raises(ProfileError, match="language 'de'.*Expected en or zh"):
        check_language("de")
