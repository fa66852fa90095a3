"""One term for one thing in every Chinese text: texts of the report and the files that ship in params."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# words that are not used, each with the one that is
WORDS = {
    "截至日期": "统计日", "截止日": "截点", "赢回": "召回", "有流失风险": "流失预警", "没有明显间断": "没有天然分界", "近度": "最近购买",
    "频度": "频次", "最低一成": "后 10% 上限", "最高一成": "前 10% 门槛", "占有购买客户": "占购买客户", "教人等待": "频繁降价",
    "其余放手": "其余不再投入", "无回应以外": "换用其他渠道", "有专人则由专人": "有专属顾问由顾问联系", "再购率": "复购率",
    "当作陌生人": "不要当新客对待", "最好的一成": "价值最高的 10% 客户", "居住在哪里": "地域分布", "开启时间": "打开时间", "接受记录": "有效记录",
}  # fmt: skip
FILES = sorted([*(ROOT / "src/workbench/report/texts").glob("*.yaml"), *(ROOT / "params").rglob("*.yaml")])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_chinese_texts_use_one_term_for_one_thing(file):
    text = file.read_text(encoding="utf-8")
    assert {word: better for word, better in WORDS.items() if word in text} == {}


def test_the_chinese_readme_uses_the_same_terms():
    text = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    assert [word for word in (*WORDS, "五翼", "绝不入库", "分析师经得起") if word in text] == []
