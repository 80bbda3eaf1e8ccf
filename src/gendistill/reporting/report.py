"""The last stage: tracked numbers, the table, and the pictures, from files alone."""

from pathlib import Path

from gendistill.config.schema import Params
from gendistill.reporting.content import report_page
from gendistill.reporting.labels import source_rank
from gendistill.reporting.markdown import markdown
from gendistill.reporting.metrics import grouped, write_classes, write_confusion, write_csv, write_groups
from gendistill.reporting.pictures import write_samples
from gendistill.reporting.plots import Curves, read_curves, write_accuracy, write_losses
from gendistill.reporting.summary import gather
from gendistill.reporting.terminal import terminal_text
from gendistill.runtime.files import write_text

REPORT = "data/report"


def write_report(params: Params, root: Path) -> str:
    """Write `metrics/accuracy/`, `metrics/accuracy.csv` and `data/report/`.

    Args:
        params: the run.
        root: the project; data/ and metrics/ are below it.

    Returns:
        The table for the terminal.

    Raises:
        UserError: a stage has not run; names the file and the command. Nothing is written then.
    """
    summary = gather(params, root)
    gan, distilled = read_losses(params, root)
    folder = root / REPORT
    write_samples(params, summary.info, root, folder / "samples.png")
    write_losses(gan, distilled, folder / "losses.png")
    write_accuracy(summary.results, folder / "accuracy.png")
    write_text(folder / "table.md", markdown(summary))
    write_text(folder / "index.html", report_page(summary, gan, distilled, root))
    write_classes(summary.headline, summary.info.classes, folder / "class_accuracy.csv")
    write_confusion(summary.headline, summary.info.classes, folder / "confusion.csv")
    write_groups(grouped(summary.results), root / "metrics/accuracy")
    write_csv(summary.results, root / "metrics/accuracy.csv")
    return terminal_text(summary, REPORT)


def read_losses(params: Params, root: Path) -> tuple[Curves, dict[str, Curves]]:
    """The losses of the GAN, and those of every distilled source.

    Raises:
        UserError: a table is missing, or is none of losses.
    """
    gan = read_curves(root / "metrics/gan_losses.csv", "train_gan")
    distilled = {
        source: read_curves(root / f"metrics/distill_losses/{source}.csv", "distill")
        for source in sorted(params.sources, key=source_rank)
        if source != "cgan"  # the GAN itself is deployed: nothing is distilled
    }
    return gan, distilled
