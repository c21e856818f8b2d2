"""Attachments on the wire; the bytes go as multipart in and as a download out."""

from bugflow.schemas.base import Moment, Named, Read


class AttachmentRead(Read):
    id: int
    bug_id: int
    uploader: Named
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: Moment
