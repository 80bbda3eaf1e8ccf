import csv
import json

import pytest

from gendistill.reporting.cells import named_cells, read_cells
from gendistill.reporting.metrics import COLUMNS, grouped, write_csv, write_groups
from gendistill.runtime.errors import UserError


def test_names_the_generated_cells_and_the_controls_of_their_protocols(make_params):
    params = make_params(evaluate__networks=["convnet3", "vgg11"], evaluate__ipc=[10, 1])
    cells = {cell.file: cell.protocols for cell in named_cells(params)}
    assert cells["ours-vgg11-ipc10.json"] == ("fresh", "fixed")
    assert cells["real-convnet3-ipc1.json"] == ("fresh",)
    assert cells["random-convnet3-ipc1.json"] == ("fixed",)
    assert cells["whole-convnet3.json"] == ("whole",)
    # 2 sources x 2 networks x 2 IPC, and on one network 2 controls x 2 IPC and the whole set
    assert len(cells) == 8 + 4 + 1
    assert [c.source for c in named_cells(params)][:2] == ["whole", "real"]


def test_a_control_without_a_protocol_is_not_asked_for(make_params):
    params = make_params(evaluate__protocols=["fresh"])
    assert not [cell for cell in named_cells(params) if cell.source == "random"]


def test_only_named_cells_are_read(project):
    params, root = project
    (root / "data/cells/dim-convnet3-ipc1.json").write_text("of another run")
    assert {result.source for result in read_cells(params, root / "data/cells")} == {
        "whole", "real", "random", "cgan", "ours",
    }  # fmt: skip


def test_missing_cells_are_named_with_the_stages_to_run(project):
    params, root = project
    (root / "data/cells/ours-convnet3-ipc10.json").unlink()
    (root / "data/cells/whole-convnet3.json").unlink()
    with pytest.raises(
        UserError, match=r"whole-convnet3\.json, ours-convnet3-ipc10\.json.*repro evaluate_whole evaluate`"
    ):
        read_cells(params, root / "data/cells")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("half a fi", "not an evaluated cell"),
        ('{"results": {"fresh": {"mean": 1}, "fixed": {}}}', "not an evaluated cell"),
        ('{"results": {"fresh": {}}}', "no result for fixed, found fresh"),
    ],
)
def test_a_broken_cell_is_told(project, content, message):
    params, root = project
    (root / "data/cells/ours-convnet3-ipc10.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_cells(params, root / "data/cells")


def test_metrics_are_rounded_sorted_and_replace_the_folder(project):
    params, root = project
    results = read_cells(params, root / "data/cells")
    folder = root / "metrics/accuracy"
    folder.mkdir()
    (folder / "old-convnet3.json").write_text("{}")
    write_groups(grouped(results), folder)
    assert sorted(path.stem for path in folder.iterdir()) == [
        "cgan-convnet3", "ours-convnet3", "random-convnet3", "real-convnet3", "whole-convnet3",
    ]  # fmt: skip
    ours = json.loads((folder / "ours-convnet3.json").read_text())
    assert list(ours) == ["fixed_ipc1", "fixed_ipc10", "fresh_ipc1", "fresh_ipc10"]
    # 0.68 + 0.004 * (0, 1, 2, 3, 4): mean 0.688, sample std 0.004 * sqrt(2.5)
    assert ours["fresh_ipc1"]["mean"] == 0.688
    assert ours["fresh_ipc1"]["std"] == 0.006325
    assert list(ours["fresh_ipc1"]) == sorted(ours["fresh_ipc1"])
    assert "accuracies" not in ours["fresh_ipc1"]
    assert list(json.loads((folder / "whole-convnet3.json").read_text())) == ["whole"]


def test_the_long_table_has_one_unique_cell_a_line(project):
    params, root = project
    path = root / "metrics/accuracy.csv"
    write_csv(read_cells(params, root / "data/cells"), path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len({row["cell"] for row in rows}) == len(rows) == 1 + 2 + 2 + 8
    assert rows[-1] == {
        "cell": "ours convnet3 fixed ipc10", "source": "ours", "network": "convnet3", "protocol": "fixed",
        "ipc": "10", "accuracy": "0.779886", "std": "0.006325", "n": "5",
    }  # fmt: skip
