"""The page in a browser: nothing is fetched, nothing is complained about, nothing is wider than a phone."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gendistill.reporting.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# A page of a second name that measures the first; ours itself has no script and forbids it.
PROBE = """<!DOCTYPE html><title>probe</title><style>body{{margin:0}}</style>
<iframe id="f" src="index.html" style="border:0;width:{width}px;height:3000px"></iframe><pre id="found"></pre>
<script>
const frame = document.getElementById("f");
frame.onload = () => {{
  const page = frame.contentDocument;
  const box = page.querySelector("main").getBoundingClientRect();
  const broken = [...page.images].filter(image => !image.complete || image.naturalWidth === 0).length;
  const wide = [...page.querySelectorAll("main *")].filter(
    one => one.getBoundingClientRect().right > box.right + 1 && !one.closest(".scroll, svg")).length;
  const fill = getComputedStyle(page.body).backgroundColor;
  document.getElementById("found").textContent = `FOUND ${{page.documentElement.scrollWidth}} ${{broken}} ${{wide}} `
    + `${{page.images.length}} ${{frame.contentWindow.performance.getEntriesByType("resource").filter(
        entry => !entry.name.startsWith("data:")).length}} ${{fill}}`;
}};
</script>"""


def browse(page: Path, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page without a network and return what the browser says."""
    assert CHROMIUM
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--hide-scrollbars", "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0",
        f"--user-data-dir={home}/profile", "--virtual-time-budget=2000", "--timeout=30000",
        "--host-resolver-rules=MAP * ~NOTFOUND", *options, page.as_uri(),
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.fixture
def crowded(project, make_params, write_cells):
    """The fake project with all that makes a page wide: networks, protocols, printed numbers, names of classes."""
    _, root = project
    params = make_params(
        data__name="cifar10", data__image_size=32, evaluate__networks=["convnet3", "resnet18_half"],
        evaluate__protocols=["fresh", "fixed", "fixed_plain"],
    )  # fmt: skip
    write_cells(root, params, best_of_test_points=0.9)
    file = root / "data/prepared/info.json"
    info = json.loads(file.read_text())
    info |= {"name": "cifar10", "image_size": 32, "classes": [f"a_class_of_a_long_name_{k}" for k in range(10)]}
    file.write_text(json.dumps(info))
    return params, root


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)])
def test_the_page_renders_alone(crowded, tmp_path_factory, width, dark):
    params, root = crowded
    write_report(params, root)
    folder = root / "data/report"
    (folder / "probe.html").write_text(PROBE.format(width=width))
    scheme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    home = tmp_path_factory.mktemp("browser")
    done = browse(folder / "probe.html", home, "--dump-dom", f"--window-size={max(width, 500)},3000", *scheme)
    assert done.returncode == 0, done.stderr[-2000:]
    # the text alone: the script above holds the word too
    found = re.search(r'<pre id="found">FOUND (\d+) (\d+) (\d+) (\d+) (\d+) rgb\((\d+)', done.stdout)
    assert found, done.stderr[-2000:]
    scroll, broken, wide, images, fetched, red = map(int, found.groups())
    assert scroll <= width, "the page scrolls sideways"
    assert (broken, wide, fetched) == (0, 0, 0)
    assert images == 78
    assert (red < 64) == dark
    assert not [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
