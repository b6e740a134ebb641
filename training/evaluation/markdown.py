"""Tables, pictures and names in Markdown."""

from collections.abc import Iterable


def without_empty_columns(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table without the columns that have no value, such as those of classes."""
    cells = zip(*rows, strict=True)
    filled = [number for number, values in enumerate(cells) if any(values)]
    kept = [[row[number] for number in filled] for row in rows]
    return table([columns[number] for number in filled], kept)


def cell(text: str) -> str:
    """Return a name without the character that ends a table's cell."""
    return text.replace("|", "/")


def table(columns: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [table_row(columns), "|" + "---|" * len(columns)]
    lines.extend(table_row(row) for row in rows)
    return "\n".join(lines) + "\n"


def table_row(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def picture(title: str, name: str) -> str:
    """Return a picture in Markdown."""
    return f"![{title}]({name})"


def code(text: str) -> str:
    """Return text as code, without the characters that end code or a table's cell."""
    escaped = text.replace("`", "'").replace("|", "/")
    return f"`{escaped}`"
