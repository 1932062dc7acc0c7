"""What the shop knows about whoever asks."""

from pydantic import BaseModel, Field

from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import SignedIn
from commands.rejections import NotFound
from commands.user import users
from infrastructure.positions import HEAD
from projections.user_account import UserAccountRow, user_account

router = query_router("/v1/me", "me")


class Me(BaseModel):
    user_id: str
    email: str
    name: str
    roles: list[str] = Field(description="As they are now; a token keeps those of its making until it expires.")


@router.get(
    "",
    responses=shown(
        {
            "user_id": "usr_01h455vb4pex5vsknk084sn02q",
            "email": "ada@example.com",
            "name": "Ada",
            "roles": ["customer"],
        }
    ),
)
async def get_me(read: Read, caller: SignedIn) -> Me:
    """Your account, folded from its own few facts: right also in the moment after you registered."""
    await read.seen(HEAD)
    row: UserAccountRow | None = None
    for fact in await read.shop.store.read([users(caller.user_id).stream]):
        row = user_account.evolve(row, fact, ())
    if row is None:
        raise NotFound("user", caller.user_id)
    return Me(user_id=row.user_id, email=row.email, name=row.name, roles=row.roles)
