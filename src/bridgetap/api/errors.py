"""What goes wrong, in the shape that Twilio's clients read (spec/twilio §5.1, A.7)."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bridgetap.errors import BridgetapError, Conflict, InvalidDefinition, InvalidInput, NotFound, ProviderError

log = structlog.get_logger(__name__)

INVALID_PARAMETER = 20001
AUTHENTICATE = 20003
METHOD_NOT_ALLOWED = 20004
PAGE_SIZE = 20007
NOT_FOUND = 20404
CONFLICT = 20409
TOO_LARGE = 20413
INTERNAL = 20500
UNAVAILABLE = 20503
CALL_STATE = 21220

MORE_INFO = "https://www.twilio.com/docs/errors/{code}"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Twilio API"'}

_STATUS_OF_CODE = {CONFLICT: 409, UNAVAILABLE: 503}
_CODE_OF_STATUS = {401: AUTHENTICATE, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE}


class ApiError(BridgetapError):
    """A request refused: the HTTP status, Twilio's code, and why."""

    def __init__(self, status: int, code: int, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


def invalid(name: str, rule: str, *, code: int = INVALID_PARAMETER) -> ApiError:
    """A parameter that breaks a rule. Its value is not repeated: it may be a secret."""
    return ApiError(400, code, f"{name}: {rule}")


def not_found(path: str) -> ApiError:
    return ApiError(404, NOT_FOUND, f"The requested resource {path} was not found")


def error_response(
    status: int,
    code: int,
    message: str,
    *,
    headers: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
) -> JSONResponse:
    """The body every refusal has."""
    body: dict[str, Any] = {
        "code": code,
        "message": message,
        "more_info": MORE_INFO.format(code=code),
        "status": status,
    }
    if details is not None:
        body["details"] = details
    return JSONResponse(body, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error in that shape."""
    app.exception_handler(BridgetapError)(_ours)
    app.exception_handler(HTTPException)(_the_frameworks)
    app.exception_handler(Exception)(_a_bug)


async def _ours(request: Request, error: BridgetapError) -> Response:
    match error:
        case ApiError():
            return error_response(error.status, error.code or INTERNAL, str(error), headers=error.headers)
        case NotFound():
            missing = not_found(request.url.path)
            return error_response(404, NOT_FOUND, str(missing))
        case Conflict():
            code = error.code or CONFLICT
            return error_response(_STATUS_OF_CODE.get(code, 400), code, str(error))
        case InvalidDefinition():
            errors = [{"message": problem.rule, "property_path": problem.place} for problem in error.problems]
            message = "The flow definition is invalid"
            return error_response(400, InvalidDefinition.code, message, details={"errors": errors})
        case InvalidInput():
            return error_response(400, error.code or INVALID_PARAMETER, f"{error.place}: {error.rule}")
        case ProviderError():
            log.warning("api.unavailable", path=request.url.path, error=str(error))
            return error_response(503, UNAVAILABLE, "The service is unavailable; try again")
        case _:
            return await _a_bug(request, error)


async def _the_frameworks(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404:
        return error_response(404, NOT_FOUND, str(not_found(request.url.path)))
    code = _CODE_OF_STATUS.get(error.status_code, INVALID_PARAMETER)
    headers = dict(error.headers) if error.headers else None
    return error_response(error.status_code, code, str(error.detail), headers=headers)


async def _a_bug(request: Request, error: Exception) -> Response:
    log.error("api.failed", path=request.url.path, exc_info=error)
    return error_response(500, INTERNAL, "An internal server error has occurred")
