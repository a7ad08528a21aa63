"""Onboarding: what lets a studio deliver to a deployed platform, and be told what becomes of it.

A studio is a group of the studios' user pool. Besides its user it may have an SFTP user on each server, an address of
e-mail and a webhook. Everything can be done again: what is there already stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh
from pydantic import TypeAdapter, ValidationError

from lambdas.common.media import Slug
from lambdas.ingestion.sftp_access import home_directory, session_policy
from sandbox.deployed import Deployed
from sandbox.studio_user import credentials_path, new_studio_user
from stacks.settings import PROFILES
from uploader.credentials import Credentials
from uploader.errors import RefusedError

_KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_SFTP_PORT = 22
_NAME: TypeAdapter[str] = TypeAdapter(Slug)


class OnboardingError(RuntimeError):
    """A studio cannot be added or removed like this; the message says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class SftpAccess:
    """Where a studio logs in by SFTP."""

    host: str
    port: int
    user: str


@dataclass(frozen=True, kw_only=True)
class Onboarded:
    """What a studio has to be told.

    `new_password` says whether its password is a new one, or the one that it has had.
    """

    credentials: Credentials
    new_password: bool
    sftp: SftpAccess | None
    email: str | None
    webhook: bool


@dataclass(frozen=True, kw_only=True)
class StudioEntry:
    """A studio as the list shows it."""

    name: str
    declared: bool
    """Whether the settings name it."""
    users: tuple[str, ...]
    ssh_keys: int
    emails: tuple[str, ...]
    webhook: bool


def checked_name(name: str) -> str:
    """Return a studio's name.

    Raises
    ------
    OnboardingError
        If it is none: it is a prefix of keys, a user name and a group.
    """
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        message = (
            f"{name!r} is no studio's name: lower case letters, digits and hyphens, at most 63, and no hyphen first"
        )
        raise OnboardingError(message) from error


