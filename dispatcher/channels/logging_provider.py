"""A provider for development: it writes that a message would have left, and no word of its content or recipient."""

import structlog

from dispatcher.channels.channel import Commit, Message, Receipt

log = structlog.get_logger(__name__)


class LoggingProvider:
    """Takes every message and sends none."""

    name = "logging"
    honours_key_seconds = 0

    async def send(self, message: Message, commit: Commit) -> Receipt:
        """Logs the send id and the sizes of the parts."""
        await commit()
        sizes = {part.name.lower(): len(text) for part, text in message.parts.items()}
        log.info("message_logged", send_id=message.send_id, **sizes)
        return Receipt(provider_message_id=message.send_id)

    async def close(self) -> None:
        """Holds nothing."""
