import pytest

from workbench.report.text import say
from workbench.run.stages.presentation import plain


@pytest.fixture
def values_by_key():
    """Return a function that writes every finding in both languages and returns the values of each key's first one."""

    def write(findings):
        values = {}
        for finding in findings:
            for language in ("en", "zh"):
                sentence = say(finding.key, language, plain(dict(finding.values)), "CNY")
                assert "–" not in sentence.replace("Kaplan–Meier", ""), finding
            values.setdefault(finding.key, finding.values)
        return values

    return write
