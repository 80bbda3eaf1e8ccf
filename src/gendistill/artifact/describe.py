"""A card in words: what it is, side by side with another, and as a row of a table; imports no torch."""

import json
from pathlib import Path
from typing import Any

Card = dict[str, Any]
CLASSES_SHOWN = 12
WIDTH = 38  # characters of a value in a comparison


def size_text(count: int) -> str:
    """Bytes in decimal megabytes."""
    return f"{count / 1e6:.2f} MB"


def shape_text(card: Card) -> str:
    """Channels x height x width."""
    return " x ".join(map(str, card["image_shape"]))


def accuracy_text(entry: Card) -> str:
    """Mean and spread of an accuracy; one student has no spread."""
    return f"{entry['mean']:.3f}" + (f" ± {entry['std']:.3f}" if entry["n"] > 1 else "")


def accuracies_text(card: Card) -> str:
    """``4 accuracies``, ``1 accuracy``."""
    count = len(card["accuracies"])
    return f"{count} accurac{'y' if count == 1 else 'ies'}"


def counted(count: int, noun: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def cell_text(entry: Card) -> str:
    """What an accuracy was measured with: ``convnet3 (width 0.25), fresh, IPC 10``."""
    return f"{entry['network']} (width {entry['width']:g}), {entry['protocol']}, IPC {entry['ipc']}"


def description(path: Path, card: Card) -> str:
    """What `gendistill info` prints."""
    ranges, recipe, made = card["normalisation"], card["recipe"], card["parameters"]
    shown = ", ".join(card["classes"][:CLASSES_SHOWN])
    more = f", ... ({len(card['classes'])} in all)" if len(card["classes"]) > CLASSES_SHOWN else ""
    lines = [
        f"{path}: {card['dataset']}, {shape_text(card)} images of {len(card['classes'])} classes",
        f"  classes     {shown}{more}",
        f"  made by     {card['method']}; step {card['step']}, seed {made['seed']}",
        f"  file        {size_text(path.stat().st_size)}, {_content(card)} in {card['dtype']}",
        f"  images      standardised by mean {_numbers(ranges['mean'])} and std {_numbers(ranges['std'])} of pixels in "
        f"[0, 1]; real ones: {card['data']['fit']}",
        f"  recipe      {recipe['optimizer']}, lr {recipe['lr']:g}, momentum {recipe['momentum']:g}, weight decay "
        f"{recipe['weight_decay']:g}, {recipe['loss']}",
    ]
    lines += _accuracies(card) + _provenance(card["provenance"])
    return "\n".join([*lines, f"  sha256      {card['sha256']} (of weights and card; in order)"])


def _content(card: Card) -> str:
    """What the file holds, in words."""
    if card["kind"] == "images":
        use = " (the largest entry is the class)" if card["images"]["labels"] != "class numbers" else ""
        return f"{card['images']['ipc']} images per class, labels: {card['images']['labels']}{use},"
    return "weights"


def comparison(paths: tuple[Path, Path], cards: tuple[Card, Card]) -> str:
    """What `gendistill compare` prints: the accuracies of both, their sizes, then fields that differ."""
    left, right = (_flat({key: card[key] for key in card if key not in ("accuracies", "sha256")}) for card in cards)
    keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
    rows: list[tuple[str, str, str]] = []
    told: list[dict[Any, Card]] = [
        {(entry["network"], entry["width"], entry["protocol"], entry["ipc"]): entry for entry in card["accuracies"]}
        for card in cards
    ]
    for key in sorted({**told[0], **told[1]}):
        entries = [side.get(key) for side in told]
        first, second = map(_measured, entries)
        rows.append((cell_text(next(filter(None, entries))), first, second))
        ways = [entry["training"] for entry in entries if entry is not None]
        if len(ways) == 2:  # accuracies of different budgets do not compare
            differ = [name for name in ways[0] if ways[0][name] != ways[1][name]]
            rows += [(f"  {name}", _short(ways[0][name]), _short(ways[1][name])) for name in differ]
    if not rows and not keys:
        return f"{paths[0]} and {paths[1]} say the same"
    sizes = [size_text(path.stat().st_size) for path in paths]
    rows = [("", str(paths[0]), str(paths[1])), *rows, ("size of the file", sizes[0], sizes[1])]
    rows += [(key, _short(left.get(key, "-")), _short(right.get(key, "-"))) for key in keys]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows)


def table(rows: list[tuple[str, Card, int, str]]) -> str:
    """Artifacts as a Markdown table.

    Args:
        rows: of each, name of the file, card, bytes, and sha256 of the file.
    """
    lines = [
        "| file | data set | accuracy on real test images | n | size | sha256 of the file |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, card, size, digest in rows:
        told = [f"{accuracy_text(entry)} ({cell_text(entry)})" for entry in card["accuracies"]] or ["not in the card"]
        students = "<br>".join(str(entry["n"]) for entry in card["accuracies"]) or "-"
        data = f"{card['dataset']}, {len(card['classes'])} classes, {shape_text(card)}"
        lines.append(
            f"| {name} | {data} | {'<br>'.join(told)} | {students} | {size_text(size)}, {card['dtype']} | `{digest}` |"
        )
    return "\n".join(lines) + "\n"


def _accuracies(card: Card) -> list[str]:
    """The reported accuracies with their budgets."""
    if not card["accuracies"]:
        return ["  accuracy    not in the card (`gendistill export --accuracy` adds what the pipeline measured)"]
    made = "generator" if card["kind"] == "generator" else "set"
    lines = [f"  accuracy    on real test images; mean ± sample standard deviation of n students of one {made}"]
    for entry in card["accuracies"]:
        way = entry["training"]
        spent = f"{counted(way['epochs'], 'epoch')}, {counted(way['steps'], 'step')} of {way['batch']}"
        lines.append(
            f"              {accuracy_text(entry)}  n {entry['n']}  {cell_text(entry)}: {spent}, "
            f"{way['schedule']} rate, {way['augment']} ({way['semantics']})"
        )
    return lines


def _provenance(origin: Card | None) -> list[str]:
    """Where the numbers come from."""
    if origin is None:
        return []
    commit = str(origin["commit"] or "unknown")[:12]
    changed = " (with changed files)" if origin.get("modified_files") else ""
    lines = [f"  provenance  preset {origin['preset']}, seed {origin['seed']}, commit {commit}{changed}"]
    lines += [f"  hardware    {_machine(machine)}" for machine in origin["hardware"]]
    return lines


def _machine(machine: Any) -> str:
    """A computer in a line: what computed, then the host. A card may hold any JSON here; it is then shown as it is."""
    host = machine.get("host") if isinstance(machine, dict) else None
    if not isinstance(host, dict) or not {"cores", "cpu"} <= set(host):
        return json.dumps(machine, ensure_ascii=False)
    own = [f"{key} {value}" for key, value in machine.items() if key != "host"]
    return ", ".join([*own, f"{host['cores']} cores of {host['cpu']}"])


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested sections by dotted key; lists stay values."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf for key, item in value.items() for name, leaf in _flat(item, f"{prefix}.{key}".lstrip(".")).items()
    }


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _measured(entry: Card | None) -> str:
    return "-" if entry is None else f"{accuracy_text(entry)} (n {entry['n']})"
