"""The context in which a step of the risk layer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it makes these
    from perpkit.bot.layer.layer import RiskLayer


class Attempt:
    """The context of one step of the layer, see `RiskLayer.attempt`.

    A class, because there are several at every candle: it costs half of a generator.
    """

    __slots__ = ("_layer", "_step")

    def __init__(self, layer: RiskLayer, step: str) -> None:
        self._layer, self._step = layer, step

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        layer = self._layer
        if error is None:
            if layer.failed_steps:
                layer.failed_steps.pop(self._step, None)
            return False
        if not isinstance(error, Exception) or layer.passes_on(error):
            return False
        layer.failed(self._step, error)
        return True
