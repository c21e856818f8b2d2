"""Which addresses are taken, and that none reaches further than it says."""

import logging
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.receivers import mail_server, web_hook

from bugflow.domain.channels import ChannelKind
from bugflow.errors import RefusedAddress, Undelivered
from bugflow.notify import notifier as notifiers
from bugflow.notify.addresses import PROVIDERS, Address, read_address
from bugflow.notify.guard import PrivateReceiver, is_public, public_only
from bugflow.notify.messages import Event, Message, without_commands
from bugflow.notify.notifier import Notifier

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = (
    "https://prod-10.westus.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A"
)
TEST = Message("k" * 32, (), "")


def read(text: str, *, allow_private: bool = False, has_mail_server: bool = True) -> Address:
    return read_address(text, has_mail_server=has_mail_server, allow_private=allow_private)


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("ann@example.com", ChannelKind.EMAIL, "ann@example.com"),
        (" ann@example.com ", ChannelKind.EMAIL, "ann@example.com"),
        ("mailtos://u:secretsecret@example.com?to=a@b.org", ChannelKind.EMAIL, "a@b.org by example.com"),
        (SLACK, ChannelKind.SLACK, "…i7FQ"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", ChannelKind.SLACK, "…"),
        (TEAMS, ChannelKind.TEAMS, "prod-10.westus.logic.azure.com/…"),
        ("https://discord.com/api/webhooks/1234567890/AAAAAAAAAAAAAAAAbbbb", ChannelKind.DISCORD, "…bbbb"),
        ("mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4", ChannelKind.MATTERMOST, "chat.example.com/…"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", ChannelKind.TELEGRAM, "…"),
        ("ntfys://ntfy.example.com/topic?token=tk_secretsecret", ChannelKind.NTFY, "ntfy.example.com/…"),
        ("jsons://user:secretsecret@example.com/a?+X-Token=secretsecret", ChannelKind.WEBHOOK, "example.com/…"),
    ],
)
def test_an_address_is_understood_and_shown_without_its_secrets(text: str, kind: ChannelKind, shown: str) -> None:
    address = read(text)
    assert (address.kind, address.shown, address.text) == (kind, shown, text.strip())
    for hidden in (address.shown, repr(address)):
        assert "secretsecret" not in hidden
        assert "TIiajkdn" not in hidden
        assert "KODuebWb" not in hidden


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann", "neither"),
        ("ann@", "neither"),
        ("ann@localhost", "neither"),
        ("änn@example.com", "neither"),
        ("ann@example.com,bob@example.com", "neither"),
        ("ann@example.com\nBcc: all@example.com", "invisible"),
        ("Ann <ann@example.com>", "spaces"),
        ("exec://rm", "'exec://' is not taken"),
        ("file:///etc/passwd", "'file://' is not taken"),
        ("dbus://", "is not taken"),
        ("syslog://", "is not taken"),
        ("windows://", "is not taken"),
        ("apprise://example.com/token", "is not taken"),
        ("ftp://example.com", "is not taken"),
        ("https://example.com/hook", "jsons://"),
        ("http://169.254.169.254/latest/meta-data", "jsons://"),
        ("slack://", "https://hooks.slack.com"),
        ("slack://T1JJ3T3L2", "https://hooks.slack.com"),
        ("jsons://", "jsons://example.com/path"),
        ("mailtos://u:p@example.com", ""),
        ("mailtos://u:p@example.com/a@b.org/c@d.org", "several receivers"),
        ("tgram://123456789:abcdefg_hijklmnop/1/2", "several receivers"),
        (SLACK + "?template=/etc/passwd", "'template'"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=file:///etc/passwd", "'template'"),
        (TEAMS + "&template=/etc/passwd", "'template'"),
        (TEAMS + "&TEMPLATE=/etc/passwd", "'template'"),
        ("mailtos://u:p@example.com?to=a@b.org&pgp=encrypt&pgppub=/etc/passwd", "'pgp'"),
        ("mailtos://u:p@example.com?to=a@b.org&bcc=c@d.org", "'bcc'"),
        ("mailtos://u:p@example.com?to=a@b.org&verify=no", "'verify'"),
        ("mailtos://u:p@example.com?to=a@b.org&%2BBcc=c@d.org", "'+bcc'"),
        ("jsons://example.com/x?method=DELETE", "'method'"),
        ("jsons://example.com/x?verify=no", "'verify'"),
        ("jsons://example.com/x?redirect=yes", "'redirect'"),
        ("jsons://example.com/x?rto=100000", "'rto'"),
        ("ntfys://ntfy.example.com/topic?attach=file:///etc/passwd", "'attach'"),
    ],
)
def test_what_is_no_address_or_may_do_more_than_tell_is_refused(text: str, said: str) -> None:
    if text == "mailtos://u:p@example.com":  # tells its own sender
        assert read(text).shown == "u@example.com by example.com"
        return
    with pytest.raises(RefusedAddress) as refused:
        read(text)
    assert said in str(refused.value)
    assert "KODuebWb" not in str(refused.value)
    assert "TIiajkdn" not in str(refused.value)


