"""`POST /predict`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from bugflow.api.deps import May, RuntimeDep, TeamNames
from bugflow.domain.accounts import Action
from bugflow.schemas.predictions import PredictRequest, PredictResponse
from bugflow.services import predictions

router = APIRouter(tags=["triage"])


@router.post("/predict", dependencies=[Depends(May(Action.PREDICT))])
def predict(
    body: PredictRequest, runtime: RuntimeDep, team_names: TeamNames, explain: Annotated[bool, Query()] = False
) -> PredictResponse:
    """Say how severe a report is, whose it is, and what it may repeat; nothing is saved."""
    return predictions.predict(runtime.predictor, body=body, teams=team_names, explain=explain)
