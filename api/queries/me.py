"""What the shop knows about whoever asks."""

from dataclasses import asdict

from pydantic import BaseModel, Field

from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import SignedIn
from commands.address_book import address_books
from commands.rejections import NotFound
from commands.user import users
from infrastructure.positions import HEAD
from projections.user_account import UserAccountRow, user_account

router = query_router("/v1/me", "me")


class Me(BaseModel):
    user_id: str
    email: str
    name: str
    verified: bool = Field(description="Whether the e-mail address is known to be yours.")
    roles: list[str] = Field(description="As they are now; a change ends the sessions with the roles before.")


class KeptAddress(BaseModel):
    address_id: str
    name: str
    line1: str
    line2: str
    city: str
    postal_code: str
    country: str


class KeptAddresses(BaseModel):
    data: list[KeptAddress]
    version: int


@router.get(
    "",
    responses=shown(
        {
            "user_id": "usr_01h455vb4pex5vsknk084sn02q",
            "email": "ada@example.com",
            "name": "Ada",
            "verified": True,
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
    return Me(user_id=row.user_id, email=row.email, name=row.name, verified=row.verified, roles=row.roles)


@router.get(
    "/addresses",
    responses=shown(
        {
            "data": [
                {
                    "address_id": "adr_01h455vb4pex5vsknk084sn02q",
                    "name": "Ada",
                    "line1": "Hauptstr. 1",
                    "line2": "",
                    "city": "Berlin",
                    "postal_code": "10115",
                    "country": "DE",
                }
            ],
            "version": 1,
        }
    ),
)
async def list_addresses(read: Read, caller: SignedIn) -> KeptAddresses:
    """The addresses that you keep, in the order in which you added them: folded from their own few facts."""
    await read.seen(HEAD)
    fold = address_books(caller.user_id).fold
    book, version = fold.initial, 0
    for fact in await read.shop.store.read([address_books(caller.user_id).stream]):
        book, version = fold.evolve(book, fact.event), fact.version
    kept = [KeptAddress(address_id=address_id, **asdict(address)) for address_id, address in book.items()]
    return KeptAddresses(data=kept, version=version)
