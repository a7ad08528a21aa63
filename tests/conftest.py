"""No test speaks to a real account: whoever forgets to fake a service is refused, not billed."""

import os

from hypothesis import settings

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_TRACE_DISABLED="1",
)
os.environ.pop("AWS_PROFILE", None)

# A machine that is busy with something else is not an error of the code.
settings.register_profile("marquee", deadline=None, max_examples=60)
settings.load_profile("marquee")
