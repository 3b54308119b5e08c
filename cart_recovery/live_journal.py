"""The journal of a deployment as it is now, for the commands that only ask."""

from typing import TYPE_CHECKING

from cart_recovery.exits import CommandError
from cart_recovery.settings import Settings
from cart_recovery.terminal import Progress

if TYPE_CHECKING:
    import polars as pl


def live_journal(settings: Settings) -> "pl.DataFrame":
    """(sequence, payload) of every message. Raises JournalUnreadable, and CommandError where nothing happened yet."""
    from audit.journal import read_journal
    from cart_recovery.nats_server import attached

    # Whoever only asks leaves no server's store behind, least of all in a directory that was mistyped.
    if settings.nats.url is None and not settings.nats_directory.is_dir():
        runs = [path for name in ("demo", "rehearsal") if (path := settings.data_directory / name).is_dir()]
        hint = "".join(f"; for the last {path.name}: --data {path}" for path in runs)
        raise CommandError(f"there is no journal in {settings.data_directory} yet; `cart-recovery up` begins one{hint}")
    credentials = settings.nats.credentials_file
    progress = Progress("journal")
    with attached(settings) as nats:
        journal = read_journal(nats.url, str(credentials) if credentials else None, progress=progress.count)
    progress.close()
    if journal.is_empty():
        raise CommandError("the journal is empty: nothing has happened yet")
    return journal
