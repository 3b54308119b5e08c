"""Memory that a process holds."""

import os
from pathlib import Path


def resident_bytes(process_id: int) -> int:
    """What of a process lies in memory."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
