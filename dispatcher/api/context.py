"""What endpoints ask for: the core of this process."""

from typing import Annotated

from fastapi import Depends, Request

from dispatcher.core import Core


async def core_of(request: Request) -> Core:
    """The core that the application was made with."""
    core: Core = request.app.state.core
    return core


CoreDep = Annotated[Core, Depends(core_of)]
