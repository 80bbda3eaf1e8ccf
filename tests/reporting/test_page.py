import json
from html.parser import HTMLParser

import pytest

from gendistill.reporting.html import Html, tag
from gendistill.reporting.page import Section, page
from gendistill.reporting.report import write_report
from gendistill.runtime.errors import UserError

VOID = {"meta", "img", "rect", "line", "circle", "path"}


class Reader(HTMLParser):
    """Holds a page to the rules that a browser forgives: elements nest, ids are unique, images have words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.seen: dict[str, int] = {}
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        assert len(found) == len(attributes), f"<{tag}> has an attribute twice"
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "img":
            assert found["alt"]
            assert found["src"].startswith("data:image/png;base64,")
        if tag == "svg":
            assert found["aria-label"]
        if tag == "a":
            self.links.append(found["href"])
        for name in ("src", "href", "style"):
            assert "//" not in found.get(name, "").removeprefix("data:image/png;base64,") or name == "src"

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture
def rendered(project):
    params, root = project
    write_report(params, root)
    return (root / "data/report/index.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_links_to_itself_only(rendered):
    reader = Reader(rendered)
    assert set(reader.links) == {f"#{name}" for name in reader.ids}
    # a strip for each class and source, and twelve pairs of each generated one
    assert reader.seen["img"] == 10 * 3 + 2 * 12 * 2
    assert "http" not in rendered.replace("http-equiv", "")
    assert "<script" not in rendered


def test_the_page_says_the_numbers_of_the_metrics(project, rendered):
    _, root = project
    text = " ".join(Reader(rendered).text)
    for path in (root / "metrics/accuracy").glob("*.json"):
        for result in json.loads(path.read_text()).values():
            assert f"{result['mean']:.3f} ± {result['std']:.3f}" in text


def test_names_are_text(project):
    params, root = project
    file = root / "data/prepared/info.json"
    info = json.loads(file.read_text())
    info["classes"][3] = "<script>alert(1)</script>"
    info["notes"] = ["<b>bold</b>"]
    file.write_text(json.dumps(info))
    write_report(params, root)
    text = (root / "data/report/index.html").read_text()
    Reader(text)
    assert "<script" not in text
    assert "<b>bold" not in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sources": ["cgan"]}, "ours, the distilled generator: not among sources"),
        ({"sources": ["ours"]}, "cgan, the undistilled GAN: not among sources"),
        ({"evaluate__ipc": [10]}, "accuracies across architectures: name several"),
        ({"evaluate__control_networks": []}, "controls of convnet3: add it to evaluate.control_networks"),
        ({"evaluate__protocols": ["fresh"]}, "ARS needs both protocols"),
    ],
)
def test_a_part_that_is_not_there_is_told(project, make_params, changes, told):
    _, root = project
    write_report(make_params(**changes), root)
    assert told in " ".join(Reader((root / "data/report/index.html").read_text()).text)


def test_scores_of_quality_are_those_of_the_metrics(rendered):
    text = " ".join(Reader(rendered).text)
    assert "1.25 0.900 0.820 1.100 0.850 26.5 0.012" in text  # the row of ours
    assert "500 images of each against 500 real training images" in text


def test_without_the_stage_quality_the_page_says_how_to_get_it(project):
    params, root = project
    (root / "metrics/quality.json").unlink()
    with pytest.raises(UserError, match="not what stage quality writes"):
        write_report(params, root)
    (root / "data/quality/nearest.safetensors").unlink()
    write_report(params, root)
    assert "run `dvc repro quality`" in " ".join(Reader((root / "data/report/index.html").read_text()).text)


def test_classes_are_told_apart(project, rendered):
    _, root = project
    text = " ".join(Reader(rendered).text)
    assert "0.950" in text  # 170 of 179 images of every class
    rows = (root / "data/report/confusion.csv").read_text().splitlines()
    assert rows[0] == "actual,predicted"
    assert rows.count("3,3") == 170
    assert rows.count("3,4") == 1
    assert len(rows) == 1 + 10 * 179
    assert (root / "data/report/class_accuracy.csv").read_text().splitlines()[1] == "0,0.949721"


def test_curves_along_training_are_there_or_missed(project, make_params, write_cells, rendered):
    assert "fixed, IPC 10: along training" in rendered
    params, root = project
    write_cells(root, params, held_out_curve={"steps": [], "mean": [], "std": []}, held_out_mean=None)
    write_report(params, root)
    text = (root / "data/report/index.html").read_text()
    assert "along training" not in text.replace("accuracy along training: no held-out images", "")
    assert "accuracy along training: no held-out images" in text


def test_several_networks_stand_side_by_side(project, make_params, write_cells):
    _, root = project
    params = make_params(evaluate__networks=["convnet3", "resnet10"])
    write_cells(root, params)
    write_report(params, root)
    text = " ".join(Reader((root / "data/report/index.html").read_text()).text)
    assert "Across architectures" in text
    assert "controls of resnet10: add it" in text


def test_empty_sections_are_left_out_and_their_gaps_listed():
    full = Section(key="a", title="A", short="A", body=tag("p", "here"))
    empty = Section(key="b", title="B", short="B", body=Html(), missing=("b is not there.",))
    reader = Reader(page("t", "lead", [("1", "one")], [full, empty], "foot"))
    assert reader.ids == ["a", "missing"]
    assert "b is not there." in reader.text
