"""Training of whole models: compiled without XLA, scaled losses, several replicas."""

from typing import Any

import keras

from keras_attention.backend.distribution import clip_together, reducible
from keras_attention.layer_support.types import Config, Nested


class TrainedModel(keras.Model):
    """Model with what sequences want of `compile` and `fit`."""

    optimizer: Any

    def compile(
        self,
        *args: Any,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.compile`, but on TensorFlow `"auto"` means no XLA.

        XLA compiles once for every shape, some seconds each, and batches of
        sequences have many; on CPU it is slower even then. Pass
        `jit_compile=True` for batches of one shape.

        `auto_scale_loss` looks at every layer: where one computes in float16, whatever
        the model's own policy, the optimizer becomes a `LossScaleOptimizer`.
        """
        if jit_compile == "auto" and keras.backend.backend() == "tensorflow":
            jit_compile = False
        super().compile(
            *args, jit_compile=jit_compile, auto_scale_loss=auto_scale_loss, **kwargs
        )
        scaled = keras.optimizers.LossScaleOptimizer
        half = any(layer.compute_dtype == "float16" for layer in self._flatten_layers())
        if auto_scale_loss and half and not isinstance(self.optimizer, scaled | None):
            self.optimizer = scaled(self.optimizer, name="loss_scale_optimizer")
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        strategy = getattr(self, "distribute_strategy", None)  # TensorFlow alone
        if optimizer and strategy is not None and strategy.num_replicas_in_sync > 1:
            clip_together(optimizer)

    def compile_from_config(self, config: Config) -> None:
        """Compile as a saved model was; Keras asks for it where `compile` differs."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, *batch: Any) -> Any:
        return reducible(super().train_step(*batch))

    def test_step(self, *batch: Any) -> Any:
        return reducible(super().test_step(*batch))

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Nested = None
    ) -> None:
        """Keras' own is on the mean of the replicas' batches; here on the first batch.

        Booleans have no mean, nor do batches of different sizes.
        """
        strategy = self._distribute_strategy
        if iterator is not None and strategy is not None:
            batch = next(next(batches for _, _, batches in iterator))
            data_batch = keras.tree.map_structure(
                lambda x: strategy.experimental_local_results(x)[0], batch
            )
            iterator = None
        super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
