"""The committed description of the JSON endpoints, docs/openapi.yaml, as the tests use it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import requests

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
OPERATIONS = (
    "GET /.well-known/openid-configuration",
    "GET /.well-known/oauth-authorization-server",
    "GET /jwks",
    "POST /par",
    "POST /device_authorization",
    "POST /token",
    "POST /introspect",
    "POST /revoke",
    "GET /userinfo",
    "POST /userinfo",
    "POST /register",
    "GET /register/{client_id}",
    "PUT /register/{client_id}",
    "DELETE /register/{client_id}",
    "POST /events/poll",
    "GET /account/data.json",
)
MANAGEMENT_OPERATIONS = (
    "GET /api/organizations",
    "POST /api/organizations",
    "GET /api/organizations/{organization_id}",
    "PATCH /api/organizations/{organization_id}",
    "GET /api/organizations/{organization_id}/changes",
    "DELETE /api/organizations/{organization_id}/changes/{change_id}",
    "GET /api/organizations/{organization_id}/members",
    "PATCH /api/organizations/{organization_id}/members/{account_id}",
    "DELETE /api/organizations/{organization_id}/members/{account_id}",
    "POST /api/organizations/{organization_id}/leave",
    "GET /api/organizations/{organization_id}/invitations",
    "POST /api/organizations/{organization_id}/invitations",
    "GET /api/organizations/{organization_id}/invitations/{invitation_id}",
    "DELETE /api/organizations/{organization_id}/invitations/{invitation_id}",
    "GET /api/organizations/{organization_id}/rule",
    "PUT /api/organizations/{organization_id}/rule",
    "POST /api/organizations/{organization_id}/rule/preview",
    "GET /api/organizations/{organization_id}/tenants",
    "POST /api/organizations/{organization_id}/tenants",
    "GET /api/organizations/{organization_id}/tenants/{mapping_id}",
    "PUT /api/organizations/{organization_id}/tenants/{mapping_id}/domains",
    "POST /api/organizations/{organization_id}/tenants/{mapping_id}/suspend",
    "POST /api/organizations/{organization_id}/tenants/{mapping_id}/resume",
    "POST /api/organizations/{organization_id}/tenants/{mapping_id}/release",
    "GET /api/organizations/{organization_id}/tenants/{mapping_id}/rule",
    "PUT /api/organizations/{organization_id}/tenants/{mapping_id}/rule",
    "POST /api/organizations/{organization_id}/tenants/{mapping_id}/rule/preview",
    "GET /api/organizations/{organization_id}/tenants/{mapping_id}/attestations",
    "PUT /api/organizations/{organization_id}/tenants/{mapping_id}/attestations/{context}",
    "DELETE /api/organizations/{organization_id}/tenants/{mapping_id}/attestations/{context}",
    "GET /api/organizations/{organization_id}/exceptions",
    "POST /api/organizations/{organization_id}/exceptions",
    "GET /api/organizations/{organization_id}/exceptions/{exception_id}",
    "DELETE /api/organizations/{organization_id}/exceptions/{exception_id}",
    "GET /api/operator/requests",
    "GET /api/operator/organizations",
    "GET /api/operator/mappings",
    "POST /api/operator/mappings/{mapping_id}/{verb}",
    "GET /api/operator/exceptions",
    "POST /api/operator/exceptions/{exception_id}/{verb}",
)


@cache
def schema() -> Any:
    """Return the description, loaded by schemathesis, which takes a while to import."""
    import schemathesis

    return schemathesis.openapi.from_path(DOCUMENT)


def operation(name: str) -> Any:
    """Return what is described of an operation, such as ``GET /jwks``."""
    method, path = name.split(" ")
    return schema()[path][method]


def statuses(name: str) -> set[int]:
    """Return the status codes that are described."""
    return set(map(int, operation(name).definition.raw["responses"]))


def conforms(name: str, response: requests.Response) -> None:
    """Raise unless status, content type, headers and body of an answer are as they are described."""
    operation(name).Case(**_anything(name)).validate_response(response, checks=checks())


def checks() -> list[Any]:
    """Return what is looked at of an answer."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    return [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]


def _anything(name: str) -> dict[str, Any]:
    return {"path_parameters": dict.fromkeys(re.findall(r"{(\w+)}", name), "x")}
