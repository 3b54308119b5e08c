"""The local inbox: a real SMTP server that keeps every message and delivers none."""

import json
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE, EXIT_USAGE
from cart_recovery.inbox import Inbox, list_inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox(tmp_path / "data" / "inbox")
    inbox.start()
    yield inbox
    inbox.stop()


def deliver(inbox: Inbox, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@shop.example", "ada@shoppers.example", subject
    message.set_content(f"Grüße: https://shop.example/c/{subject}\n")
    message.add_alternative(f"<p>{subject}</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", inbox.port) as client:
        client.send_message(message)


def test_every_message_is_a_file_in_the_order_of_arrival(inbox: Inbox) -> None:
    for subject in ("one", "two"):
        deliver(inbox, subject)
    arrivals = inbox.take()
    assert [(one.number, one.recipient, one.message["Subject"]) for one in arrivals] == [
        (1, "ada@shoppers.example", "one"),
        (2, "ada@shoppers.example", "two"),
    ]
    assert [path for _, path in list_inbox(inbox.directory)] == [one.path for one in arrivals]
    assert inbox.take() == []


def test_a_link_is_found_in_the_text_part(inbox: Inbox) -> None:
    deliver(inbox, "one")
    assert inbox.take()[0].link(r"https?://\S+/c/\S+") == "https://shop.example/c/one"


def test_numbers_go_on_after_a_restart(inbox: Inbox) -> None:
    deliver(inbox, "one")
    again = Inbox(inbox.directory)
    again.start()
    deliver(again, "two")
    assert [one.number for one in again.take()] == [2]
    again.stop()


def test_the_command_lists_and_opens_messages(inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(inbox, "one")
    data = str(inbox.directory.parent)
    assert main(["inbox", "--data", data, "--json"]) == EXIT_DONE
    assert [row["subject"] for row in json.loads(capsys.readouterr().out)] == ["one"]
    assert main(["inbox", "1", "--data", data]) == EXIT_DONE
    opened = capsys.readouterr().out
    assert "Grüße" in opened
    page = Path(opened.rsplit("HTML part: ", 1)[1].strip())
    assert page.read_text().strip() == "<p>one</p>"


def test_an_empty_inbox_names_those_that_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inbox", "--data", str(tmp_path)]) == EXIT_DONE
    assert capsys.readouterr().out == f"no e-mails in {tmp_path}/inbox\n"
    (tmp_path / "rehearsal" / "inbox").mkdir(parents=True)
    main(["inbox", "--data", str(tmp_path)])
    assert capsys.readouterr().out.endswith(f"; others: --data {tmp_path}/rehearsal\n")


def test_a_message_that_is_not_there_is_refused(inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inbox", "7", "--data", str(inbox.directory.parent)]) == EXIT_USAGE
    assert "there is no e-mail 7" in capsys.readouterr().err
