"""The description of the HTTP APIs: it is of the routes that are declared, and it is OpenAPI."""

import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from stacks.openapi import DOCUMENT, OPERATIONS, text


def test_the_written_description_is_that_of_the_code():
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "run: python -m stacks.openapi"


def test_it_is_valid():
    OpenAPIV31SpecValidator(json.loads(text())).validate()


def test_every_route_is_described_with_the_handler_that_answers_it(declared):
    integrations = {
        f"integrations/<{found.path}>": found.text(found["IntegrationUri"])
        for found in declared.of("AWS::ApiGatewayV2::Integration")
    }
    functions = {
        route["RouteKey"]: integrations[route.text(route["Target"])].removeprefix("<").removesuffix(".Arn>")
        for route in declared.of("AWS::ApiGatewayV2::Route")
        # The packagers' API is SPEKE's, described by its own specification.
        if not route.path.startswith("playback/Speke/")
    }
    declared_handlers = {key: declared.at(path)["Handler"] for key, path in functions.items()}
    assert declared_handlers == {f"{operation.method} {operation.path}": operation.handler for operation in OPERATIONS}


def test_no_two_operations_have_one_id():
    paths = json.loads(text())["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))
