import base64
import json

import pytest
from pydantic import BaseModel, ConfigDict

from lambdas.common.errors import (
    ConflictError,
    ExpiredError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from lambdas.common.problem import json_answer, parse_body, parse_query, problem_documents


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title_id: str
    position_s: float = 0


def request(body=None, **more):
    return {"requestContext": {"requestId": "r-1"}, "body": body} | more


def answer_to(event):
    @problem_documents
    def handler(event, _context):
        return json_answer(parse_body(event, Wish).model_dump())

    return handler(event, None)


def answer_after(error):
    @problem_documents
    def handler(_event, _context):
        raise error

    return handler(request(), None)


def document_of(answer):
    assert answer["headers"]["content-type"] == "application/problem+json"
    document = json.loads(answer["body"])
    assert document["status"] == answer["statusCode"]
    assert document["instance"].endswith("r-1")
    return document


def test_a_good_request_passes_unchanged():
    answer = answer_to(request('{"title_id": "bunny"}'))
    assert (answer["statusCode"], json.loads(answer["body"])["title_id"]) == (200, "bunny")


def test_a_body_in_base64_is_read():
    body = base64.b64encode('{"title_id": "Größe"}'.encode()).decode()
    answer = answer_to(request(body, isBase64Encoded=True))
    assert json.loads(answer["body"])["title_id"] == "Größe"


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        (None, False),
        ("", False),
        ("{", False),
        ('{"title_id": "\\ud800"}', False),
        ('{"title_id": NaN}', False),
        ("not base64!", True),
    ],
)
def test_a_malformed_body_is_400(body, encoded):
    document = document_of(answer_to(request(body, isBase64Encoded=encoded)))
    assert (document["status"], document["type"]) == (400, "urn:marquee:problem:malformed-body")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{}", "title_id"),
        ('{"title_id": 7}', "title_id"),
        ('{"title_id": "x", "position_s": "soon"}', "position_s"),
        ('{"title_id": "x", "admin": true}', "admin"),
    ],
)
def test_a_wrong_field_is_422_and_named(body, field):
    document = document_of(answer_to(request(body)))
    assert document["status"] == 422
    assert [error["field"] for error in document["errors"]] == [field]


def test_the_rejected_value_is_not_echoed():
    assert "hunter2" not in answer_to(request('{"title_id": ["hunter2"]}'))["body"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError("no"), 403),
        (NotFoundError("no"), 404),
        (ConflictError("no"), 409),
        (ExpiredError("no"), 410),
        (InvalidInputError(FieldError("position_s", "beyond the end")), 422),
        (TransientError("table marquee-titles is throttled"), 503),
    ],
)
def test_an_error_of_ours_becomes_the_status_that_fits(error, status):
    assert document_of(answer_after(error))["status"] == status


@pytest.mark.parametrize("error", [KeyError("secret"), PermanentError("secret"), TransientError("secret")])
def test_what_broke_inside_stays_inside(error):
    answer = answer_after(error)
    assert document_of(answer)["status"] >= 500
    assert "secret" not in answer["body"]


def test_an_unexpected_error_is_logged_with_its_traceback(caplog):
    error = KeyError("the cause")
    answer_after(error)
    [logged] = caplog.records
    assert (logged.levelname, logged.exc_info[1]) == ("ERROR", error)


def test_missing_query_parameters_are_named():
    with pytest.raises(InvalidInputError, match="title_id: Field required"):
        parse_query({"queryStringParameters": None}, Wish)
