"""A notebook is executed in its own kernel, whose log stays out of the run's output."""

from __future__ import annotations

import time

import nbformat

from workbench.run.flows.execute import execute_notebook


def test_the_log_of_the_kernel_does_not_appear_in_the_output(tmp_path, capfd):
    """The kernel sometimes logs a request to end as an error."""
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
