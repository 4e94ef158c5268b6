"""Tuples with names, at a hundredth of typing.NamedTuple's price (its import is 3 ms, and it compiles each class's
constructor anew). Imports nothing.

    if TYPE_CHECKING:
        from typing import NamedTuple
    else:
        from ._record import NamedTuple

    class Point(NamedTuple):
        x: int
        y: int = 0

Type checkers see typing's own. At run time fields, defaults, repr, equality, order, hash, unpacking, `match` and
pickle are as there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


class NamedTuple(tuple):  # type: ignore[type-arg]
    """Base of a class whose annotations name the fields, in order; values given to them there are defaults."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls.__match_args__ = cls._fields  # type: ignore[misc]
        cls._defaults = {name: vars(cls)[name] for name in cls._fields if name in vars(cls)}
        for place, name in enumerate(cls._fields):
            setattr(cls, name, _field(place))

    def __new__(cls, *values: Any, **named: Any) -> NamedTuple:
        if named or len(values) != len(cls._fields):
            values = cls._complete(values, named)
        return tuple.__new__(cls, values)

    @classmethod
    def _complete(cls, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        given = dict(zip(cls._fields, values))  # noqa: B905 - what is too many is told below
        wrong = [name for name in named if name in given or name not in cls._fields]
        lacking = [name for name in cls._fields if name not in {**cls._defaults, **given, **named}]
        if wrong or lacking or len(values) > len(cls._fields):
            raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}; not as given: {values} {named}")
        found = {**cls._defaults, **given, **named}
        return tuple(found[name] for name in cls._fields)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **named: Any) -> NamedTuple:
        return type(self)(**{**self._asdict(), **named})


def _field(place: int) -> property:
    return property(lambda record: record[place])
