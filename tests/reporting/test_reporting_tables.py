import dataclasses

import pytest

from gendistill.config.catalogue.sources import GENERATED_SOURCES, SOURCES
from gendistill.reporting.content import tiles
from gendistill.reporting.labels import CAPTIONS, SHORT, SOURCE_ORDER, data_title, readable_bytes, source_color
from gendistill.reporting.markdown import markdown
from gendistill.reporting.page_style import STYLE
from gendistill.reporting.plots import COLORS
from gendistill.reporting.robust import robustness
from gendistill.reporting.summary import Summary, gather, headline, next_commands
from gendistill.reporting.terminal import WIDTH, terminal_text
from gendistill.runtime.errors import UserError


@pytest.fixture
def summary(project) -> Summary:
    return gather(*project)


@pytest.fixture
def mnist(project, make_params, write_cells) -> Summary:
    """The same files as if they were of MNIST, with three protocols and IPC 1 and 10."""
    _, root = project
    params = make_params(data__name="mnist", evaluate__protocols=["fresh", "fixed", "fixed_plain"])
    write_cells(root, params)
    found = gather(params, root)
    return dataclasses.replace(found, info=dataclasses.replace(found.info, name="mnist", image_size=32))


def test_markdown_rows_and_legend(summary):
    text = markdown(summary)
    assert "| ours: distilled generator | 0.688 ± 0.006 | 0.859 ± 0.006 | 0.438 ± 0.006 | 0.780 ± 0.006 |" in text
    assert "| random: real images, drawn once | - | - | 0.228 ± 0.006 | 0.570 ± 0.006 |" in text
    assert "mean ± standard deviation of 5 students each" in text
    assert "| ours | 3,000 / 1.2 MB |" in text
    assert "Student: convnet3 of width 32 (standard 128)" in text
    assert "360 test" in text
    assert "Note: a note on this copy" in text
    assert "One run, seed 0" in text
    assert "printed" not in text  # nothing is printed for the digits


@pytest.mark.parametrize(
    ("name", "path", "title"),
    [
        ("mnist", "", "MNIST"),
        ("folder", "/home/me/my pictures/", "my pictures (image folder)"),
        ("folder", ".", ". (image folder)"),
        ("npz", "sets/pathmnist.npz", "pathmnist.npz (NPZ file)"),
    ],
)
def test_a_title_names_the_data(name, path, title, make_params, summary):
    changes = {"data__name": name, "data__path": path, "data__fit": "crop", "gan__conditioning": "concat"}
    params = make_params(**changes)
    assert data_title(params.data) == title
    assert markdown(dataclasses.replace(summary, params=params)).startswith(f"# {title}\n")


def test_rows_are_in_the_order_of_understanding(summary):
    text = terminal_text(summary, "data/report")
    places = [text.index(f"\n{label}:") for label in ("whole", "real", "random", "cgan", "ours")]
    assert places == sorted(places)


def test_the_terminal_text_tells_what_to_open_and_what_to_type(summary):
    text = terminal_text(summary, "data/report")
    for expected in (
        "0.859 ± 0.006",
        "data/report/samples.png",
        "data/artifacts/ours.safetensors",
        "1,234,567 bytes",
        "dvc exp run -S loss.omega_l=0.001",
        "dvc metrics diff",
        "python -m stages.preset mnist-quick && dvc repro",
        "fresh: new images every step",
        "fixed: images drawn once",
    ):
        assert expected in text


def test_the_terminal_text_is_plain_and_fits(summary, mnist):
    for found in (summary, mnist):
        text = terminal_text(found, "data/report")
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= WIDTH


