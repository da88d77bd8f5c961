"""Ask a version in the session that a server would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serving.server.runtime.session import SavedModelSession
from serving.tensors.decoding import decode


class Version:
    """The signatures of an export as functions of arrays."""

    def __init__(self, path: Path) -> None:
        self._session = SavedModelSession(path)
        # What runs when a version is loaded is none that anybody asks.
        self.signatures = {
            name: signature
            for name, signature in self._session.signatures.items()
            if not name.startswith("__")
        }

    def ask(self, signature: str, **given: Any) -> dict[str, np.ndarray]:
        """Every output; what is not given has its default."""
        chosen = self.signatures[signature]
        values = {name: decode(value) for name, value in chosen.defaults.items()}
        values |= {name: np.asarray(value) for name, value in given.items()}
        names = sorted(chosen.outputs)
        outputs = self._session.run(
            {chosen.inputs[name].name: value for name, value in values.items()},
            [chosen.outputs[name].name for name in names],
        )
        return dict(zip(names, outputs, strict=True))