def read_public_key(path: Path) -> str:
    """Return the public SSH key in a file, in one line.

    Raises
    ------
    OnboardingError
        If there is none, it is a private key, or of a kind that Transfer Family does not take.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OnboardingError(f"{path} cannot be read as an SSH key: {error}") from error
    if "PRIVATE KEY" in text:
        raise OnboardingError(
            f"{path} is a private key, which only the studio may have: give its public one, {path}.pub"
        )
    try:
        key = asyncssh.import_public_key(text)
    except asyncssh.KeyImportError as error:
        raise OnboardingError(f"{path} holds no SSH public key: {error}") from error
    kind = key.get_algorithm()
    if kind not in _KEY_TYPES:
        raise OnboardingError(f"{path} is a key of type {kind}; these are taken: {', '.join(_KEY_TYPES)}")
    return key.export_public_key().decode().strip()


def checked_webhook(url: str, *, loopback: bool) -> str:
    """Return the address of a webhook.

    Parameters
    ----------
    loopback
        Whether it may be on this machine, over plain HTTP.

    Raises
    ------
    OnboardingError
        If it is none. The message does not repeat it: whoever has it can post to the studio.
    """
    parts = urlsplit(url)
    local = loopback and parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise OnboardingError("the webhook is no address that begins with https://")
    return url


class Onboarding:
    """Adds studios to a platform, lists them, and removes them.

    Parameters
    ----------
    folder
        Where the credentials of their users are kept, for ``marquee upload``.
    sftp_address
        Where the embedded cloud's one SFTP listener is, as host and port; without it, AWS's own names.
    """

    def __init__(self, platform: Deployed, *, folder: Path, sftp_address: tuple[str, int] | None = None) -> None:
        self._platform, self._folder, self._sftp_address = platform, folder, sftp_address
        self._ingestion = PROFILES[platform.profile].ingestion

    def add(
        self,
        name: str,
        *,
        site: str,
        ssh_key: str | None = None,
        email: str | None = None,
        webhook: str | None = None,
    ) -> Onboarded:
        """Let a studio in, or give one that is in what it has not got yet.

        Parameters
        ----------
        site
            Where the platform is served.
        ssh_key, email, webhook
            As `read_public_key` and `checked_webhook` return them; what is left out stays as it is.

        Raises
        ------
        OnboardingError
            If the name is none, or the platform has no SFTP server for the key.
        """
        studio = checked_name(name)
        servers = tuple(self._servers())
        if ssh_key and not servers:
            message = "this platform has no SFTP server: deploy it with the opt-in `sftp`, or leave the key out"
            raise OnboardingError(message)
        credentials, is_new = self._user(studio, site=site)
        if ssh_key:
            for server in servers:
                server.admit(studio, key=ssh_key)
        if email:
            self._subscribe(studio, email)
        if webhook:
            self._platform.client("ssm").put_parameter(
                Name=self._parameter(studio), Value=webhook, Type="SecureString", Overwrite=True
            )
        return Onboarded(
            credentials=credentials,
            new_password=is_new,
            sftp=self._sftp_access(servers[0], studio) if servers and servers[0].keys(studio) else None,
            email=email,
            webhook=self._has_webhook(studio),
        )

    def studios(self) -> tuple[StudioEntry, ...]:
        """Return the studios, in the order of their names."""
        declared = {studio.name for studio in self._ingestion.studios}
        users = {name: self._users(name) for name in self._groups()}
        servers = tuple(self._servers())
        emails = self._emails()
        names = sorted({*declared, *users, *(name for server in servers for name in server.users())})
        return tuple(
            StudioEntry(
                name=name,
                declared=name in declared,
                users=users.get(name, ()),
                ssh_keys=max((len(server.keys(name)) for server in servers), default=0),
                emails=tuple(sorted(address for address, studios in emails.items() if name in studios)),
                webhook=self._has_webhook(name),
            )
            for name in names
        )

    def remove(self, name: str) -> None:
        """Let a studio in no more. What it has delivered stays.

        Raises
        ------
        OnboardingError
            If there is no such studio, or the settings declare it.
        """
        studio = checked_name(name)
        if studio in {declared.name for declared in self._ingestion.studios}:
            message = f"{studio} is declared in the settings of {self._platform.profile}: take it out there, and deploy"
            raise OnboardingError(message)
        servers = tuple(self._servers())
        if studio not in {*self._groups(), *(user for server in servers for user in server.users())}:
            raise OnboardingError(f"there is no studio {studio!r}: `marquee studio list` shows those that there are")
        # The doors first: were it broken off here, the studio could not deliver, and the command can be given again.
        for server in servers:
            server.shut_out(studio)
        self._unsubscribe(studio)
        ssm = self._platform.client("ssm")
        ssm.delete_parameters(Names=[self._parameter(studio)])
        cognito, pool = self._platform.client("cognito-idp"), self._pool
        for user in self._users(studio):
            cognito.admin_user_global_sign_out(UserPoolId=pool, Username=user)
            cognito.admin_delete_user(UserPoolId=pool, Username=user)
        if studio in self._groups():
            cognito.delete_group(UserPoolId=pool, GroupName=studio)
        credentials_path(studio, folder=self._folder).unlink(missing_ok=True)

    def _user(self, studio: str, *, site: str) -> tuple[Credentials, bool]:
        """Return the credentials of the studio's user, and whether they are new."""
        try:
            known = Credentials.load(credentials_path(studio, folder=self._folder))
        except (FileNotFoundError, RefusedError):
            known = None
        client_id = self._platform.output("ingestion", "StudioClientId")
        if known and known.client_id == client_id and known.username in self._users(studio):
            return known.model_copy(update={"site": site}), False
        return new_studio_user(self._platform, studio=studio, site=site, folder=self._folder), True

    @property
    def _pool(self) -> str:
        return self._platform.output("ingestion", "StudioPoolId")

    def _groups(self) -> set[str]:
        pages = self._platform.client("cognito-idp").get_paginator("list_groups").paginate(UserPoolId=self._pool)
        return {group["GroupName"] for page in pages for group in page["Groups"]}

    def _users(self, studio: str) -> tuple[str, ...]:
        cognito = self._platform.client("cognito-idp")
        pages = cognito.get_paginator("list_users_in_group").paginate(UserPoolId=self._pool, GroupName=studio)
        try:
            users = [user for page in pages for user in page["Users"]]
        except cognito.exceptions.ResourceNotFoundException:
            return ()
        # Where people sign in by e-mail, Cognito gives a user a name of its own.
        return tuple(sorted(_email(user) or user["Username"] for user in users))

    def _servers(self) -> Iterator[_Server]:
        if not self._platform.has_output("ingestion", "SftpServerId"):
            return
        yield _Server(self._platform, context="ingestion")
        second = self._ingestion.second_region
        if second:
            yield _Server(replace(self._platform, region=second), context=f"ingestion-{second}")

    def _sftp_access(self, server: _Server, studio: str) -> SftpAccess:
        if self._sftp_address:
            host, port = self._sftp_address
        elif self._platform.has_output("ingestion-endpoint", "SftpName"):
            host, port = self._platform.output("ingestion-endpoint", "SftpName"), _SFTP_PORT
        else:
            host, port = server.host, _SFTP_PORT
        return SftpAccess(host=host, port=port, user=studio)

    def _parameter(self, studio: str) -> str:
        return f"/{self._platform.namespace}/{self._platform.profile}/studios/{studio}/webhook"

    def _has_webhook(self, studio: str) -> bool:
        answer = self._platform.client("ssm").get_parameters(Names=[self._parameter(studio)], WithDecryption=False)
        return bool(answer["Parameters"])

    def _subscriptions(self) -> Iterator[dict[str, Any]]:
        topic = self._platform.output("ingestion", "NotificationsTopic")
        pages = self._platform.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        for page in pages:
            yield from (found for found in page["Subscriptions"] if found["Protocol"] == "email")

    def _emails(self) -> dict[str, list[str]]:
        """Return the studios that each address hears of."""
        return {
            found["Endpoint"]: self._heard_of(found["SubscriptionArn"])
            for found in self._subscriptions()
            if _confirmed(found)
        }

    def _heard_of(self, subscription: str) -> list[str]:
        answer = self._platform.client("sns").get_subscription_attributes(SubscriptionArn=subscription)
        policy = json.loads(answer["Attributes"].get("FilterPolicy") or "{}")
        return [str(name) for name in policy.get("studio", [])]

    def _subscribe(self, studio: str, email: str) -> None:
        sns = self._platform.client("sns")
        known = next((found for found in self._subscriptions() if found["Endpoint"] == email), None)
        if known is None or not _confirmed(known):
            # One that nobody has confirmed yet is asked for again: another letter with the link goes out.
            sns.subscribe(
                TopicArn=self._platform.output("ingestion", "NotificationsTopic"),
                Protocol="email",
                Endpoint=email,
                Attributes={"FilterPolicy": _filter([studio]), "FilterPolicyScope": "MessageAttributes"},
            )
            return
        studios = self._heard_of(known["SubscriptionArn"])
        if studio not in studios:
            # A topic has one subscription an address, whoever it is for.
            self._refilter(known["SubscriptionArn"], [*studios, studio])

    def _unsubscribe(self, studio: str) -> None:
        for found in list(self._subscriptions()):
            if not _confirmed(found):
                continue
            studios = self._heard_of(found["SubscriptionArn"])
            if studios == [studio]:
                self._platform.client("sns").unsubscribe(SubscriptionArn=found["SubscriptionArn"])
            elif studio in studios:
                self._refilter(found["SubscriptionArn"], [name for name in studios if name != studio])

    def _refilter(self, subscription: str, studios: list[str]) -> None:
        self._platform.client("sns").set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=_filter(studios)
        )


