"""Removal of the nodes of a function that no caller uses the outputs of.

A graph that several signatures share computes all that any of them returns. A server
puts functions into the graph before it looks for what is not needed, and takes that out
one layer at a time, with a pass over the whole graph for each: more than half of the
time to a first answer. Here a call that uses some of the outputs calls a function that
has no others.
"""

import copy
from collections.abc import Iterable
from typing import Any

_BRANCHES = ("then_branch", "else_branch")
_CALLS = {
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
    "If": _BRANCHES,
    "StatelessIf": _BRANCHES,
}


def drop_unused(graph: Any, names: Iterable[str]) -> None:
    """Take what is not used out of functions and all that they call, in place.

    Args:
        graph: `GraphDef`; functions that are called with fewer outputs are added.
        names: Functions whose outputs are all used.
    """
    library = _Library(graph)
    for name in names:
        library.trim(name)


class _Library:
    def __init__(self, graph: Any) -> None:
        self.functions = graph.library.function
        self.by_name = {item.signature.name: item for item in self.functions}
        self.trimmed: set[str] = set()

    def trim(self, name: str) -> None:
        """Drop the nodes that the outputs of a function do not need."""
        if name in self.trimmed:
            return
        self.trimmed.add(name)
        function = self.by_name[name]
        nodes = {node.name: node for node in function.node_def}
        used: dict[str, set[int]] = {name: set() for name in nodes}
        live: set[str] = set()
        waiting = [
            *function.ret.values(),
            *(f"^{x}" for x in function.control_ret.values()),
        ]
        while waiting:
            node_name, output = _source(waiting.pop())
            if node_name not in nodes:
                continue  # An argument of the function.
            if output is not None:
                used[node_name].add(output)
            if node_name not in live:
                live.add(node_name)
                waiting += nodes[node_name].input
        kept = [node for node in function.node_def if node.name in live]
        moved: dict[str, dict[int, int]] = {}
        for node in kept:
            attributes = _CALLS.get(node.op)
            if not attributes or self._compiled(node, attributes):
                continue
            if len(used[node.name]) < len(node.attr["Tout"].list.type):
                moved[node.name] = self._narrow(
                    node, attributes, sorted(used[node.name])
                )
        for node in kept:
            node.input[:] = [_renumbered(x, moved) for x in node.input]
        for key, value in function.ret.items():
            function.ret[key] = _renumbered(value, moved)
        copies = copy.deepcopy(kept)
        del function.node_def[:]
        function.node_def.extend(copies)
        for node in copies:
            for attribute in node.attr.values():
                for called in (attribute.func, *attribute.list.func):
                    if called.name:
                        self.trim(called.name)

    def _narrow(
        self, node: Any, attributes: tuple[str, ...], outputs: list[int]
    ) -> dict[int, int]:
        """Have a node call functions of these outputs only; their new numbers."""
        for attribute in attributes:
            called = node.attr[attribute].func
            called.name = self._with_outputs(called.name, outputs)
        types = node.attr["Tout"].list
        types.type[:] = [types.type[place] for place in outputs]
        for shapes in ("output_shapes", "_output_shapes"):
            if shapes in node.attr and len(node.attr[shapes].list.shape):
                every = copy.deepcopy([*node.attr[shapes].list.shape])
                del node.attr[shapes].list.shape[:]
                node.attr[shapes].list.shape.extend(every[place] for place in outputs)
        return {old: new for new, old in enumerate(outputs)}

    def _compiled(self, node: Any, attributes: tuple[str, ...]) -> bool:
        """Whether XLA compiles what is called: once by its name for all callers."""
        called = (self.by_name[node.attr[each].func.name] for each in attributes)
        return any("_XlaMustCompile" in function.attr for function in called)

    def _with_outputs(self, name: str, outputs: list[int]) -> str:
        narrow = f"{name}_only_{'_'.join(map(str, outputs)) or 'effects'}"
        if narrow not in self.by_name:
            function = self.functions.add()
            function.CopyFrom(self.by_name[name])
            function.signature.name = narrow
            every = copy.deepcopy([*function.signature.output_arg])
            del function.signature.output_arg[:]
            function.signature.output_arg.extend(every[place] for place in outputs)
            for place, argument in enumerate(every):
                if place not in outputs:
                    del function.ret[argument.name]
            self.by_name[narrow] = function
        return narrow


def _source(reference: str) -> tuple[str, int | None]:
    """The node of `node:output:2`, and the number; None for `^node`."""
    if reference.startswith("^"):
        return reference[1:], None
    parts = reference.split(":")
    return parts[0], int(parts[2]) if len(parts) == 3 else 0


def _renumbered(reference: str, moved: dict[str, dict[int, int]]) -> str:
    name, output = _source(reference)
    if output is None or name not in moved:
        return reference
    return f"{name}:{reference.split(':')[1]}:{moved[name][output]}"
