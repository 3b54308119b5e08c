"""Lists the e-mails of the local inbox, or opens one.

Examples:
  cart-recovery inbox            all e-mails, oldest first
  cart-recovery inbox 3          the third one as text, and where its HTML part was written

"""

import argparse

from cart_recovery.exits import EXIT_DONE, EXIT_USAGE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("number", type=int, nargs="?", metavar="N", help="the e-mail to open")
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.inbox import html_of, list_inbox, read_message, text_of

    directory = settings_of(options).inbox_directory
    messages = dict(list_inbox(directory))
    if options.number is None:
        rows = [
            {"number": number, "to": message["To"], "subject": message["Subject"], "date": message["Date"]}
            for number, message in ((number, read_message(path)) for number, path in messages.items())
        ]
        if options.json:
            print_json(rows)
        else:
            for row in rows:
                print(f"{row['number']:>5}  {row['date'] or '':<32}{row['to'] or '':<44}  {row['subject']}")
            if not rows:
                others = "".join(f"; others: --data {one.parent}" for one in sorted(directory.parent.glob("*/inbox")))
                print(f"no e-mails in {directory}{others}")
        return EXIT_DONE
    if options.number not in messages:
        held = f"it holds 1 to {max(messages)}" if messages else "it is empty"
        raise CommandError(f"there is no e-mail {options.number} in {directory}; {held}", EXIT_USAGE)
    path = messages[options.number]
    message = read_message(path)
    page = path.with_suffix(".html")
    page.write_text(html_of(message))
    if options.json:
        headers = {name: str(value) for name, value in message.items()}
        print_json({"headers": headers, "text": text_of(message), "html_path": str(page), "path": str(path)})
        return EXIT_DONE
    for name in ("Date", "From", "To", "Subject", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"):
        if message[name] is not None:
            print(f"{name}: {message[name]}")
    print(f"\n{text_of(message).rstrip()}\n\nHTML part: {page}")
    return EXIT_DONE
