"""The table of keys in docs/dashboard.md, made from the keymap.

Write it anew with `python -m tests.dash.keys_doc`.
"""

from __future__ import annotations

from pathlib import Path

from rediq_cli.dash.keymap import help_rows

PATH = Path(__file__).parents[2] / "docs" / "dashboard.md"
BEGIN = "<!-- keys: made from the keymap, see tests/dash/keys_doc.py -->"
END = "<!-- end of keys -->"


def table() -> str:
    """Return the keys by scope, as Markdown."""
    lines = []
    for scope, keys in help_rows():
        lines += [f"### {scope.value}", "", "| key | what it does |", "|---|---|"]
        for key in keys:
            names = " ".join(f"`{name}`" for name in key.label.split())
            lines.append(f"| {names} | {key.text}{' †' if key.is_write else ''} |")
        lines.append("")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """Return the document with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PATH.write_text(with_table(PATH.read_text(encoding="utf-8")), encoding="utf-8")
