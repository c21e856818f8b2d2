"""Deliveries as durable workflows: one for each turn of a channel, so that a slow receiver delays no other."""

from collections.abc import Callable

from dbos import DBOS, SetWorkflowID

from bugflow.runtime import Runtime
from bugflow.services import deliveries
from bugflow.worker.retraining import AGAIN

Deliver = Callable[[int, int], None]


def make_delivery(runtime: Runtime) -> Deliver:
    """Register the workflow and its step with the jobs of this process; it is called with a channel and its turn."""

    @DBOS.step(name="deliver_next", **AGAIN)
    def deliver_next(channel_id: int, turn: int) -> bool:
        return deliveries.deliver_next(runtime.database, runtime.notifier, channel_id, turn, clock=runtime.clock)

    @DBOS.workflow(name="deliver")
    def deliver(channel_id: int, turn: int) -> None:
        while deliver_next(channel_id, turn):
            pass

    return deliver


def start_due(runtime: Runtime, deliver: Deliver) -> None:
    """Start what is due now."""
    daily_hour = runtime.notifier.daily_hour
    for channel_id, turn in deliveries.begin_turns(runtime.database, now=runtime.clock(), daily_hour=daily_hour):
        with SetWorkflowID(f"deliver-{channel_id}-{turn}"):
            DBOS.start_workflow(deliver, channel_id, turn)
