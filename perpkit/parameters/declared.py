"""The base class of parameter dataclasses, whose fields are declared once.

    @dataclass(frozen=True)
    class CarryRule(Parameters):
        edge: Annotated[float, Range(0.0001, 1, "of the price"), "What a trade is expected to earn"
        ] = 0.01

The constructor checks and converts values by the declaration. `perpkit parameters`, the
configuration and FreqUI read the same declaration with `declared`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
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
    Search,
    Section,
    bounded_by_others,
    resolved,
)


@dataclass(frozen=True)
class Parameter:
    """The declaration of one field.

    :param meaning: what the parameter means, for the reader of the page
    :param unit: unit of a number, empty where it has none
    :param default: MISSING where a value is required
    :param search: how hyperopt searches it, None if it does not
    """

    name: str
    kind: Kind
    meaning: str
    unit: str
    default: Any
    search: Search | None = None

    @property
    def span(self) -> Range | None:
        """The range of a number or a duration, also where null is allowed; None for other kinds."""
        kind = self.kind.kind if isinstance(self.kind, OrNull) else self.kind
        return kind.span if isinstance(kind, Number | Duration) else None

    def allowed(self, of: type) -> str:
        """Returns the allowed values, as a table shows them.

        :param of: the dataclass. Where a range names another parameter, the default of that
            parameter is shown, or its maximum if some parameter has no default
        """
        if not bounded_by_others(self.kind):
            return self.kind.short
        others = declared(of)
        if all(other.default is not MISSING for other in others):
            return resolved(self.kind, of()).short
        ends = {other.name: other.span.high for other in others if other.span}
        return resolved(self.kind, SimpleNamespace(**ends)).short


class Parameters:
    """The base class that checks every field at construction; subclasses are frozen dataclasses.

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
        """Checks how the fields fit together, which a declaration cannot express.

        :raises ValueError: naming the parameter, its value and what is allowed
        """


def declared(of: type) -> tuple[Parameter, ...]:
    """Returns the parameters of any dataclass, in order, whether or not it checks them.

    :raises TypeError: for a field that cannot be a parameter
    """
    return _declared(of)


# More than there are; a strategy that is loaded again brings its classes once more.
_CLASSES = 256


@lru_cache(maxsize=_CLASSES)
def _declared(of: type) -> tuple[Parameter, ...]:
    hints = get_type_hints(of, include_extras=True)
    return tuple(_parameter(field, hints[field.name]) for field in fields(of))


def section_of(kind: Kind) -> type | None:
    """Returns the dataclass whose instance, or list of instances, a value of this kind is."""
    if isinstance(kind, ListOf):
        kind = kind.kinds[0]
    return kind.of if isinstance(kind, Section) else None


@lru_cache(maxsize=_CLASSES)
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
        next((marker for marker in extra if isinstance(marker, Search)), None),
    )


def _markers(hint: Any) -> list[Any]:
    return list(get_args(hint)[1:]) if get_origin(hint) is Annotated else []
