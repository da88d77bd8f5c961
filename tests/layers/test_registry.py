"""Registered parts: found by name, configuration or instance; each has an entry."""

import inspect
import re
import sys

import keras
import pytest

import keras_attention as ka
from tests.layers import cases

ROOMS = {"score": ka.scores, "alignment": ka.alignments}
NAMES = [(kind, name) for kind, room in ROOMS.items() for name in room.names()]


@pytest.mark.parametrize("kind, name", NAMES)
def test_every_part_has_an_entry(kind, name):
    found = cases.ENTRIES[kind]
    assert found[name]
    used = {getattr(case.of, kind) for case in cases.ATTENTIONS.values()}
    assert name in used, f"No case of {found.files} is made with the {kind} {name!r}"


@pytest.mark.parametrize("kind", ROOMS)
def test_every_entry_is_of_a_part(kind):
    assert set(cases.ENTRIES[kind]) == set(ROOMS[kind].names())


@pytest.mark.parametrize("kind", ROOMS)
def test_every_class_of_the_room_is_announced(kind):
    room = ROOMS[kind]
    for module in [m for n, m in sys.modules.items() if n.startswith(room.__name__)]:
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and issubclass(cls, room.registry.base):
                assert inspect.isabstract(cls) or name in room.registry.classes(), (
                    f"{name} of {module.__file__} has no `@registry.register(name)`"
                )
    assert set(room.registry.classes()) < set(room.__all__)


@pytest.mark.parametrize("kind, name", NAMES)
def test_by_name_configuration_and_instance(kind, name):
    room = ROOMS[kind]
    instance = room.get(name)
    again = room.get(keras.saving.serialize_keras_object(instance))
    assert room.get(instance) is instance
    assert type(again) is type(instance)
    assert again.get_config() == instance.get_config()


@pytest.mark.parametrize("kind, name", NAMES)
def test_every_docstring_says_the_equation_and_its_source(kind, name):
    (entry,) = [e for e in ROOMS[kind].registry.entries if name in e.names]
    cells, file = entry.cells(), inspect.getsourcefile(entry.part)
    assert re.fullmatch(r"\$[^$]{3,}\$", cells["equation"]), f"no $$ ... $$ in {file}"
    assert cells["source"], f"no section `References:` in {file}"
    assert f"`{name}`" in ROOMS[kind].__doc__
