"""What every chart looks like: fonts, colours that keep their meaning, line breaks, files."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import pandas as pd
import pytest

from workbench.core.errors import DataError
from workbench.report.charts.chart import About, Chart, canvas, composed, footnote
from workbench.report.charts.lettering import drawable, ems, shortened, wrapped
from workbench.report.charts.marks import kind_of, spread, steps_of
from workbench.report.charts.theme import CATEGORICAL, LIGHTS, colour_of, colours_of, render, save, theme, themed
from workbench.report.plots.segments import plot_projection


def chart_with(text: str) -> Chart:
    with themed():
        figure, axes = canvas("low")
        axes.bar([0], [1])
        axes.set_xticks([0], labels=[text])
        return composed(figure, text, text, text)


def test_okabe_ito_stands_in_the_declared_order():
    assert CATEGORICAL == (
        "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000",
    )  # fmt: skip


def test_theme_has_a_light_horizontal_grid_and_no_box():
    settings = theme()
    assert settings["axes.grid.axis"] == "y"
    assert not any(settings[f"axes.spines.{side}"] for side in ("top", "right", "left"))
    assert settings["text.parse_math"] is False
    assert settings["svg.fonttype"] == "none"


def test_drawing_leaves_the_settings_of_the_notebook_as_they_were():
    before = dict(matplotlib.rcParams)
    with themed():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before


def test_settings_of_the_notebook_do_not_change_a_chart():
    plain = render(chart_with("a"), "svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        assert render(chart_with("a"), "svg") == plain


def test_the_same_key_has_the_same_colour_in_any_order():
    keys = ["high_spend", "rare", "recent", "tier_1_high", "new", "lapsed"]
    colours = colours_of("segment", keys)
    assert colours == colours_of("segment", keys[::-1])
    assert len(set(colours.values())) == len(keys)


def test_eight_segments_have_eight_colours():
    assert set(colours_of("segment", [f"segment_{index}" for index in range(8)]).values()) == set(CATEGORICAL)


def test_statuses_are_reported_apart_without_red_and_green():
    colours = colours_of("status", ["active", "dormant", "pre_churn", "churned"])
    assert len(set(colours.values())) == 4
    assert "#009E73" not in colours.values()


def test_unknown_kind_of_colour_names_the_nearest():
    with pytest.raises(DataError, match="unknown kind 'segmnt'. Did you mean 'segment'?"):
        colour_of("segmnt", "a")


def test_lights_never_speak_by_colour_alone():
    assert len({light.icon for light in LIGHTS.values()}) == len(LIGHTS)
    assert LIGHTS["fail"].word_key == "light_fail"


def test_glyphs_no_font_has_are_replaced():
    assert drawable("张三\nแ $x_1$") == "张三 ? $x_1$"


def test_chinese_characters_are_one_em_wide():
    assert ems("客户画像") == pytest.approx(4, abs=0.05)
    assert 0.3 < ems("a") < 0.7


def test_lines_never_begin_with_closing_punctuation():
    lines = wrapped("一半消费来自（约 14 %）的客户，其余客户贡献另一半。", 8).split("\n")
    assert len(lines) > 2
    assert not any(line[0] in "，。）%" for line in lines)
    assert all(ems(line) <= 9 for line in lines)


def test_wrapping_keeps_every_word():
    text = "Half of spend comes from 14 % of customers"
    assert wrapped(text, 10).replace("\n", " ") == text


def test_long_labels_are_cut_with_an_ellipsis():
    assert shortened("short") == "short"
    cut = shortened("a very long product name that nobody reads to its end", 10)
    assert cut.endswith("…")
    assert ems(cut) <= 10


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 870, [0, 200, 400, 600, 800, 1000]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (3, 3, [3])],
)
def test_axis_positions_are_round(low, high, expected):
    assert steps_of(low, high) == expected


def test_label_positions_keep_their_gap_and_order():
    placed = spread([1.0, 1.1, 1.2, 9.0], 1.0)
    assert placed == sorted(placed)
    assert min(b - a for a, b in zip(placed, placed[1:], strict=False)) >= 1 - 1e-9
    assert placed[-1] == 9.0


@pytest.mark.parametrize(
    ("column", "kind"),
    [("spend_90d", "money"), ("gap_days_mean", "days"), ("evening_share", "pct"), ("orders_30d", "num")],
)
def test_the_name_of_a_column_says_its_kind(column, kind):
    assert kind_of(column) == kind


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "text", ["$x_1$ 100% <img src=x onerror=alert(1)> & --> \\frac", "客户画像：重要价值客户", "✓✗–●◆"]
)
def test_names_are_drawn_literally_and_the_file_is_well_formed(text):
    svg = render(chart_with(text), "svg").decode()
    root = ET.fromstring(svg)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title.text == drawable(text)
    assert "<img" not in svg
    assert drawable(text) in {words.text for words in root.findall(".//{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize("text", ["short", "a label of some length", "一半的消费来自少数客户"])
def test_a_text_has_no_font_of_its_own_and_the_width_it_was_laid_out_for(text):
    root = ET.fromstring(render(chart_with(text), "svg"))
    texts = [words for words in root.findall(".//{http://www.w3.org/2000/svg}text") if words.text == text]
    assert len(texts) == 3  # title, tick and note
    assert not any("font-family" in words.get("style") for words in texts)
    sizes = [float(words.get("style").split("font-size: ")[1].split("px")[0]) for words in texts]
    widths = [words.get("textLength") for words in texts]
    assert widths == ([None] * 3 if len(text) < 6 else [f"{ems(text) * size:.1f}" for size in sizes])
    assert "Noto Sans SC" in root.get("font-family")


def test_pictures_name_no_host_and_no_date():
    svg = render(chart_with("a"), "svg").decode()
    assert "matplotlib.org" not in svg
    assert "<metadata" not in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")
    png = render(chart_with("a"), "png")
    assert b"Software" not in png
    assert b"tIME" not in png


def test_the_same_chart_gives_the_same_bytes():
    for form in ("svg", "png"):
        chart = chart_with("客户")
        assert render(chart, form) == render(chart, form) == render(chart_with("客户"), form)


def test_bytes_do_not_depend_on_the_process(tmp_path):
    code = (
        "import sys, hashlib\n"
        "from workbench.report.charts.chart import not_enough\n"
        "from workbench.report.charts.theme import render\n"
        "print(hashlib.sha256(render(not_enough('zh'), 'svg')).hexdigest(), 'matplotlib.pyplot' in sys.modules)"
    )
    sizes = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(sizes) == 1
    assert sizes.pop().split()[1] == "False"


def test_a_picture_has_two_pixels_for_each_css_pixel():
    png = render(chart_with("a"), "png")
    assert int.from_bytes(png[16:20]) == 8 * 96 * 2


def test_few_marks_become_svg_and_many_png(tmp_path):
    assert save(chart_with("a"), tmp_path / "figures" / "05_score_rfm__grid.en").name == "05_score_rfm__grid.en.svg"
    many = pd.DataFrame({"x": range(2000), "y": range(2000), "segment": "all"})
    chart = plot_projection(many, explained=(0.5, 0.2))
    file = save(chart, tmp_path / "06_segment_customers__projection.zh.svg")
    assert file.name == "06_segment_customers__projection.zh.png"
    assert file.read_bytes()[:4] == b"\x89PNG"


def test_colours_of_a_picture_stay_what_they_mean():
    import io

    from PIL import Image

    many = pd.DataFrame({"x": [0.0] * 2000, "y": [0.0] * 2000, "segment": "all"})
    picture = Image.open(io.BytesIO(render(plot_projection(many, explained=(0.5, 0.2)), "png"))).convert("RGB")
    wanted = tuple(bytes.fromhex(colour_of("segment", "all")[1:]))
    seen = min(max(abs(a - b) for a, b in zip(each, wanted, strict=True)) for _, each in picture.getcolors(10**6))
    assert seen <= 4


def test_notes_join_what_is_known():
    assert footnote("en", About(), "n = 3", "") == "n = 3"
    assert footnote("zh", About(source={"en": "Shop", "zh": "商店"}), "n = 3") == "n = 3。来源：商店"


def test_a_chart_shows_itself_in_a_notebook():
    data, size = chart_with("客户")._repr_mimebundle_()
    assert data["text/plain"] == "客户"
    assert size["image/png"]["width"] == 768
