"""`data/page.html`: the report's page with what equal runs do not share: cost, origin, and the sweeps collected."""

from dataclasses import asdict
from pathlib import Path

from gendistill.config.schema import Params
from gendistill.reporting.content import document, run_sections
from gendistill.reporting.origin import cost_records, origin
from gendistill.reporting.page_origin import cost_section, origin_section, sweep_section
from gendistill.reporting.page_settings import settings_section
from gendistill.reporting.publish import plain
from gendistill.reporting.report import read_losses
from gendistill.reporting.runs import workspace_run
from gendistill.reporting.summary import gather
from gendistill.reporting.sweep import read_sweeps
from gendistill.runtime.files import write_text

FILE = Path("data/page.html")


def write_page(params: Params, root: Path, costs: Path) -> Path:
    """Write the page of the run in the workspace.

    Args:
        params: of the run.
        root: the project.
        costs: folder of cost records.

    Raises:
        UserError: a stage has not run, or the numbers are not those of params.yaml. Nothing is written then.
    """
    run = workspace_run(root)
    summary = gather(params, root)
    records = cost_records(run, costs)
    content = origin([run], costs, "python -m stages.page", plain(asdict(params)))
    sections = [
        *run_sections(summary, *read_losses(params, root), root),
        sweep_section(read_sweeps(root)),
        cost_section(summary, content, records),
        settings_section(summary, ""),
        origin_section(content),
    ]
    path = root / FILE
    write_text(path, document(summary, sections, f"Commit {run.commit or 'unknown'}, {content['date']}"))
    return path
