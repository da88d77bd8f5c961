"""Figures in a page of the documentation, between two marks."""


def renewed(text: str, begin: str, end: str, figures: str) -> str:
    """The page with other figures between its marks.

    Raises:
        ValueError: A mark is missing.
    """
    before, mark, rest = text.partition(begin)
    _, other, after = rest.partition(end)
    if not mark or not other:
        raise ValueError(f"expected the lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{figures}\n{end}{after}"
