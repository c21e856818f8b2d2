"""All tables, one file a noun; importing this package fills the metadata."""

from bugflow.db.base import Base
from bugflow.db.tables.accounts import SignIn, User
from bugflow.db.tables.attachments import Attachment
from bugflow.db.tables.audit import AuditEntry, AuditHead
from bugflow.db.tables.bugs import Bug, BugEvent, ImportedBug
from bugflow.db.tables.channels import Channel, Delivery
from bugflow.db.tables.comments import Comment
from bugflow.db.tables.duplicates import BugFingerprint, BugFollower, DuplicateLink, DuplicateVerdict
from bugflow.db.tables.experiments import Experiment, SilentPrediction
from bugflow.db.tables.feedback import Feedback
from bugflow.db.tables.idempotency import IdempotencyKey
from bugflow.db.tables.notifications import Notification
from bugflow.db.tables.pins import PinRow
from bugflow.db.tables.predictions import PredictionRow
from bugflow.db.tables.registry import GateVerdict, ModelRow, ModelStage, PromiseRow, RetrainingRun
from bugflow.db.tables.review import ReviewRequest
from bugflow.db.tables.teams import Project, Team

__all__ = [
    "Attachment",
    "AuditEntry",
    "AuditHead",
    "Base",
    "Bug",
    "BugEvent",
    "BugFingerprint",
    "BugFollower",
    "Channel",
    "Comment",
    "Delivery",
    "DuplicateLink",
    "DuplicateVerdict",
    "Experiment",
    "Feedback",
    "GateVerdict",
    "IdempotencyKey",
    "ImportedBug",
    "ModelRow",
    "ModelStage",
    "Notification",
    "PinRow",
    "PredictionRow",
    "Project",
    "PromiseRow",
    "RetrainingRun",
    "ReviewRequest",
    "SignIn",
    "SilentPrediction",
    "Team",
    "User",
]
