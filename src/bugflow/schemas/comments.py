"""Comments on the wire."""

from typing import Annotated

from pydantic import Field

from bugflow.schemas.base import Body, Moment, Named, NotBlank, Read, Storable
from bugflow.schemas.pages import Page

CommentText = Annotated[str, Field(min_length=1, max_length=20_000), Storable, NotBlank]


class CommentWrite(Body):
    text: CommentText


class CommentRead(Read):
    id: int
    bug_id: int
    author: Named
    text: str
    created_at: Moment
    edited_at: Moment | None


CommentPage = Page[CommentRead]
