"""The base of dataclasses of parameters: each field is declared once.

    @dataclass(frozen=True)
    class CarryRule(Parameters):
        edge: Annotated[float, Range(0.0001, 1, "of the price"), "What a trade is expected to earn"
        ] = 0.01

The constructor checks and converts by it; `perpkit parameters`, the configuration and FreqUI read
the same declaration with `declared`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from perpkit.parameters.hints import kind_of
from perpkit.parameters.kinds import (
    Duration,
    Kind,
    ListOf,
    Number,
    OrNull,
    Range,
    Section,
    bounded_by_others,
    resolved,
)


@dataclass(frozen=True)
class Parameter:
    """One field, as it was declared.

    :param meaning: for people
    :param unit: of a number, empty where it has none
    :param default: MISSING where it is required
    """

    name: str
    kind: Kind
    meaning: str
    unit: str
    default: Any

    @property
    def span(self) -> Range | None:
        """Of a number or a duration, null or not."""
        kind = self.kind.kind if isinstance(self.kind, OrNull) else self.kind
        return kind.span if isinstance(kind, Number | Duration) else None

    def allowed(self, of: type) -> str:
        """What is allowed, as a table shows it.

        :param of: the dataclass; where a range names another parameter, its default counts, or
            else the largest that it may be
        """
        if not bounded_by_others(self.kind):
            return self.kind.short
        others = declared(of)
        if all(other.default is not MISSING for other in others):
            return resolved(self.kind, of()).short
        ends = {other.name: other.span.high for other in others if other.span}
        return resolved(self.kind, SimpleNamespace(**ends)).short


class Parameters:
    """Checks every field at construction; a subclass is a frozen dataclass.

    :raises ValueError: naming the parameter, its value and what is allowed
    """

    __slots__: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        own: type = type(self)
        for parameter in _declared(own):
            value = getattr(self, parameter.name)
            read = parameter.kind.read(parameter.name, value)
            if read is not value:
                object.__setattr__(self, parameter.name, read)
        for parameter in _bounded_by_others(own):
            kind = resolved(parameter.kind, self)
            kind.read(parameter.name, getattr(self, parameter.name))
        self.check_together()

    def check_together(self) -> None:
        """What a declaration cannot say: how the fields must fit together.

        :raises ValueError: naming the parameter, its value and what is allowed
        """


def declared(of: type) -> tuple[Parameter, ...]:
    """The parameters of a dataclass, in their order; any dataclass, whether it checks them or not.

    :raises TypeError: for a field that cannot be a parameter
    """
    return _declared(of)


@cache
def _declared(of: type) -> tuple[Parameter, ...]:
    hints = get_type_hints(of, include_extras=True)
    return tuple(_parameter(field, hints[field.name]) for field in fields(of))


def section_of(kind: Kind) -> type | None:
    """The dataclass of parameters that a value of this kind is, or is a list of."""
    if isinstance(kind, ListOf):
        kind = kind.kinds[0]
    return kind.of if isinstance(kind, Section) else None


@cache
def _bounded_by_others(of: type) -> tuple[Parameter, ...]:
    return tuple(parameter for parameter in declared(of) if bounded_by_others(parameter.kind))


def _parameter(field: Any, hint: Any) -> Parameter:
    extra = _markers(hint)
    default = field.default
    if default is MISSING and field.default_factory is not MISSING:
        default = field.default_factory()
    return Parameter(
        field.name,
        kind_of(hint),
        next((marker for marker in extra if isinstance(marker, str)), ""),
        next((marker.unit for marker in extra if isinstance(marker, Range)), ""),
        default,
    )


def _markers(hint: Any) -> list[Any]:
    return list(get_args(hint)[1:]) if get_origin(hint) is Annotated else []