def test_no_color_is_respected_on_a_terminal(summary, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in terminal_text(summary, "data/report")  # bold may stay, colours may not


def test_a_terminal_has_colours_and_a_file_has_none(summary, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in terminal_text(summary, "data/report")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    text = terminal_text(summary, "data/report")
    assert any("\x1b[1;32m" in line and "ours" in line for line in text.splitlines())
    assert any("\x1b[2m" in line and "whole" in line for line in text.splitlines())


def test_scores_stand_beside_accuracy(mnist):
    (row,) = [r for r in robustness(mnist.results) if (r.source, r.protocol, r.ipc) == ("ours", "fixed", 10)]
    expected = f"{row.hlr:.3f} | {row.ior:.3f} | {row.lrs:.3f} | {row.ars:.3f} |"
    assert f"| ours: distilled generator | fixed, IPC 10 | {expected}" in markdown(mnist)
    assert " ".join(expected.replace("|", "").split()) in " ".join(terminal_text(mnist, "data/report").split())


def test_many_columns_are_a_table_for_each_protocol(mnist):
    text = terminal_text(mnist, "data/report")
    _, fresh, fixed, plain = text.split("Test accuracy")[1].split("Student")[0].split("IPC 10")
    assert "real:" in fresh
    assert "random:" not in fresh  # no such control there
    assert "real:" not in fixed + plain


def test_a_printed_number_never_stands_without_width_and_steps(mnist):
    for text in (markdown(mnist), terminal_text(mnist, "data/report")):
        found = [line for line in text.splitlines() if "98.8 ± 0.2" in line]
        assert found
        for line in found:
            assert "width 32, 300 steps" in line
            assert "width 128, 1,000 steps" in line
        assert "NOT like for like here: fewer steps, narrower student" in " ".join(text.split())


def test_best_of_test_points_has_a_label_of_its_own(project, make_params, write_cells):
    _, root = project
    params = make_params(evaluate__test_points=5)
    write_cells(root, params, best_of_test_points=0.91)
    text = markdown(gather(params, root))
    assert "CHOSEN ON THE TEST SET" in text
    assert "| ours | 0.910 |" in text


def test_a_missing_artifact_is_named(project):
    params, root = project
    (root / "data/artifacts/ours.safetensors").unlink()
    with pytest.raises(UserError, match=r"artifacts/ours\.safetensors does not exist"):
        gather(params, root)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (870, "870 B"), (999, "999 B"), (1000, "1.0 kB"), (99_499, "99.5 kB"), (540_000, "540 kB"),
     (999_499, "999 kB"), (999_600, "1.0 MB"), (14_240_000, "14.2 MB"), (3_000_000_000, "3.0 GB")],
)  # fmt: skip
def test_readable_bytes(count, text):
    assert readable_bytes(count) == text


def test_one_student_has_no_spread(project, make_params, write_cells, statistics):
    params, root = project
    params = dataclasses.replace(params, evaluate=dataclasses.replace(params.evaluate, students=1))
    write_cells(root, params, mean=0.5)
    found = gather(params, root)
    for text in (markdown(found), terminal_text(found, "data/report")):
        assert "± 0.0" not in text
        assert "one student each" in text
    assert tiles(found)[0] == ("0.500", "ours, fresh, IPC 10 (1 student)")


def test_every_source_has_names_a_place_and_colours():
    assert set(SHORT) == set(SOURCE_ORDER) == set(SOURCES)
    assert set(CAPTIONS) == set(GENERATED_SOURCES) <= set(COLORS)
    for source in SOURCES:
        color = source_color(source)
        assert f".{color}{{--c:var(--{color})}}" in STYLE
        assert STYLE.count(f"--{color}:#") >= 2  # in light and in dark


def test_the_headline_tells_what_the_gan_gives_without_distillation(summary):
    assert "test accuracy of 0.859, of the GAN before distillation 0.789; trained on all" in headline(summary)
    alone = dataclasses.replace(summary.params, sources=("cgan",))
    assert "before distillation" not in headline(dataclasses.replace(summary, params=alone))


def test_the_generator_is_held_against_the_bytes_of_the_images_that_it_stands_for(summary):
    bytes_of_all = summary.info.counts["train"] * summary.info.channels * summary.info.image_size**2
    assert tiles(summary)[-1][1].endswith(f"images of {readable_bytes(bytes_of_all)}")


def test_own_images_are_not_sent_to_another_set(make_params):
    assert any("mnist-quick" in command for command, _ in next_commands(make_params()))
    own = make_params(data__name="folder", data__path="pictures")
    assert not any("mnist-quick" in command for command, _ in next_commands(own))
