"""Classes as dependencies of an endpoint, made where the request is handled."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def on_the_loop(made: type[T]) -> Callable[..., Coroutine[Any, Any, T]]:
    """For `Depends`: by itself FastAPI makes each instance in a thread, which takes longer than many a request."""

    async def make(**values: Any) -> T:
        return made(**values)

    make.__dict__["__signature__"] = inspect.signature(made)  # PEP 362
    return make