class _Server:
    """One region's SFTP server, and its users."""

    def __init__(self, platform: Deployed, *, context: str) -> None:
        self._platform, self._context = platform, context
        self._transfer = platform.client("transfer")
        self._id = platform.output(context, "SftpServerId").rsplit("/", 1)[-1]

    @property
    def host(self) -> str:
        return f"{self._id}.server.transfer.{self._transfer.meta.region_name}.amazonaws.com"

    def users(self) -> set[str]:
        pages = self._transfer.get_paginator("list_users").paginate(ServerId=self._id)
        return {user["UserName"] for page in pages for user in page["Users"]}

    def keys(self, studio: str) -> list[str]:
        try:
            user = self._transfer.describe_user(ServerId=self._id, UserName=studio)["User"]
        except self._transfer.exceptions.ResourceNotFoundException:
            return []
        return [_key_itself(key["SshPublicKeyBody"]) for key in user.get("SshPublicKeys", [])]

    def admit(self, studio: str, *, key: str) -> None:
        """Make the studio's user, or set one that is there right; `key` opens it, as older ones do."""
        bucket = self._platform.output(self._context, "SftpBucket")
        policy = session_policy(
            studio=studio,
            bucket=bucket,
            key_arn=self._platform.output(self._context, "SftpKeyArn"),
            region=self._transfer.meta.region_name,
        )
        user = {
            "ServerId": self._id,
            "UserName": studio,
            "Role": self._platform.output(self._context, "SftpRoleArn"),
            "Policy": json.dumps(policy, separators=(",", ":")),
            "HomeDirectoryType": "LOGICAL",
            "HomeDirectoryMappings": [home_directory(studio=studio, bucket=bucket)],
        }
        if studio in self.users():
            self._transfer.update_user(**user)
        else:
            self._transfer.create_user(**user)
        if _key_itself(key) not in self.keys(studio):
            self._transfer.import_ssh_public_key(ServerId=self._id, UserName=studio, SshPublicKeyBody=key)

    def shut_out(self, studio: str) -> None:
        if studio in self.users():
            self._transfer.delete_user(ServerId=self._id, UserName=studio)


def _filter(studios: list[str]) -> str:
    return json.dumps({"studio": studios})


def _confirmed(subscription: dict[str, Any]) -> bool:
    return str(subscription["SubscriptionArn"]).startswith("arn:")


def _key_itself(line: str) -> str:
    """Return a public key without its comment."""
    return " ".join(line.split()[:2])


def _email(user: dict[str, Any]) -> str | None:
    return next((found["Value"] for found in user.get("Attributes", []) if found["Name"] == "email"), None)
