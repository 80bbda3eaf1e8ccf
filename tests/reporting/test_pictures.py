import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from gendistill.reporting.pictures import block, write_samples
from gendistill.reporting.plots import axis_scale, read_curves
from gendistill.reporting.report import write_report
from gendistill.reporting.summary import gather
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_a_block_holds_the_first_images_of_each_class_enlarged():
    # pixel value = index; 3 of 16 x 16 images are enlarged by 3 to 48
    images = np.stack([np.full((1, 16, 16), 10 * k, np.uint8) for k in range(4)])
    sheet = block(images, np.array([1, 0, 1, 1]), [0, 1], columns=2)
    assert sheet.shape == (2 * 48 + 4, 2 * 48 + 4, 3)
    assert (sheet[:48, :48] == 10).all()
    assert (sheet[:48, 52:] == 255).all()  # class 0 has one image
    assert (sheet[52:, :48] == 0).all()
    assert (sheet[52:, 52:] == 20).all()


def test_random_images_are_of_the_class_and_seeded():
    images = np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(16, 2).repeat(16, 3)
    labels = np.arange(40) % 2
    first, again, other = (block(images, labels, [1], 10, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert all(value % 2 for value in np.unique(first) if value != 255)


def test_a_class_without_images_is_told():
    with pytest.raises(UserError, match="no image of class 1 among 1"):
        block(np.zeros((1, 1, 16, 16), np.uint8), np.array([0]), [0, 1], 2)


def test_the_sheet_is_in_the_picture_pixel_for_pixel(project):
    params, root = project
    path = root / "samples.png"
    write_samples(params, gather(params, root).info, root, path)
    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("RGB"))
    fixed = load_file(root / "data/synthetic/ours/ipc10.safetensors")
    sheet = block(fixed["images"], fixed["labels"], list(range(10)), 10)
    right = picture.shape[1] - 24
    cut = picture[48 : 48 + sheet.shape[0], right - sheet.shape[1] : right]
    assert (cut == sheet).all()


def test_a_report_is_byte_identical_on_repeat(project):
    params, root = project
    write_report(params, root)
    files = [p for folder in ("data/report", "metrics") for p in sorted((root / folder).rglob("*")) if p.is_file()]
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {path.name for path in files} >= {
        "samples.png",
        "losses.png",
        "accuracy.png",
        "table.md",
        "accuracy.csv",
    }
    write_report(params, root)
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == before
    for path in files:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.info.keys() <= {"dpi"}  # no date, no version


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 2.0, 3.0], "linear"),
        ([0.01, 5.0], "log"),
        ([-3.0, 0.001, 1000.0], "linear"),
        ([0.0, 1000.0], "linear"),
        ([0.0, 0.0], "linear"),
        ([], "linear"),
    ],
)
def test_axis_scale(values, scale):
    assert axis_scale(values) == scale


@pytest.mark.parametrize("text", ["", "step,loss\n", "time,loss\n1,2\n", "step,loss\n1,two\n", "step,loss\n1\n"])
def test_a_broken_table_of_losses_is_told(tmp_path, text):
    path = tmp_path / "gan_losses.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=r"not a table of losses.*dvc repro train_gan"):
        read_curves(path, "train_gan")


def test_reporting_never_imports_torch():
    names = sorted(path.stem for path in (ROOT / "src/gendistill/reporting").glob("[a-z]*.py"))
    code = (
        f"import sys; sys.path.insert(0, 'src'); "
        f"[__import__('gendistill.reporting.' + name) for name in {names}]; import stages.publish; "
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0
