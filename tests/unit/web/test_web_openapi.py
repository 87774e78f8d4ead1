"""The description of the HTTP API: valid, complete, and what the server does."""

import dataclasses
import re
from pathlib import Path

import jsonschema
import pytest
from starlette.routing import Route

from darklift import Settings
from darklift.image.formats import FORMATS
from darklift.web.fields import FIELDS
from darklift.web.openapi import description
from darklift.web.problems import PROBLEMS
from darklift.web.routes import api_routes
from darklift.web.work import MEDIA_TYPES
from web_service import serving

DOCUMENT = description(["compact", "nano"])
ROOT = Path(__file__).resolve().parents[3]


def test_every_address_is_described_and_no_other() -> None:
    with serving() as web:
        there = {
            (f"/api/v1{route.path}", method)
            for route in api_routes(web.service)
            if isinstance(route, Route)
            for method in route.methods or ()
            if method != "HEAD"
        }
    described = {(path, method.upper()) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert described == there | {("/metrics", "GET")}


def test_every_setting_is_a_field() -> None:
    settings = {field.name for field in dataclasses.fields(Settings)} - {"uncertainty"}  # which has an address
    assert settings | {"stride", "model", "format"} <= set(FIELDS)


def test_what_is_referred_to_is_there() -> None:
    for reference in re.findall(r"'\$ref': '#/([^']+)'", repr(DOCUMENT)):
        part = DOCUMENT
        for name in reference.split("/"):
            part = part[name]
    for operations in DOCUMENT["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert min(map(int, operation["responses"])) < 300
    assert not set("{}") & set("".join(DOCUMENT["components"]["parameters"]))


@pytest.mark.parametrize("name", [*FIELDS])
def test_a_field_s_schema_is_one_and_takes_its_default(name: str) -> None:
    field = FIELDS[name]
    jsonschema.Draft202012Validator.check_schema(field.schema)
    assert field.text.endswith(".")
    if "default" in field.schema:
        jsonschema.validate(field.schema["default"], field.schema)
        assert field.read(str(field.schema["default"])) == field.schema["default"]


def test_the_server_gives_it() -> None:
    with serving() as web:
        given = web.http.get("/openapi.json").json()
    assert given["openapi"] == "3.1.0"
    assert given["components"]["parameters"]["model"]["schema"]["enum"] == ["gain", "other"]


def test_every_format_has_a_media_type() -> None:
    assert {known.name for known in FORMATS} == set(MEDIA_TYPES)


def test_every_kind_of_problem_is_one_that_statuses_list() -> None:
    told = repr(DOCUMENT["paths"])
    unlisted = {kind for kind in PROBLEMS if f"{kind}: " not in told}
    assert unlisted == {"method-not-allowed", "headers-too-large"}  # which any address may answer


def test_the_page_about_it_names_what_there_is() -> None:
    page = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
    assert "<!-- generated: http api -->" in page
    for address in re.findall(r"`(?:GET|POST|DELETE) (/[^`]+)`", page):
        assert address in DOCUMENT["paths"], address