def test_a_bare_mail_address_needs_a_mail_server() -> None:
    with pytest.raises(RefusedAddress, match="BUGFLOW_SMTP_URL"):
        read("ann@example.com", has_mail_server=False)


PRIVATE = ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0"]


@pytest.mark.parametrize("host", [*PRIVATE, "[::ffff:10.0.0.1]", "db.internal", "100.64.0.1"])
@pytest.mark.parametrize("form", ["jsons://{}/x", "ntfys://{}/topic", "mmost://{}/3ccdd113474722377935511fc85d3dd4"])
def test_a_private_address_is_refused_unless_it_is_allowed(form: str, host: str) -> None:
    with pytest.raises(RefusedAddress, match=r"private network|should look like"):
        read(form.format(host))
    if not host.startswith("["):
        assert read(form.format(host), allow_private=True).shown == f"{host}/…"


def test_a_mail_server_in_a_private_network_is_refused() -> None:
    with pytest.raises(RefusedAddress, match="private network"):
        read("mailto://u:p@example.com?to=a@b.org&smtp=10.0.0.1")


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1::1", "example.com", "localhost.example.com"])
def test_a_public_host_is_one(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "2002:7f00:1::", "224.0.0.1", "fe80::1%eth0", "LOCALHOST."])
def test_a_host_that_only_looks_public_is_not(host: str) -> None:
    assert not is_public(host)


class TestAtSendingTime:
    """A name is looked up only then, so it may lead anywhere: here to this machine."""

    @pytest.fixture(autouse=True)
    def _rebound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        look_up = socket.getaddrinfo

        def lie(host: object, *args: object, **more: object) -> object:
            return look_up("127.0.0.1" if host == "hook.example.com" else host, *args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", lie)

    def test_a_name_that_leads_into_a_private_network_gets_nothing(self) -> None:
        with web_hook() as hook:
            address = read(f"json://hook.example.com:{hook.port}/x")
            with pytest.raises(Undelivered, match="private network"):
                Notifier().send(address.text, address.kind, TEST)
            assert hook.posted == []

    def test_nor_does_a_mail_server_of_such_a_name(self) -> None:
        with mail_server() as mail:
            address = read(f"mailto://hook.example.com:{mail.port}?from=a@b.org&to=c@d.org")
            with pytest.raises(Undelivered, match="private network"):
                Notifier().send(address.text, address.kind, TEST)
            assert mail.mails == []

    def test_where_private_receivers_are_allowed_it_does(self) -> None:
        with web_hook() as hook:
            address = read(f"json://hook.example.com:{hook.port}/x", allow_private=True)
            Notifier(allow_private=True).send(address.text, address.kind, TEST)
            assert hook.keys == [TEST.key]

    def test_the_mail_server_of_the_installation_may_be_private(self) -> None:
        with mail_server() as mail:
            Notifier(mail_server=mail.url).send("ann@example.com", ChannelKind.EMAIL, TEST)
            assert mail.receivers == ["ann@example.com"]


def test_only_the_thread_that_sends_is_guarded() -> None:
    with web_hook() as hook:
        with public_only(), pytest.raises(PrivateReceiver):
            socket.create_connection(("127.0.0.1", hook.port), timeout=5)
        socket.create_connection(("127.0.0.1", hook.port), timeout=5).close()


def test_a_redirect_is_not_followed() -> None:
    with web_hook() as end, web_hook(status=307, location=f"http://127.0.0.1:{end.port}/end") as hook:
        with pytest.raises(Undelivered, match="307"):
            Notifier(allow_private=True).send(hook.url, ChannelKind.WEBHOOK, TEST)
        assert (len(hook.posted), end.posted) == (1, [])


def test_a_receiver_that_does_not_come_to_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifiers, "LONGEST_SECONDS", 0.5)
    with web_hook(pause_seconds=30) as slow, pytest.raises(Undelivered, match="took longer"):
        Notifier(allow_private=True).send(slow.url, ChannelKind.WEBHOOK, TEST)


