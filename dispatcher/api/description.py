"""What the API's description says of errors: the same of every endpoint, each with its body."""

from typing import Any

from fastapi import FastAPI

from dispatcher.api.problems import MEDIA_TYPE, problem_members

_DOCUMENT = {"$ref": "#/components/schemas/ProblemDocument"}
_NOT_FOUND = "There is nothing of this name or id."
_EXAMPLES = {
    400: "the body is not well-formed JSON: Expecting value: line 1 column 1 (char 0)",
    401: "the API key is not known",
    403: "the key 'monitoring' lacks the scope 'operate'",
    404: "there is no contact 'anna'",
    409: "there is a policy named 'night-shift' already; change it with PUT",
    422: "to.0.contact: there is no contact named 'ana'; there are: anna, bob",
    500: "the request failed for a reason that is not the request's; the server's log has it",
    503: "the database is away or too busy; nothing was stored, send the request again",
}
_FAULT = {
    "field": "to.0.contact",
    "detail": "there is no contact named 'ana'; there are: anna, bob",
    "in": "body",
    "pointer": "#/to/0/contact",
}
_OTHERS = 404
"""The status whose example stands for those that an endpoint does not name."""


class DescribedApi(FastAPI):
    """An application whose description shows the problem document of every error."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        is_new = self.openapi_schema is None
        described = super().openapi()
        if is_new:
            for path, operations in described["paths"].items():
                for operation in operations.values():
                    _describe_errors(operation["responses"], has_parts="{" in path)
        return described


def _describe_errors(responses: dict[str, dict[str, Any]], *, has_parts: bool) -> None:
    if has_parts:
        responses.setdefault("404", {"description": _NOT_FOUND})
    for status, response in responses.items():
        if status != "default" and status[0] not in "45":
            continue
        own = response.get("content", {}).get(MEDIA_TYPE, {}).get("schema", _DOCUMENT)
        if own == _DOCUMENT:
            example = _example(_OTHERS if status == "default" else int(status))
            response["content"] = {MEDIA_TYPE: {"schema": _DOCUMENT, "example": example}}


def _example(status: int) -> dict[str, Any]:
    example = problem_members(status, _EXAMPLES[status])
    return example | {"errors": [_FAULT]} if status == 422 else example
