"""The parameters of a statement that is put together: values are bound, never written into it."""

from typing import Any


class Parameters:
    """Call it with a value; what stands for it in the statement is `$1`, `$2`..."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def once(self, value: str) -> str:
        """The same for the same text, however often it is named."""
        if value in self.values:
            return f"${self.values.index(value) + 1}::text"
        return f"{self(value)}::text"
