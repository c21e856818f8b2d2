"""Addresses of receivers: which are taken, what each may contain, how Apprise reads them."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bugflow.domain.channels import ChannelKind
from bugflow.errors import RefusedAddress
from bugflow.notify.guard import is_public

if TYPE_CHECKING:
    from apprise import AppriseAsset
    from apprise.plugins.base import NotifyBase

MIN_SECRET_CHARACTERS = 16
"""Of a shorter last part nothing is shown: its end would be half of it."""

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Provider:
    """One of Apprise's plugins, and what of it is let in.

    Attributes:
        plugin: Its module and class. Only this one is imported: all of Apprise's 150 take half a second.
        parameters: What may stand behind the `?`. The others could read a file of this machine (`template`, `pgpkey`),
            turn off the check of certificates (`verify`) or send requests of another kind (`method`).
        has_own_host: Whether people run it themselves, so that the address says where.
    """

    kind: ChannelKind
    plugin: tuple[str, str]
    schemas: tuple[str, ...]
    example: str
    parameters: frozenset[str] = frozenset()
    has_own_host: bool = False


PROVIDERS = (
    Provider(
        ChannelKind.EMAIL,
        ("email", "NotifyEmail"),
        ("mailto", "mailtos"),
        "mailtos://USER:PASSWORD@example.com?to=ann@example.com",
        frozenset({"smtp", "from", "name", "to", "mode", "user", "pass"}),
        has_own_host=True,
    ),
    Provider(
        ChannelKind.SLACK,
        ("slack", "NotifySlack"),
        ("slack",),
        "https://hooks.slack.com/services/T…/B…/…",
    ),
    Provider(
        ChannelKind.TEAMS,
        ("workflows", "NotifyWorkflows"),
        ("workflow", "workflows"),
        "https://….logic.azure.com/workflows/…/triggers/manual/paths/invoke?…",
        frozenset({"api-version", "ver", "sp", "sv", "sig", "signature", "id", "workflow", "pa", "route", "routeid"}),
        has_own_host=True,
    ),
    Provider(
        ChannelKind.DISCORD,
        ("discord", "NotifyDiscord"),
        ("discord",),
        "https://discord.com/api/webhooks/…/…",
        frozenset({"thread"}),
    ),
    Provider(
        ChannelKind.MATTERMOST,
        ("mattermost", "NotifyMattermost"),
        ("mmost", "mmosts"),
        "mmosts://chat.example.com/TOKEN",
        frozenset({"to", "channel"}),
        has_own_host=True,
    ),
    Provider(
        ChannelKind.TELEGRAM,
        ("telegram", "NotifyTelegram"),
        ("tgram",),
        "tgram://BOT_TOKEN/CHAT_ID",
        frozenset({"to", "topic", "thread"}),
    ),
    Provider(
        ChannelKind.NTFY,
        ("ntfy", "NotifyNtfy"),
        ("ntfy", "ntfys"),
        "ntfys://ntfy.example.com/TOPIC",
        frozenset({"auth", "token", "priority", "to"}),
        has_own_host=True,
    ),
    Provider(
        ChannelKind.WEBHOOK,
        ("custom_json", "NotifyJSON"),
        ("json", "jsons"),
        "jsons://example.com/path",
        has_own_host=True,
    ),
)
_BY_SCHEMA = {schema: provider for provider in PROVIDERS for schema in provider.schemas}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to tell somebody.

    Attributes:
        text: With all its secrets.
        shown: Without them.
    """

    kind: ChannelKind
    text: str = field(repr=False)
    shown: str


def read_address(text: str, *, has_mail_server: bool, allow_private: bool) -> Address:
    """Understand an e-mail address, the address of a web hook as its service shows it, or one of Apprise's.

    Nothing is looked up or asked of the network.

    Raises:
        RefusedAddress: It is none, not of a kind that is taken, or leads into a private network.
    """
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise RefusedAddress(reason="it holds spaces or invisible characters.")
    if "://" not in text:
        return _read_email(text, has_mail_server=has_mail_server)
    provider, facts = _understand(text)
    plugin = make_plugin(provider, facts)
    if len(plugin) > 1:
        raise RefusedAddress(reason="it names several receivers. Add a channel for each of them.")
    if plugin.port and not 0 < plugin.port < 65536:
        raise RefusedAddress(reason=f"there is no port {plugin.port}.")
    host = str(getattr(plugin, "smtp_host", "") or plugin.host or "")
    if provider.has_own_host and not allow_private and not is_public(host):
        raise RefusedAddress(
            reason="it lies in a private network. Whoever runs BugFlow can allow that: BUGFLOW_ALLOW_PRIVATE_RECEIVERS."
        )
    return Address(provider.kind, text, _shown(provider, plugin, host, text))


