"""Compiled signatures: answers from XLA's programs, once there is one for the size."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Sequence

import numpy as np

from serving.client.signature_contract import (
    COMPILED_DEFAULT,
    DEFAULT_SIGNATURE,
    READY_INPUT,
    SIZE_OUTPUT,
)
from serving.messages import signature_pb2
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.later import Later
from serving.server.versions.servable import Arrays, Feeds, Runner

_LOG = logging.getLogger(__name__)

# A program is made in about a second, and saves half of the time of each request of its
# size: under steady traffic it has to come soon.
_PATIENCE_SECONDS = 1.0


def with_compiled(session: SavedModelSession, whose: str, later: Later) -> Runner:
    """The session, its default signature computed by the compiled one if it has one.

    Args:
        session: Of a version.
        whose: What the log calls the version.
        later: Where programs are made.
    """
    plain = session.signatures.get(DEFAULT_SIGNATURE)
    compiled = session.signatures.get(COMPILED_DEFAULT)
    if (
        plain is None
        or compiled is None
        or compiled.inputs.keys() != {*plain.inputs, READY_INPUT}
        or compiled.outputs.keys() != {*plain.outputs, SIZE_OUTPUT}
    ):
        return session
    return _Compiled(session, plain, compiled, whose, later)


class _Compiled:
    """Has the graph use the programs that are ready, and others made meanwhile.

    A program is made by computing a request again, in the background: the graph says
    which size it belongs to. Its own answer comes from the plain graph.

    Attributes:
        ready: Of each size, whether there is its program.
    """

    def __init__(
        self,
        session: SavedModelSession,
        plain: signature_pb2.SignatureDef,
        compiled: signature_pb2.SignatureDef,
        whose: str,
        later: Later,
    ):
        self._session = session
        self._whose = whose
        self._later = later
        self._inputs = {
            i.name: compiled.inputs[n].name for n, i in plain.inputs.items()
        }
        names = {o.name: compiled.outputs[n].name for n, o in plain.outputs.items()}
        # All of them, whatever is asked for: each choice would be optimised anew.
        self._places = {name: place for place, name in enumerate(names)}
        self._fetches = [*names.values(), compiled.outputs[SIZE_OUTPUT].name]
        info = compiled.inputs[READY_INPUT]
        self._ready_name = info.name
        self.ready = np.zeros([dim.size for dim in info.tensor_shape.dim], bool)
        self._asked: set[int] = set()

    def run(self, feeds: Feeds, fetches: Sequence[str], timeout_ms: int = 0) -> Arrays:
        """See :meth:`SavedModelSession.run`."""
        if feeds.keys() != self._inputs.keys() or not self._places.keys() >= {*fetches}:
            return self._session.run(feeds, fetches, timeout_ms)
        given = {self._inputs[name]: array for name, array in feeds.items()}
        values = self._run(given, self.ready, timeout_ms)
        size = int(values[-1])
        if 0 <= size < len(self.ready) and size not in self._asked:
            self._asked.add(size)
            job = functools.partial(_compile, weakref.ref(self), given, size)
            self._later.put(job, _PATIENCE_SECONDS)
        return [values[self._places[name]] for name in fetches]

    def compile(self, given: Feeds, size: int) -> None:
        """Have the program made that a request needs, and used from now on."""
        only = np.zeros_like(self.ready)
        only[size] = True
        try:
            self._run(given, only, 0)
        except Refusal as refusal:
            said = "%s: the plain graph answers, nothing is compiled: %s"
            _LOG.warning(said, self._whose, refusal.message)
            self._asked.update(range(len(self.ready)))
        else:
            self.ready = self.ready | only

    def _run(self, given: Feeds, ready: np.ndarray, timeout_ms: int) -> Arrays:
        feeds = {**given, self._ready_name: ready}
        return self._session.run(feeds, self._fetches, timeout_ms)


def _compile(waiting: weakref.ref[_Compiled], given: Feeds, size: int) -> None:
    # Who waits does not keep a version that has been unloaded.
    if (compiled := waiting()) is not None:
        compiled.compile(given, size)
