"""Labels that can be seen, in fonts that are installed."""

import contextlib
import functools
import unicodedata
import warnings
from collections.abc import Sequence

from keras_attention.visualize.figures import need_matplotlib

END = "⟨end⟩"
_MAX_LABEL_LENGTH = 18
_warned: set[str] = set()


def labels(name: str, tokens: Sequence[str] | None, size: int) -> list[str]:
    """A visible label for each position; numbers where there are no tokens.

    Raises:
        ValueError: There are neither `size` tokens nor one fewer, the end.
    """
    if tokens is None:
        return [str(place) for place in range(size)]
    found = [_visible(token) for token in tokens]
    if len(found) == size - 1:
        found.append(END)
    if len(found) != size:
        raise ValueError(
            f"`{name}` must hold one label for each of the {size} positions of the "
            f"weights, or all but the last. Received: {len(found)} labels"
        )
    return found


def _visible(token: str) -> str:
    """A label with nothing invisible in it and nothing that joins its neighbours."""
    if not token:
        return "∅"
    text = token[:_MAX_LABEL_LENGTH] + "…" * (len(token) > _MAX_LABEL_LENGTH)
    if unicodedata.category(text[0]).startswith("M"):
        text = "\N{DOTTED CIRCLE}" + text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character == " ":
        return "\N{OPEN BOX}"
    # Controls, unassigned code points and other spaces: nothing to see.
    if unicodedata.category(character)[0] in "CZ":
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


class Writing:
    """How the texts of a picture are written.

    Args:
        texts: All of them.

    Attributes:
        families: Fonts that have the characters between them, the usual one first.
    """

    def __init__(self, *texts: str) -> None:
        need_matplotlib()
        self.families, self._missing = _fonts("".join(texts))
        scripts = {_script(character) for character in self._missing} - _warned
        if scripts:
            _warned.update(scripts)
            warnings.warn(
                f"No installed font has characters of {', '.join(sorted(scripts))}: "
                "they are drawn as code points. Fonts of Noto have them.",
                stacklevel=4,
            )

    def __call__(self, text: str) -> str:
        """The text, with code points for what no font has."""
        return "".join(_code_point(c) if c in self._missing else c for c in text)


def _script(character: str) -> str:
    return unicodedata.name(character, _code_point(character)).split()[0]


@functools.cache
def _add_new_fonts() -> None:
    """Tells matplotlib of fonts installed since it last made its list."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            # Bitmaps of colours, and files that are no fonts.
            with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
                manager.addfont(path)


@functools.cache
def _characters(path: str) -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(path).get_charmap())


def _fonts(text: str) -> tuple[list[str], frozenset[str]]:
    """Families of fonts that write a text, and the characters that none has."""
    from matplotlib import font_manager, rcParams

    def missing_from(path: str) -> frozenset[str]:
        characters = _characters(path)
        return frozenset(c for c in missing if ord(c) not in characters)

    families, missing = list(rcParams["font.family"]), frozenset(text)
    missing = missing_from(font_manager.findfont(font_manager.FontProperties()))
    if missing:
        _add_new_fonts()
    # Upright fonts without serifs first: they match the usual one.
    fonts = sorted(
        font_manager.fontManager.ttflist if missing else (),
        key=lambda font: (font.style != "normal", "Sans" not in font.name, font.name),
    )
    for font in fonts:
        # That one has a picture of the script's name for every character there is.
        if not missing or font.name.startswith("Last Resort"):
            continue
        left = missing_from(font.fname)
        if left != missing:
            families.append(font.name)
            missing = left
    return families, missing
