"""Letters leave by SMTP or into a folder; what a mail server says decides whether to try again."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from infrastructure.mail.post import FolderPost, Letter, MailUnavailable, SmtpPost, Undeliverable
from tests.integration.mail_server import MailServer, mail_server

SENDER = "Tea House <tea@example.org>"
LETTER = Letter("1@tea.example", "ann@example.org", "Tea House: grüß dich", "Dear Ann,\n\nhello.\n")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as serving:
        yield serving


async def test_a_letter_goes_out_by_smtp(server: MailServer) -> None:
    await SmtpPost(server.url, SENDER).send(LETTER)
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tea@example.org", ["ann@example.org"])
    _is_the_letter(envelope.content)


@pytest.mark.parametrize(
    ("to_recipient", "to_data", "raised"),
    [
        ("550 No such user", "250 OK", Undeliverable),
        ("450 Mailbox busy", "250 OK", MailUnavailable),
        ("250 OK", "554 Not wanted", Undeliverable),
        ("250 OK", "451 Try again", MailUnavailable),
    ],
)
async def test_the_servers_answer_says_whether_to_try_again(
    server: MailServer, to_recipient: str, to_data: str, raised: type[Exception]
) -> None:
    server.to_recipient, server.to_data = to_recipient, to_data
    with pytest.raises(raised):
        await SmtpPost(server.url, SENDER).send(LETTER)


async def test_a_server_that_is_away_is_asked_again_later(server: MailServer, unused_tcp_port: int) -> None:
    with pytest.raises(MailUnavailable):
        await SmtpPost(f"smtp://127.0.0.1:{unused_tcp_port}", SENDER).send(LETTER)


@pytest.mark.parametrize("url", ["http://mail.example.org", "smtp://", "mail.example.org"])
def test_what_is_no_mail_server_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="a mail server is"):
        SmtpPost(url, SENDER)


async def test_a_folder_holds_one_file_a_letter_however_often_it_is_sent(tmp_path: Path) -> None:
    post = FolderPost(tmp_path / "mailbox", SENDER)
    await post.send(LETTER)
    await post.send(LETTER)
    (file,) = (tmp_path / "mailbox").iterdir()
    assert file.name == "1.eml"
    _is_the_letter(file.read_bytes())


async def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "mailbox").write_text("not a folder")
    with pytest.raises(MailUnavailable):
        await FolderPost(tmp_path / "mailbox", SENDER).send(LETTER)


def _is_the_letter(content: Any) -> None:
    read = message_from_bytes(content, policy=policy.default)
    assert (read["From"], read["To"], read["Subject"]) == (SENDER, LETTER.to, LETTER.subject)
    assert read["Message-ID"] == "<1@tea.example>"
    assert read.get_content().replace("\r\n", "\n") == LETTER.text
