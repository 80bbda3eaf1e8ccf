"""What the documents name exists, and CI runs what the README says."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from gendistill.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
EQUATIONS = (ROOT / "docs/equations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("zoo/*.md")]


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
    (command,) = re.findall(r"^python3 -m venv .*pytest -n 2$", README, flags=re.MULTILINE)
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
    for path in [*DOCUMENTS, ROOT / "requirements.lock", ROOT / "pyproject.toml"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pythonhosted|pypi\.org|index-url|find-links|(?<![\w.])/(?:home|root)/", text), path


def test_links_between_documents_lead_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def test_commands_in_the_documents_have_these_options():
    options = {name: {o for p in command.params for o in p.opts} for name, command in get_command(app).commands.items()}
    found = []
    for path in DOCUMENTS:
        lines = path.read_text(encoding="utf-8").replace("&& ", "\n").splitlines()
        for line in (line.removeprefix("gendistill ") for line in lines if re.match("gendistill [a-z]", line)):
            words = line.partition("#")[0].split()
            found.append(words[0])
            assert words[0] in options, f"{path}: {line}"
            unknown = {word for word in words if word.startswith("-")} - options[words[0]]
            assert not unknown, f"{path}: {line}: {unknown}"
    assert set(found) == set(options)


def test_the_python_of_the_how_to_pages_runs():
    """In a process of its own: it has worker processes, and must not need what the tests import."""
    pages = [ROOT / "docs/howto/use-an-artifact.md", ROOT / "README.md"]
    code = [block for page in pages for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)]
    assert len(code) >= 4
    words = [sys.executable, "-W", "error", "-c", "\n".join(code)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
