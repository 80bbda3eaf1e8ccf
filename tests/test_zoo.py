"""Every file of the zoo is intact, is what its row of the table says, and does what its card says."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gendistill.artifact.describe import table
from gendistill.artifact.file import load_artifact
from gendistill.cli.app import app

ZOO = Path(__file__).resolve().parents[1] / "zoo"
FILES = sorted(ZOO.glob("*.safetensors"))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_intact_and_tells_how_good_it_is(path: Path) -> None:
    _, card = load_artifact(path)
    assert card["dtype"] == "float16"
    assert card["accuracies"]
    assert all(entry["n"] >= 3 for entry in card["accuracies"])
    assert len(card["provenance"]["commit"]) == 40
    assert card["provenance"]["hardware"]
    assert card["provenance"]["seed"] == card["parameters"]["seed"]


def test_the_table_is_that_of_the_files() -> None:
    rows = [(path.name, load_artifact(path)[1], path.stat().st_size, digest_of(path)) for path in FILES]
    shown = (ZOO / "README.md").read_text(encoding="utf-8").split("<!-- table -->\n")
    assert shown[1] == table(rows), "run `gendistill table zoo --into zoo/README.md`"
    assert {path.name for path in ZOO.iterdir()} == {path.name for path in FILES} | {"README.md"}


def test_the_digits_train_students_as_good_as_their_card_says() -> None:
    words = ["--data", "digits", "--protocol", "fixed", "--ipc", "1", "-n", "2", "--threads", "1", "--seed", "1"]
    done = CliRunner().invoke(app, ["verify", str(ZOO / "digits.safetensors"), *words])
    assert done.exit_code == 0, done.output
    assert done.output.count(": holds") == 1