def test_a_receiver_that_is_not_there_is_said_to_be_unreachable() -> None:
    with web_hook() as gone:
        url = gone.url
    with pytest.raises(Undelivered, match="cannot be reached"):
        Notifier(allow_private=True).send(url, ChannelKind.WEBHOOK, TEST)
    with pytest.raises(Undelivered, match="mail server cannot be reached"):
        Notifier(mail_server=url.replace("json", "mailto").replace("/hook", "?from=a@b.org")).send(
            "ann@example.com", ChannelKind.EMAIL, TEST
        )


def test_without_a_mail_server_any_more_that_is_said() -> None:
    with pytest.raises(Undelivered, match="BUGFLOW_SMTP_URL"):
        Notifier().send("ann@example.com", ChannelKind.EMAIL, TEST)


def test_secrets_are_in_no_log() -> None:
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("apprise"):
                said.append(record.getMessage())

    ear = Ear()
    logging.getLogger().addHandler(ear)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    try:
        with web_hook(status=500) as hook, pytest.raises(Undelivered) as refused:
            url = hook.url.replace("/hook", "/TOPSECRET?+X=TOPSECRET").replace("://", "://user:TOPSECRET@")
            read(url, allow_private=True)
            Notifier(allow_private=True).send(url, ChannelKind.WEBHOOK, TEST)
    finally:
        logging.getLogger("apprise").setLevel(logging.NOTSET)
        logging.getLogger().removeHandler(ear)
    assert hook.paths == ["/TOPSECRET"]
    assert "TOPSECRET" not in "".join([*said, str(refused.value)])


def test_a_chat_is_given_no_commands() -> None:
    said = without_commands("@everyone <!channel> <b>x</b> [a](http://evil.example) a@b.c")
    for command in ("@e", "<!", "<b", "](", "@b"):
        assert command not in said
    assert said.replace("\N{WORD JOINER}", "") == "@everyone <!channel> <b>x</b> [a](http://evil.example) a@b.c"


@pytest.mark.parametrize(
    ("form", "field"),
    [("mmost://127.0.0.1:{}/3ccdd113474722377935511fc85d3dd4", "text"), ("ntfy://127.0.0.1:{}/t", "message")],
)
def test_a_chat_gets_text_with_the_link_as_it_is(form: str, field: str) -> None:
    url = "https://bugs.example.com/bug?id=7"
    event = Event("moved", 7, "Ask @everyone", "ann moved it.", url, datetime(2026, 3, 1, tzinfo=UTC))
    with web_hook() as hook:
        address = read(form.format(hook.port), allow_private=True)
        Notifier(allow_private=True).send(address.text, address.kind, Message("k" * 32, (event,), ""))
    said = hook.posted[0][field]
    assert f"#7 Ask @\N{WORD JOINER}everyone\nann moved it.\n{url}" in said


def test_a_message_that_is_too_long_counts_what_it_leaves_out() -> None:
    events = tuple(
        Event("moved", n, f"Bug {n}", "ann moved it.", "", datetime(2026, 3, 1, tzinfo=UTC)) for n in range(50)
    )
    text = Message("k", events, "").text(max_characters=500)
    assert len(text) <= 500
    n_told = text.count("ann moved it.")
    assert f"And {50 - n_told} more bugs in BugFlow." in text
    assert Message("k", events, "").text().count("ann moved it.") == 50


def test_every_kind_of_channel_has_a_provider_and_an_example_that_says_how_it_looks() -> None:
    assert [provider.kind for provider in PROVIDERS] == list(ChannelKind)
    assert all("://" in provider.example for provider in PROVIDERS)


def test_apprise_is_not_imported_until_it_is_needed() -> None:
    code = "import sys, bugflow.api.app, bugflow.runtime; print('apprise' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"
