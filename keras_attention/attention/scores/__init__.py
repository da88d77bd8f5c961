r"""Score functions: what a query thinks of a key, before normalisation.

| name | equation | parameters | state | paper |
|---|---|---|---|---|
| `additive` | $v^\top \tanh(W_q q + W_k k + b)$ | $W_q, W_k, v$ (and $g, b, \gamma$) | none | Bahdanau et al. 2014, A.1.2 |
| `concat` | $v^\top \tanh(W [q; k])$ | $W, v$ | none | Luong et al. 2015, section 3.1 |
| `dot` | $c \, q^\top k$ | none (or $g$) | none | Luong et al. 2015, section 3.1 |
| `general` | $c \, q^\top W^\top k$ | $W$ (or $W, g$) | none | Luong et al. 2015, section 3.1 |
| `cosine` | $\beta \cos(q, k)$ | none, $g$ or $W_\beta$ | none | Graves et al. 2014, eq. 5, 6 |
| `location` | $(W_a q)_s$ | $W_a$ | none | Luong et al. 2015, eq. 8 |
| `location_sensitive` | $v^\top \tanh(W_q q + W_k k + U (F * a_{t-1}) + b)$ | as `additive`, $F, U$ | weights before, or their sum, or both | Chorowski et al. 2015, eq. 8, 9 |
| `coverage` | $v^\top \tanh(W_q q + W_k k + w_c \sum_{t'} a_{t'} + b)$ | as `additive`, $w_c$ | sum of weights | See et al. 2017, eq. 10, 11 |
| `gmm_v0`, `gmm_v1`, `gmm_v2` | $\log \sum_k (w_k / Z_k) \exp(-(s - \mu_k)^2 / 2 \sigma_k^2)$ | $W, b, V$ | means, positions | Battenberg et al. 2020 (v0: Graves 2013) |
| `dynamic_convolution` | $v^\top \tanh(U (F * a_{t-1}) + T (G(q) * a_{t-1}) + b) + \log(P * a_{t-1})$ | $F, W_G, V_G, U, T, b, v$ | weights before | Battenberg et al. 2020 (DCA) |
| `zero` | $0$ | none | none | for alignments that ignore energies |
"""  # noqa: E501

import functools
from typing import Any

from keras_attention.attention.scores.additive import AdditiveScore
from keras_attention.attention.scores.base import Score
from keras_attention.attention.scores.concat import ConcatScore
from keras_attention.attention.scores.cosine import CosineScore
from keras_attention.attention.scores.coverage import CoverageScore
from keras_attention.attention.scores.dot import DotScore
from keras_attention.attention.scores.dynamic_convolution import DynamicConvolutionScore
from keras_attention.attention.scores.gaussian_mixture import GaussianMixtureScore
from keras_attention.attention.scores.general import GeneralScore
from keras_attention.attention.scores.location import LocationScore
from keras_attention.attention.scores.location_sensitive import LocationSensitiveScore
from keras_attention.attention.scores.zero import ZeroScore
from keras_attention.layer_support.registry import Registry

registry: Registry[Score] = Registry("score", Score)
registry.add("additive", AdditiveScore)
registry.add("concat", ConcatScore)
registry.add("dot", DotScore)
registry.add("general", GeneralScore)
registry.add("cosine", CosineScore)
registry.add("location", LocationScore)
registry.add("location_sensitive", LocationSensitiveScore)
registry.add("coverage", CoverageScore)
for _version in ("v0", "v1", "v2"):
    registry.add(
        f"gmm_{_version}", functools.partial(GaussianMixtureScore, version=_version)
    )
registry.add("dynamic_convolution", DynamicConvolutionScore)
registry.add("zero", ZeroScore)


def get(identifier: Any, **arguments: Any) -> Score:
    """A score from its name, configuration or itself; see `Registry.get`."""
    return registry.get(identifier, **arguments)


def names() -> list[str]:
    """Every registered name."""
    return registry.names()


__all__ = [
    "AdditiveScore",
    "ConcatScore",
    "CosineScore",
    "CoverageScore",
    "DotScore",
    "DynamicConvolutionScore",
    "GaussianMixtureScore",
    "GeneralScore",
    "LocationScore",
    "LocationSensitiveScore",
    "Score",
    "ZeroScore",
    "get",
    "names",
    "registry",
]
