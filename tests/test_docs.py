"""What the documents name exists, and CI runs what the README says."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
EQUATIONS = (ROOT / "docs/equations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:\w+\.){2,}\w+)`", EQUATIONS))))
def test_every_function_of_the_equations_page_exists(name):
    parts = f"gendistill.{name}".split(".")
    for cut in range(len(parts) - 1, 1, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        assert callable(thing)
        return
    pytest.fail(f"{name}: no such module in src/gendistill")


def test_ci_runs_the_readmes_test_command():
    (command,) = re.findall(r"^python3 -m venv .*pytest$", README, flags=re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_the_readme_names_existing_files_and_stages():
    stages = set(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    flow = re.search(r"^prepare -> .*$", README, flags=re.MULTILINE)
    assert flow is not None
    assert set(re.findall(r"\w+", flow.group())) <= stages
    for path in re.findall(r"`((?:docs|results|presets|stages)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path
    for preset in re.findall(r"stages\.preset ([a-z][\w-]+)", README):
        assert (ROOT / "presets" / f"{preset}.yaml").is_file(), preset


def test_no_document_names_a_registry_or_a_path_of_a_machine():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "requirements.lock", ROOT / "pyproject.toml"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pythonhosted|pypi\.org|index-url|find-links|(?<![\w.])/(?:home|root)/", text), path
