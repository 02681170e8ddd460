"""Where the operator tells which detectors live; see `contract` for what follows of it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from pynomaly_inference.registry import missing
from pynomaly_inference.registry.body import whole, within
from pynomaly_inference.registry.contract import (
    LIVING_PATH,
    MAX_LIVING,
    Forgetting,
    LivingDetectors,
)
from pynomaly_inference.registry.forgetting import forget
from pynomaly_inference.registry.problems import Problem
from pynomaly_inference.registry.services import OPERATOR, Parts

router = APIRouter()
_MOST_BYTES = 128 * MAX_LIVING
"""A UID and a namespace's name in JSON for each."""


@router.put(LIVING_PATH, dependencies=[OPERATOR])
async def put_living(request: Request, parts: Parts) -> Response:
    """200 with what the list came to."""
    body = await whole(within(request.stream(), parts.settings.transfer_seconds), _MOST_BYTES)
    await missing.record(parts.database, _parsed(body), parts.clock.now())
    forgotten = await forget(parts.database, parts.settings.deletions)
    parts.metrics.forgot(forgotten)
    lacking, confirmed = await missing.counted(parts.database)
    answer = Forgetting(missing=lacking, confirmed=confirmed, forgotten=forgotten.detectors)
    return JSONResponse(answer.model_dump(by_alias=True))


def _parsed(body: bytes) -> LivingDetectors:
    try:
        return LivingDetectors.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Problem(422, f"{where or 'the list'}: {first['msg']}") from error
