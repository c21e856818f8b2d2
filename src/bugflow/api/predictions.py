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
    body: PredictRequest,
    runtime: RuntimeDep,
    team_names: TeamNames,
    explain: Annotated[bool, Query()] = False,
    duplicates: Annotated[bool, Query(description="Whether to look for earlier reports that say the same.")] = True,
) -> PredictResponse:
    """Say how severe a report is, whose it is, and what it may repeat; nothing is saved."""
    n = predictions.N_DUPLICATES if duplicates else 0
    return predictions.predict(
        runtime.database,
        runtime.predictor,
        runtime.duplicates,
        body=body,
        teams=team_names,
        explain=explain,
        n_duplicates=n,
    )
