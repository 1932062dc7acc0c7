"""A post that keeps the letters to accounts, and finds what is in them."""

from infrastructure.mail.post import Letter, MailUnavailable
from tests.waiting import eventually

TOKEN_CHARACTERS = 43
"""32 bytes in base64."""


class Mailbox:
    """What has been sent since it was opened; `away` says that the mail server is."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.away = False

    async def send(self, letter: Letter) -> None:
        if self.away:
            raise MailUnavailable("no route")
        self.letters.append(letter)

    async def letter(self, to: str, about: str) -> Letter:
        """The newest one to this address with these words in its subject; waits for it."""

        def found() -> list[Letter]:
            return [each for each in self.letters if each.to == to and about in each.subject]

        async def came() -> bool:
            return bool(found())

        await eventually(came)
        return found()[-1]

    async def token(self, to: str, about: str) -> str:
        """What is in that letter."""
        text = (await self.letter(to, about)).text
        return next(word for word in text.split() if len(word) == TOKEN_CHARACTERS)
