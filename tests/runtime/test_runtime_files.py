"""Files appear whole or not at all, and a file system that refuses is explained in one message."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gendistill.runtime.errors import UserError
from gendistill.runtime.files import CAUSES, check_place, explained, write_atomically, write_csv, write_json, write_text
from gendistill.runtime.home import home


def test_a_file_is_replaced_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "out/a.txt"
    write_text(path, "old")
    with write_atomically(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for names in (("a", "b"), ("b", "c")):
        with write_atomically(folder) as temporary:
            temporary.mkdir()
            for name in names:
                (temporary / name).write_text(name)
            assert "c" not in {path.name for path in folder.glob("*")}
    assert sorted(path.name for path in folder.iterdir()) == ["b", "c"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_exception_leaves_the_old_one(tmp_path: Path, kind: str, error: type[BaseException]) -> None:
    path = tmp_path / "out"
    path.mkdir() if kind == "folder" else path.write_text("old")

    def interrupted() -> None:
        with write_atomically(path) as temporary:
            temporary.mkdir() if kind == "folder" else temporary.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_dir() if kind == "folder" else path.read_text() == "old"


def test_nothing_appears_when_nothing_was_there(tmp_path: Path) -> None:
    def interrupted() -> None:
        with write_atomically(tmp_path / "out") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_of_this_number_left_is_no_obstacle(tmp_path: Path, kind: str) -> None:
    """In a container the first process has the same number every time."""
    left = tmp_path / f".out.{os.getpid()}.tmp"
    left.mkdir() if kind == "folder" else left.write_text("half")
    if kind == "folder":
        (left / "half").write_text("")
    with write_atomically(tmp_path / "out") as temporary:
        temporary.mkdir()
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert not list((tmp_path / "out").iterdir())


def test_what_a_killed_process_left_is_swept_by_the_next_writer(tmp_path: Path) -> None:
    body = (
        "import os, sys; from pathlib import Path; from gendistill.runtime.files import write_atomically\n"
        "with write_atomically(Path(sys.argv[1])) as folder:\n"
        "    folder.mkdir(); (folder / 'half').write_text('x'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", body, str(tmp_path / "out")], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert (left / "half").exists()
    names = {f".out.{os.getppid()}.tmp", ".out.1.tmp", ".out.x.tmp", ".other.99.tmp"}  # the parent may be process 1
    others = [tmp_path / name for name in names]
    for other in others:  # of processes that live, or none of this file's
        other.write_text("")
    write_text(tmp_path / "out", "text")
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "out"])


def test_a_file_never_replaces_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/kept").write_text("")
    with pytest.raises(UserError, match="out is a folder, but a file is to be written there; give another name"):
        write_text(tmp_path / "out", "text")
    assert list(tmp_path.rglob("*")) == [tmp_path / "out", tmp_path / "out/kept"]


def test_a_link_to_a_folder_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").write_text("")
    (tmp_path / "out").symlink_to(target)
    write_text(tmp_path / "out", "text")
    assert (tmp_path / "out").read_text() == "text"
    assert (target / "kept").exists()


@pytest.mark.parametrize("number", CAUSES)
def test_what_a_user_can_mend_is_explained(number: int) -> None:
    message = f"^data/x: cannot be written: {re.escape(CAUSES[number])} and run the same command again$"
    with pytest.raises(UserError, match=message) as caught, explained(Path("data/x")):
        raise OSError(number, os.strerror(number))
    assert isinstance(caught.value.__cause__, OSError)


def test_other_failures_stay_bugs() -> None:
    with pytest.raises(FileNotFoundError), explained(Path("x")):
        raise FileNotFoundError(errno.ENOENT, "no such file")


@pytest.mark.parametrize(
    ("step", "number", "words"),
    [
        ("write_text", errno.ENOSPC, "the disk is full; free some space and run the same command again"),
        ("write_text", errno.EDQUOT, "the disk quota is used up"),
        ("mkdir", errno.EROFS, "the file system is read-only"),
        ("mkdir", errno.EACCES, "permission denied; make the folder writable"),
        ("replace", errno.EPERM, "not permitted"),
    ],
)
def test_a_refused_write_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, words: str
) -> None:
    path = tmp_path / "out.json"
    write_json(path, {"old": 1})
    before: Callable[..., object] = getattr(Path, step)

    def refuse(self: Path, *arguments: object, **options: object) -> object:
        if step == "write_text":
            before(self, "hal")  # as much as there was room for
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, refuse)
        with pytest.raises(UserError, match=words):
            write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    monkeypatch.setattr(Path, "with_name", lambda self, name: Path("/dev/full"))
    monkeypatch.setattr("gendistill.runtime.files.remove", lambda path: None)  # not the device
    with pytest.raises(UserError, match=r"out\.csv: cannot be written: the disk is full"):
        write_csv(path, ["step", "loss"], [{"step": 1.0, "loss": 0.5}])
    assert path.read_text() == "old"


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for path in (tmp_path / "data/gan/state", tmp_path / "data/state"):
        with pytest.raises(UserError, match="a file stands where a folder is needed; remove or rename it"):
            write_text(path, "text")


def test_json_is_indented_unicode_with_a_final_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"class": "Ä", "x": [1]})
    assert (tmp_path / "a").read_bytes() == '{\n  "class": "Ä",\n  "x": [\n    1\n  ]\n}\n'.encode()


def test_csv_has_six_digits_and_unix_lines(tmp_path: Path) -> None:
    columns = ["step", "loss"]
    write_csv(tmp_path / "a", columns, [{"step": 1.0, "loss": 1 / 3}, {"loss": 1234567.0, "step": 200000.0}])
    assert (tmp_path / "a").read_bytes() == b"step,loss\n1,0.333333\n200000,1.23457e+06\n"
    write_csv(tmp_path / "a", columns, [])
    assert (tmp_path / "a").read_bytes() == b"step,loss\n"


def test_home_is_the_checkout_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert home() == tmp_path
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert home() == Path("/elsewhere")
    monkeypatch.setenv("DVC_ROOT", "")
    assert home() == tmp_path


def test_a_place_is_refused_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_place(tmp_path / "not/there/yet.json", force=False)
    assert not list(tmp_path.iterdir())
    (tmp_path / "old").write_text("kept")
    check_place(tmp_path / "old", force=True)
    for path, message in (
        (tmp_path / "old", "is there already; give another file, or --force"),
        (tmp_path, "is a folder; give a file"),
        (tmp_path / "old/new", "cannot be written: a file stands where a folder is needed"),
    ):
        with pytest.raises(UserError, match=message):
            check_place(path, force=False)
    monkeypatch.setattr(os, "access", lambda place, mode: place != tmp_path)
    with pytest.raises(UserError, match="new/x: cannot be written: permission denied; make the folder writable"):
        check_place(tmp_path / "new/x", force=False)
