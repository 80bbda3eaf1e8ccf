"""Section of the page about generated images as images: quality, coverage, and whether training images were copied."""

from gendistill.reporting.html import Html, join, picture, table, tag
from gendistill.reporting.labels import CAPTIONS, source_rank
from gendistill.reporting.page import Section, bullets, note
from gendistill.reporting.page_accuracy import source_cell
from gendistill.reporting.page_images import strip
from gendistill.reporting.quality import Pairs, Quality

HEADERS = (
    ("Fréchet distance", "lower is better"),
    ("precision", "of 1"),
    ("recall", "of 1"),
    ("density", "about 1"),
    ("coverage", "of 1"),
    ("nearest training image", "median, grey levels"),
    ("close to one", "share"),
)


def quality_section(quality: Quality | None) -> Section:
    """The table of scores and the closest pairs of every source."""
    title = "Quality, coverage, memorisation"
    if quality is None:
        gap = "quality, coverage and nearest training images: run `dvc repro quality`."
        return Section(key="quality", title=title, short="Quality", body=Html(), missing=(gap,))
    header = ["", *(join([name, tag("small", hint)]) for name, hint in HEADERS)]
    rows = []
    for source in sorted(quality.scores, key=source_rank):
        first = join(["real", tag("small", "other real images: what can be had")])
        label = first if source == "real" else source_cell(source)
        frechet, *fractions, distance, share = quality.scores[source].values()
        texts = [f"{frechet:.4g}", *(f"{value:.3f}" for value in fractions), f"{distance:.1f}", f"{share:.3f}"]
        rows.append([label, *texts])
    caption = f"{quality.images:,} images of each against {quality.images:,} real training images"
    parts = [table(header, rows, caption, strong=lambda label: label.startswith("ours")), bullets(_legend(quality))]
    for source in sorted(quality.pairs, key=source_rank):
        name = CAPTIONS.get(source, source)
        parts += [
            tag("h3", f"{name}: the closest of {quality.images:,} images, and the training images they are close to")
        ]
        parts.append(tag("div", *_pairs(name, quality.pairs[source]), class_="pairs"))
    parts.append(
        note("Left generated, right the nearest training image; below, the distance in grey levels (0 to 255).")
    )
    return Section(key="quality", title=title, short="Quality", body=join(parts))


def _legend(quality: Quality) -> list[str]:
    """What the scores are."""
    return [
        f"Features: the {quality.features:,} numbers before the readout of a {quality.network} of {quality.width:g} "
        f"times its standard width, trained for {quality.epochs:,} epochs on this whole training set. They are not "
        "Inception's: compare within this table, never with printed values.",
        f"Precision: generated images within reach of a real one; recall: the reverse; density and coverage: the same, "
        f"counting all real neighbourhoods. Reach: the distance to neighbour {quality.neighbours} of its own kind.",
        "Nearest training image: root mean squared difference of pixels. Close: nearer than all but 1 % of real images "
        "come to another training image; well above 0.01 means copying.",
        "Test images are not used.",
    ]


def _pairs(name: str, pairs: Pairs) -> list[Html]:
    """Each generated image beside its training image."""
    found = []
    for place, distance in enumerate(pairs.distance):
        left = picture(strip(pairs.generated[place : place + 1], 1), f"generated, {name}, {place + 1}")
        right = picture(strip(pairs.training[place : place + 1], 1), f"nearest training image to {name} {place + 1}")
        found.append(tag("div", tag("div", left, right), f"{distance:.1f}", class_="pair"))
    return found
