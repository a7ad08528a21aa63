import json

import pytest
from botocore.exceptions import ClientError

from lambdas.common.aws import client
from lambdas.common.keys import Analysis
from lambdas.ingestion import handlers
from lambdas.ingestion.environment import LabelsEnvironment
from lambdas.ingestion.labels import LabelsFailedError, LabelsPendingError
from tests.lambdas import samples
from tests.lambdas.calls import watched


@pytest.fixture
def rekognition(monkeypatch, buckets, deployed):
    """Rekognition as it answers, page by page."""
    deployed(LabelsEnvironment(work_bucket=buckets.work))

    class Rekognition:
        pages = ()

        def get_label_detection(self, *, JobId, SortBy, NextToken="0"):  # noqa: N803, ARG002 - boto3's names
            page = self.pages[int(NextToken)]
            if isinstance(page, Exception):
                raise page
            more = {"NextToken": str(int(NextToken) + 1)} if int(NextToken) + 1 < len(self.pages) else {}
            return page | more

    service = Rekognition()
    asked = watched("rekognition", service)
    monkeypatch.setattr(
        "lambdas.ingestion.labels.client",
        lambda name: asked if name == "rekognition" else client(name),
    )
    return service


def page(*labels, status="SUCCEEDED"):
    found = [{"Timestamp": at, "Label": {"Name": name, "Confidence": 91.234}} for at, name in labels]
    return {"JobStatus": status, "Labels": found}


def collect(context):
    return handlers.collect_labels({"version_id": samples.VERSION, "labels": {"JobId": "job"}}, context)


def test_the_labels_of_every_page_are_kept_beside_the_analysis(rekognition, context):
    rekognition.pages = (page((0, "Rabbit"), (500, "Tree")), page((1000, "Butterfly")))
    assert collect(context)["labels"] == 3
    text = client("s3").get_object(Bucket="work", Key=Analysis(samples.VERSION).labels)["Body"].read().decode()
    assert [json.loads(line) for line in text.splitlines()][-1] == {
        "at_ms": 1000,
        "name": "Butterfly",
        "confidence": 91.2,
    }


def test_a_film_without_labels_leaves_an_empty_file(rekognition, context):
    rekognition.pages = (page(),)
    assert collect(context)["labels"] == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (page(status="IN_PROGRESS"), LabelsPendingError),
        (page(status="FAILED"), LabelsFailedError),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLabelDetection"), LabelsFailedError),
    ],
)
def test_what_is_not_done_is_an_error_by_name(rekognition, context, answer, error):
    rekognition.pages = (answer,)
    with pytest.raises(error):
        collect(context)
