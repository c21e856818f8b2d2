"""An S3 server that really answers, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest
from fsspec import get_filesystem_class, url_to_fs
from moto.server import ThreadedMotoServer


@dataclass(frozen=True)
class S3:
    """A server with one bucket, `bucket`."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it, as an installation sets it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def allow(self, monkeypatch: pytest.MonkeyPatch, **other: str) -> None:
        """Let this process use it, or what else is said."""
        for name, value in {**self.environment, **other}.items():
            monkeypatch.setenv(name, value)
        get_filesystem_class("s3").clear_instance_cache()  # it connects once a process

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While nobody's credentials are good for anything."""
        self._count_unchecked(b"0")
        try:
            yield
        finally:
            self._count_unchecked(b"inf")

    def _count_unchecked(self, n: bytes) -> None:
        httpx2.post(f"{self.url}/moto-api/reset-auth", content=n, trust_env=False).raise_for_status()


@contextmanager
def running_s3() -> Iterator[S3]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        s3 = S3(f"http://{host}:{port}")
        httpx2.post(f"{s3.url}/moto-api/reset", trust_env=False).raise_for_status()  # one state for all of a process
        with pytest.MonkeyPatch.context() as patched:
            s3.allow(patched)
            files, _ = url_to_fs("s3://bucket", skip_instance_cache=True)
            files.mkdir("bucket")
        yield s3
    finally:
        server.stop()
