"""Problem details, RFC 9457."""

from pydantic import BaseModel


class FieldProblem(BaseModel):
    """One thing wrong with a body.

    Attributes:
        path: Where: `body.correction_team`, `query.limit`.
    """

    path: str
    message: str


class Problem(BaseModel):
    """Why a request was refused. `code` is stable; `detail` says what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] | None = None
