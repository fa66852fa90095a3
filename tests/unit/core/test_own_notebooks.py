"""The declaration of an own notebook: what its parameters cell may hold, and what is refused."""

import json

import pytest

from workbench.core.errors import ProfileError
from workbench.core.params.own_notebooks import own_stage


def declared(tmp_path, parameters):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters}
    return written(tmp_path, {"cells": [{"cell_type": "markdown", "source": "# 礼品"}, cell]})


def written(tmp_path, content):
    (tmp_path / "15_study_gifts.ipynb").write_text(json.dumps(content), encoding="utf-8")
    return own_stage(tmp_path, "15_study_gifts")


def test_plain_literals_are_parameters(tmp_path):
    stage = declared(
        tmp_path, "profile = 'tiny'\na = -3  # days: back\nb = [1, 2]\nc = {'x': 1}\nd = None\ne = True; f = .5"
    )
    assert stage.question["zh"] == "礼品"
    assert stage.parameters().model_dump() == {"a": -3, "b": [1, 2], "c": {"x": 1}, "d": None, "e": True, "f": 0.5}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("a = 1\na = 2", "a is assigned twice"), ("_a = 1", "_a cannot be the name"), ("a = ...", "a is ...: a number"),
        ("model_dump = 1", "model_dump cannot be the name"), ("model_config = {}", "model_config cannot be the name"),
        ("a = {1, 2}", "a is {1, 2}: a number"), ("a = b'x'", "a is b'x': a number"), ("a: int = 1", "line 1 is not"),
    ],
)  # fmt: skip
def test_an_invalid_parameter_is_refused_by_name(tmp_path, parameters, message):
    with pytest.raises(ProfileError, match="15_study_gifts") as raised:
        declared(tmp_path, parameters)
    assert message in str(raised.value)


@pytest.mark.parametrize("content", [[], None, {}, {"cells": None}, {"cells": ["text"]}, {"cells": [{"source": None}]}])
def test_a_file_that_is_not_a_notebook_is_refused(tmp_path, content):
    with pytest.raises(ProfileError):
        written(tmp_path, content)
