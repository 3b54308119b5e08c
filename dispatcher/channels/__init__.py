"""The channels. Every module here that defines `open_channel` is one: the next channel is one new file."""

from importlib import import_module
from pkgutil import iter_modules

from dispatcher.channels.channel import Channel
from dispatcher.settings import DispatcherSettings


def open_channels(settings: DispatcherSettings) -> list[Channel]:
    """Every channel that the settings give a provider."""
    channels: list[Channel] = []
    for module_info in iter_modules(__path__):
        module = import_module(f"{__name__}.{module_info.name}")
        open_channel = getattr(module, "open_channel", None)
        channel = open_channel(settings) if open_channel is not None else None
        if channel is not None:
            channels.append(channel)
    return channels
