"""`daybook user`: accounts made by whoever runs the shop, above all the first administrator."""

import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import Misused, Refused
from api.cli.output import AsJson, say, say_json

if TYPE_CHECKING:
    from api.wiring import Shop

PASSWORD_VARIABLE = "DAYBOOK_USER_PASSWORD"

app = typer.Typer(help="Accounts.", no_args_is_help=True)


Role = Literal["customer", "staff", "admin"]


@app.callback()
def user() -> None:
    """Keeps `create` a command of its own."""


@app.command()
def create(
    email: Annotated[str, typer.Option(help="The address to sign in with.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")] = "customer",
    name: Annotated[str, typer.Option(help="Who it is.")] = "",
    make_password: Annotated[bool, typer.Option("--make-password", help="Make one and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open an account. The password is asked for on a terminal, or taken from DAYBOOK_USER_PASSWORD, or made up.

    It never stands on the command line, where other users of the machine could read it."""
    email = _address(email)
    password, made = _password(make_password)
    user_id = in_shop(lambda shop: _created(shop, email, password, role, name), tool_settings())
    if as_json:
        say_json({"user_id": user_id, "email": email, "role": role, **({"password": password} if made else {})})
    else:
        say(f"{email} is {user_id}, {role}.")
        if made:
            say(f"The password is {password}", "bold")


def _address(email: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise Misused(f"--email: {error}") from None


def _password(make: bool) -> tuple[str, bool]:
    """The password, and whether it was made here and must be shown."""
    from infrastructure.passwords import refusal

    given = os.environ.get(PASSWORD_VARIABLE)
    if make or (given is None and not sys.stdin.isatty()):
        return secrets.token_hex(8), True
    password: str = given or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if (refused := refusal(password)) is not None:
        raise Misused(f"a password has {refused[1]}" if refused[0] != "too_common" else refused[1])
    return password, False


async def _created(shop: "Shop", email: str, password: str, role: Role, name: str) -> str:
    from commands.user import GrantRole, RegisterUser, VerifyEmail
    from events.store import Metadata
    from events.values import UserId
    from infrastructure.ids import new_id

    user_id = UserId(new_id("usr"))
    if not await shop.accounts.add(user_id, email, password):
        raise Refused(f"there is an account with the address {email} already")
    # Whoever runs the shop vouches for the address.
    commands = RegisterUser(user_id, email, name), VerifyEmail(user_id, email), GrantRole(user_id, role)
    await shop.handler(*commands, metadata=Metadata(actor="system:cli", command="RegisterUser"))
    return user_id
