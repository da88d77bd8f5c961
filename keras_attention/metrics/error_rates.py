"""Error rates of generated sequences against one or more references.

| function | counts | also called |
|---|---|---|
| `sequence_error_rate` | hypotheses that equal no reference | word error rate |
| `token_error_rate` | edits to the nearest reference per its token | phone error rate |

Both take any sequences of tokens that can be compared: lists of phones, ids, or plain
strings, which count as sequences of characters. They are fractions: 0.25 is 25 %.
"""

from collections.abc import Hashable, Sequence

Tokens = Sequence[Hashable]


def edit_distance(first: Tokens, second: Tokens) -> int:
    """The fewest insertions, deletions and substitutions from one to the other.

        d[i, j] = min(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + [first_i != second_j])

    Args:
        first: tokens, of length N.
        second: tokens, of length M.

    Returns:
        The Levenshtein distance, in O(N M) time and O(M) memory.

    References:
        Levenshtein 1966; the recurrence is that of Wagner & Fischer 1974.

    Example:

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, start=1):
            above = row[j]
            row[j] = min(above + 1, row[j - 1] + 1, diagonal + (left != right))
            diagonal = above
    return row[-1]


def sequence_error_rate(
    references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens]
) -> float:
    """The share of hypotheses that differ from every one of their references.

    Args:
        references: for each item its accepted outputs, at least one.
        hypotheses: the output of each item.

    Returns:
        Wrong items over items, from 0 to 1.

    Raises:
        TypeError: an item's references are one string instead of a list.
        ValueError: there are no items, their numbers differ, or one has no reference.

    Example:

    >>> sequence_error_rate([["AH", "EY"], ["AE N"]], ["EY", "AH N"])
    0.5
    """
    _check(references, hypotheses)
    wrong = sum(
        all(list(reference) != list(hypothesis) for reference in accepted)
        for accepted, hypothesis in zip(references, hypotheses, strict=True)
    )
    return wrong / len(hypotheses)


def token_error_rate(
    references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens]
) -> float:
    """Edits to the nearest reference, summed, over the tokens of those references.

    Nearest is the reference with the fewest edits; among equals the longest, which
    gives the lower rate.

    Args:
        references: for each item its accepted outputs, at least one.
        hypotheses: the output of each item.

    Returns:
        Edits per reference token; above 1 where hypotheses are far too long.

    Raises:
        TypeError: an item's references are one string instead of a list.
        ValueError: there are no items, their numbers differ, one has no reference, or
            all nearest references are empty.

    Example:

    >>> token_error_rate([[["K", "AE", "T"], ["K", "AA", "T", "S"]]], [["K", "AE"]])
    0.3333333333333333
    """
    _check(references, hypotheses)
    edits = length = 0
    for accepted, hypothesis in zip(references, hypotheses, strict=True):
        distance, negative_length = min(
            (edit_distance(reference, hypothesis), -len(reference))
            for reference in accepted
        )
        edits += distance
        length -= negative_length
    if length == 0:
        raise ValueError(
            "`references` must hold at least one token. Received: only empty references"
        )
    return edits / length


def _check(
    references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens]
) -> None:
    if len(references) != len(hypotheses) or not len(hypotheses):
        raise ValueError(
            "`references` and `hypotheses` must have one entry for each item, and at "
            f"least one. Received: {len(references)} and {len(hypotheses)} entries"
        )
    for i, accepted in enumerate(references):
        if isinstance(accepted, (str, bytes)):
            raise TypeError(
                "Each entry of `references` must be a list of accepted outputs. "
                f"Received: references[{i}]={accepted!r}"
            )
        if not len(accepted):
            raise ValueError(
                "Each entry of `references` must hold at least one accepted output. "
                f"Received: references[{i}]={accepted!r}"
            )
