"""A studio's user, signed in: the token for each request, renewed in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import urljoin

import boto3
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from uploader.credentials import Credentials
from uploader.errors import GoneError, RefusedError, UnavailableError
from uploader.http import ask, understood

_RENEW_BEFORE_S = 120.0
_ASKED_TWICE = {"NotAuthorizedException", "UserNotFoundException"}


class StudioSession:
    """Signs in with a user name and a password, and a second factor where the platform asks for one.

    Parameters
    ----------
    ask_code
        Asks a person for the code of the second factor.
    """

    def __init__(self, credentials: Credentials, *, pool: urllib3.PoolManager, ask_code: Callable[[], str]) -> None:
        self._credentials, self._pool, self._ask_code = credentials, pool, ask_code
        self._lock = Lock()
        self._token = self._refresh_token = ""
        self._until = 0.0
        self._cognito: Any = None

    @property
    def site(self) -> str:
        """The platform's address, without a slash at its end."""
        return self._credentials.site.rstrip("/")

    def token(self, *, refused: str | None = None) -> str:
        """Return an access token.

        Parameters
        ----------
        refused
            A token that was just refused: another one is wanted, whatever time it is.

        Raises
        ------
        RefusedError
            If the user is not let in.
        UnavailableError
            If nobody answers.
        """
        with self._lock:
            if time.monotonic() > self._until or refused == self._token:
                try:
                    self._renew()
                except ClientError as error:
                    raise self._told(error) from error
                except BotoCoreError as error:
                    raise UnavailableError(f"cannot sign in at {self.site}: {error}") from error
            return self._token

    def _renew(self) -> None:
        if self._cognito is None:
            self._cognito = self._client()
        user = {"USERNAME": self._credentials.username}
        if self._refresh_token:
            try:
                self._keep(self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": self._refresh_token}))
            except self._cognito.exceptions.NotAuthorizedException:
                self._refresh_token = ""
            else:
                return
        answer = self._initiate("USER_PASSWORD_AUTH", {**user, "PASSWORD": self._credentials.password})
        if answer.get("ChallengeName") == "SOFTWARE_TOKEN_MFA":
            answer = self._cognito.respond_to_auth_challenge(
                ClientId=self._credentials.client_id,
                ChallengeName="SOFTWARE_TOKEN_MFA",
                Session=answer["Session"],
                ChallengeResponses={**user, "SOFTWARE_TOKEN_MFA_CODE": self._ask_code()},
            )
        if "AuthenticationResult" not in answer and "ChallengeName" not in answer:
            raise RefusedError(f"{self.site} does not answer as Marquee does")
        if "AuthenticationResult" not in answer:
            raise RefusedError(
                f"{self._credentials.username} has to sign in at {self.site} once first: {answer['ChallengeName']}"
            )
        self._keep(answer)

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        url = f"{self.site}/config.json"
        try:
            config = ask(self._pool, "GET", url)
        except GoneError as error:
            raise RefusedError(f"{self.site} does not answer as Marquee does: {error}") from error
        with understood(url):
            return boto3.client(
                "cognito-idp",
                endpoint_url=urljoin(f"{self.site}/", config["cognito_endpoint"]),
                region_name=config["region"],
                config=Config(signature_version=UNSIGNED, connect_timeout=10, read_timeout=20),
            )

    def _initiate(self, flow: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401 - the same
        return self._cognito.initiate_auth(
            ClientId=self._credentials.client_id, AuthFlow=flow, AuthParameters=parameters
        )

    def _keep(self, answer: Any) -> None:  # noqa: ANN401 - the same
        result = answer["AuthenticationResult"]
        self._token = result["AccessToken"]
        self._refresh_token = result.get("RefreshToken", self._refresh_token)
        self._until = time.monotonic() + result["ExpiresIn"] - _RENEW_BEFORE_S

    def _told(self, error: ClientError) -> Exception:
        code = error.response["Error"]["Code"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or code == "TooManyRequestsException":  # noqa: PLR2004 - server errors
            return UnavailableError(f"cannot sign in at {self.site}: {code}")
        if code in _ASKED_TWICE:
            return RefusedError(f"{self._credentials.username} and the password do not match at {self.site}")
        return RefusedError(f"{self._credentials.username} cannot sign in at {self.site}: {code}")