def open_plugin(address: str) -> "NotifyBase":
    """What sends to an address that was read before.

    Raises:
        RefusedAddress: It is not taken, or no more.
    """
    return make_plugin(*_understand(address))


def _read_email(text: str, *, has_mail_server: bool) -> Address:
    if not _EMAIL.fullmatch(text):
        raise RefusedAddress(reason="it is neither an e-mail address nor the address of a web hook.")
    if not has_mail_server:
        raise RefusedAddress(
            reason="BugFlow has no mail server. Whoever runs it can name one: BUGFLOW_SMTP_URL. "
            "Or name your own: mailtos://USER:PASSWORD@example.com?to=you@example.com."
        )
    return Address(ChannelKind.EMAIL, text, text)


def _understand(text: str) -> tuple[Provider, dict[str, Any]]:
    """The provider of an address, and what its plugin reads in it."""
    schema = text.partition("://")[0].casefold()
    facts: dict[str, Any] | None = None
    if schema in {"https", "http"}:
        provider, facts = _read_web_hook(text)
    else:
        found = _BY_SCHEMA.get(schema)
        if found is None:
            taken = ", ".join(sorted(_BY_SCHEMA))
            raise RefusedAddress(reason=f"'{schema[:20]}://' is not taken. Taken are: {taken}, and e-mail addresses.")
        provider = found
        facts = plugin_class(provider).parse_url(text)
    if not facts:
        raise RefusedAddress(reason=f"it cannot be read. It should look like {provider.example}")
    refused = sorted(name for name in facts["qsd"] if not _is_taken(provider, name))
    if refused:
        raise RefusedAddress(reason=f"'{refused[0][:40]}' may not stand behind the question mark.")
    return provider, facts


def _is_taken(provider: Provider, name: str) -> bool:
    is_header = provider.kind is ChannelKind.WEBHOOK and name.startswith("+")
    return name in provider.parameters or is_header


def _read_web_hook(text: str) -> tuple[Provider, dict[str, Any]]:
    for provider in PROVIDERS:
        if provider.example.startswith("https://"):
            facts = plugin_class(provider).parse_native_url(text)
            if facts:
                return provider, facts
    raise RefusedAddress(
        reason="it is no web hook of Slack, Teams (Workflows) or Discord. "
        "For a receiver of your own write jsons:// in place of https://."
    )


def plugin_class(provider: Provider) -> "type[NotifyBase]":
    """The plugin, imported when it is first asked for: Apprise takes a quarter of a second."""
    module, name = provider.plugin
    logging.getLogger("apprise").propagate = False  # what it says may hold an address with its secrets
    found: type[NotifyBase] = getattr(import_module(f"apprise.plugins.{module}"), name)
    return found


@lru_cache
def _asset() -> "AppriseAsset":
    """What all plugins share: no file is kept, no redirect followed, no picture fetched from elsewhere."""
    from apprise import AppriseAsset  # noqa: PLC0415 - see `plugin_class`

    return AppriseAsset(
        app_id="BugFlow",
        app_desc="BugFlow",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        http_redirects=False,
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
    )


def make_plugin(provider: Provider, facts: Mapping[str, Any]) -> "NotifyBase":
    """A plugin for what was read in an address.

    Raises:
        RefusedAddress: Something is missing or wrong in it.
    """
    try:
        return plugin_class(provider)(**{**facts, "asset": _asset(), "include_image": False})
    except TypeError as error:  # the family of Apprise's AppriseImproperlyConfigured
        raise RefusedAddress(reason=f"something is missing or wrong. It should look like {provider.example}") from error


def _shown(provider: Provider, plugin: "NotifyBase", host: str, text: str) -> str:
    if provider.kind is ChannelKind.EMAIL:
        ((_, email),) = plugin.targets  # type: ignore[attr-defined]  # a mail plugin has them
        return f"{email} by {host}"[:400]
    if provider.has_own_host:
        return f"{host}/…"[:400]
    last = re.split(r"[/=?&#]", text.rstrip("/"))[-1]
    return f"…{last[-4:]}" if len(last) >= MIN_SECRET_CHARACTERS else "…"
