"""How commands print: cells are text, whatever brackets they hold; two languages."""

import pytest
from rich.table import Table

from workbench.core.errors import ProfileError
from workbench.run.commands.terminal import print_table, spoken


def test_cells_are_text_and_rows_are_not_wrapped_where_there_is_no_terminal(capsys):
    table = Table("why")
    table.add_row("agreed [red]with[/red] sales " + "x" * 300)
    print_table(table)
    assert "agreed [red]with[/red] sales " + "x" * 300 in capsys.readouterr().out


def test_a_language_that_is_not_spoken_is_refused():
    assert (spoken("en"), spoken("zh")) == ("en", "zh")
    with pytest.raises(ProfileError, match="language 'de'.*Expected en or zh"):
        spoken("de")
