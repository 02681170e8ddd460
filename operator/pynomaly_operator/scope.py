"""Which namespaces the operator looks at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Some namespaces, or all of them."""

    namespaces: tuple[str, ...] = ()
    """Empty: all, those to come included."""

    @property
    def everywhere(self) -> bool:
        """Whether it is the whole cluster."""
        return not self.namespaces

    @property
    def places(self) -> tuple[str | None, ...]:
        """Where to list and to watch: each namespace by itself, or None once for all of them."""
        return self.namespaces or (None,)
