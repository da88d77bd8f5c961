"""Arguments of this room: lists of texts, and numbers of rows."""

from collections.abc import Iterable

# Texts that are cut into tokens together.
ROWS_AT_ONCE = 1024


def refuse_single(argument: str, texts: object) -> None:
    """A TypeError for one text where a list is meant: its letters are no texts."""
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"`{argument}` must be a list of strings. "
            f"Received: a single {type(texts).__name__}; write [text]"
        )


def encoded(argument: str, texts: Iterable[str | bytes]) -> list[bytes]:
    """Texts as UTF-8; scalar string tensors and bytes are taken as they are."""
    refuse_single(argument, texts)
    rows = []
    for place, text in enumerate(texts):
        if hasattr(text, "numpy"):
            text = text.numpy()
        if isinstance(text, str):
            # A lone surrogate becomes bytes that are not UTF-8: unknown symbols.
            text = text.encode("utf-8", "surrogatepass")
        if not isinstance(text, bytes):
            raise TypeError(
                f"`{argument}` must hold strings. Received: {text!r} at {place}"
            )
        rows.append(text)
    return rows


def at_least_one(**arguments: float | None) -> None:
    """A ValueError that names the first argument below 1; None is no number."""
    for argument, value in arguments.items():
        if value is not None and value < 1:
            raise ValueError(
                f"`{argument}` must be at least 1. Received: {argument}={value}"
            )
