"""A notebook is executed in a kernel of its own, whose log is not the run's."""

from __future__ import annotations

import time

import nbformat

from workbench.run.flows.execute import execute_notebook


def test_what_the_kernel_logs_of_itself_does_not_stand_among_the_progress(tmp_path, capfd):
    """It calls being told to end an error, at random moments."""
    cells = [
        nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("get_ipython().kernel.log.error('KeyboardInterrupt caught in kernel.'); print(x)"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "a.ipynb")
    limits = {"cell_seconds": 60, "deadline": time.monotonic() + 120}
    context = tmp_path / "context.json"
    execute_notebook(tmp_path / "a.ipynb", tmp_path / "out.ipynb", parameters={"x": 3}, context=context, **limits)
    assert "KeyboardInterrupt" not in capfd.readouterr().err
    assert nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs[0].text == "3\n"
