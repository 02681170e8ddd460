"""The registry's resources over HTTP; see `contract` for what is said."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from pynomaly_inference.registry import artifacts, versions
from pynomaly_inference.registry.body import within
from pynomaly_inference.registry.contract import (
    DIGEST_HEADER,
    INFO_HEADER,
    MAX_INFO_HEADER,
    ModelInfo,
    Sha256,
    TrainingKey,
    VersionNumber,
    decode_digest,
    decode_info,
)
from pynomaly_inference.registry.download import Download, NotModified
from pynomaly_inference.registry.problems import Problem
from pynomaly_inference.registry.publishing import Published, publish, recorded
from pynomaly_inference.registry.services import Parts, Publishable, Readable, Services
from pynomaly_inference.registry.spool import Spooled, spooled, too_large
from pynomaly_inference.registry.versions import Version

router = APIRouter(prefix="/v1/detectors/{namespace}/{uid}")
_PAGE = 100
_LARGEST_PAGE = 1000


@router.put("/fingerprints/{fingerprint}")
async def put_model(
    request: Request, parts: Parts, detector: Publishable, fingerprint: Annotated[Sha256, Path()]
) -> Response:
    """201 with the new version; 200 with the one that the fingerprint has, whatever the body is then."""
    key = TrainingKey(**detector.model_dump(), fingerprint=fingerprint)
    promised = _promised_digest(request)
    info = _info(request)
    _check_head(request, parts.settings.max_model_bytes)
    found = await recorded(parts.database, key)
    if found is not None:
        return JSONResponse(_shown(found), 200)
    published = await _receive(request, parts, key, (promised, info))
    return JSONResponse(_shown(published.version), 201 if published.new else 200)


@router.get("/fingerprints/{fingerprint}")
async def get_fingerprint(parts: Parts, detector: Readable, fingerprint: Annotated[Sha256, Path()]) -> Response:
    """The version that was trained for this fingerprint."""
    found = await recorded(parts.database, TrainingKey(**detector.model_dump(), fingerprint=fingerprint))
    return _shown_or_404(found, "no version of this detector has this fingerprint")


@router.get("/versions")
async def list_versions(
    parts: Parts,
    detector: Readable,
    limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = _PAGE,
    before: Annotated[VersionNumber | None, Query()] = None,
) -> Response:
    """The newest versions; `before` asks for those older than one that was seen. None is no failure."""
    async with parts.database.reading() as connection:
        found = await versions.newest(connection, detector, limit, before)
    return JSONResponse({"versions": [_shown(version) for version in found]})


@router.get("/versions/{number}")
async def get_version(parts: Parts, detector: Readable, number: Annotated[VersionNumber, Path()]) -> Response:
    """One version."""
    async with parts.database.reading() as connection:
        found = await versions.by_number(connection, detector, number)
    return _shown_or_404(found, f"this detector has no version {number}")


@router.get("/models/{digest}")
async def get_model(request: Request, parts: Parts, detector: Readable, digest: Annotated[Sha256, Path()]) -> Response:
    """The model file."""
    async with parts.database.reading() as connection:
        found = await artifacts.find(connection, detector, digest)
    if found is None:
        raise Problem(404, "this detector has no model with this digest")
    if request.headers.get("if-none-match") == f'"{digest}"':
        return NotModified(found)
    return Download(found, parts)


async def _receive(request: Request, parts: Services, key: TrainingKey, promised: tuple[bytes, ModelInfo]) -> Published:
    digest, info = promised
    settings = parts.settings
    async with parts.uploads:
        body = within(request.stream(), settings.transfer_seconds)
        async with spooled(body, settings.spool, settings.max_model_bytes) as upload:
            _check_digest(upload, digest)
            return await publish(parts.database, key, upload, info, parts.clock.now())


def _promised_digest(request: Request) -> bytes:
    values = request.headers.getlist(DIGEST_HEADER)
    digest = decode_digest(", ".join(values))
    if digest is None:
        raise Problem(400, f"send the body's SHA-256 as RFC 9530 has it: {DIGEST_HEADER}: sha-256=:BASE64:")
    return digest


def _check_digest(upload: Spooled, promised: bytes) -> None:
    if upload.sha256 != promised:
        raise Problem(
            400,
            f"the body has SHA-256 {upload.sha256.hex()}, {DIGEST_HEADER} promised {promised.hex()}: nothing is kept",
        )


def _info(request: Request) -> ModelInfo:
    value = request.headers.get(INFO_HEADER)
    if value is None:
        raise Problem(400, f"send what the model is in the header {INFO_HEADER}, as base64url of JSON")
    if len(value) > MAX_INFO_HEADER:
        raise Problem(431, f"{INFO_HEADER} is longer than {MAX_INFO_HEADER} characters")
    try:
        return decode_info(value)
    except ValueError as error:
        raise Problem(422, f"{INFO_HEADER} does not describe a model: {error}") from error


def _check_head(request: Request, most: int) -> None:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "send the model file as it is, without Content-Encoding")
    declared = request.headers.get("content-length", "0")
    if int(declared) > most:  # the HTTP parser lets only digits pass
        raise too_large(most)


def _shown_or_404(version: Version | None, missing: str) -> Response:
    if version is None:
        raise Problem(404, missing)
    return JSONResponse(_shown(version))


def _shown(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "digest": version.digest,
        "fingerprint": version.fingerprint,
        "size": version.size,
        "created": version.created.isoformat(),
        "model": json.loads(version.info),
    }
