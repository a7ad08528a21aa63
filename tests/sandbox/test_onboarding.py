"""Studios that come while the platform runs: what `marquee studio` makes, and what it takes away again."""

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import boto3
import pytest

pytest.importorskip("asyncssh", reason="needs requirements-sandbox.txt: SFTP")

import asyncssh

from sandbox.deployed import Deployed
from sandbox.onboarding import Onboarding, OnboardingError, checked_name, checked_webhook, read_public_key

pytestmark = pytest.mark.embedded
SITE = "http://127.0.0.1:8443"


@pytest.fixture(scope="module")
def platform(cloud, deploy):
    """As much of a platform as onboarding sees, from a template."""
    namespace = f"t{uuid4().hex[:6]}"
    session = boto3.session.Session(
        aws_access_key_id="embedded", aws_secret_access_key="embedded", region_name="us-east-1"
    )
    outputs = deploy(
        {
            "Raw": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
            },
            "Server": {
                "Type": "AWS::Transfer::Server",
                "Properties": {"Protocols": ["SFTP"], "IdentityProviderType": "SERVICE_MANAGED"},
            },
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UsernameAttributes": ["email"]}},
            "Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {
                    "UserPoolId": {"Ref": "Pool"},
                    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                },
            },
        },
        {
            "SftpServerId": {"Fn::GetAtt": ["Server", "ServerId"]},
            "SftpBucket": {"Ref": "Raw"},
            "NotificationsTopic": {"Ref": "Topic"},
            "StudioPoolId": {"Ref": "Pool"},
            "StudioClientId": {"Ref": "Client"},
        },
    )
    outputs |= {
        "SftpRoleArn": "arn:aws:iam::000000000000:role/studios",
        "SftpKeyArn": "arn:aws:kms:us-east-1:000000000000:key/mrk-0123456789abcdef0123456789abcdef",
    }
    deployed = Deployed(session=session, endpoint=cloud.endpoint, namespace=namespace)
    object.__setattr__(deployed, "_outputs", {"ingestion": outputs})
    return deployed


@pytest.fixture
def onboarding(cloud, platform, tmp_path):
    return Onboarding(platform, folder=tmp_path, sftp_address=("127.0.0.1", cloud.sftp_port))


@pytest.fixture
def key():
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def name(onboarding):
    made = f"studio-{uuid4().hex[:8]}"
    yield made
    if made in {studio.name for studio in onboarding.studios()}:
        onboarding.remove(made)


@pytest.fixture
def sftp(cloud):
    """Runs a coroutine function with an SFTP client."""

    def run(work, *, user, **options):
        async def connected():
            options_of_all = {"known_hosts": None, "config": None, "agent_path": None, "username": user}
            async with (
                asyncssh.connect("127.0.0.1", cloud.sftp_port, **options_of_all, **options) as connection,
                connection.start_sftp_client() as client,
            ):
                return await work(client)

        return asyncio.run(connected())

    return run


def public(key):
    return key.export_public_key().decode().strip()


async def _write(client, path):
    async with client.open(path, "wb") as file:
        await file.write(b"film")


def _keys(platform):
    bucket = platform.output("ingestion", "SftpBucket")
    return {found["Key"] for found in platform.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])}


def _signs_in(platform, credentials):
    cognito = platform.client("cognito-idp")
    try:
        return cognito.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=credentials.client_id,
            AuthParameters={"USERNAME": credentials.username, "PASSWORD": credentials.password},
        )
    except (cognito.exceptions.NotAuthorizedException, cognito.exceptions.UserNotFoundException):
        return None


def test_an_added_studio_delivers_into_its_own_prefix_and_signs_in(onboarding, platform, sftp, name, key):
    added = onboarding.add(name, site=SITE, ssh_key=public(key))
    assert added.sftp.user == name
    sftp(lambda client: _write(client, "/film.mov"), user=name, client_keys=[key])
    assert f"{name}/film.mov" in _keys(platform)
    assert added.new_password
    assert _signs_in(platform, added.credentials)


@pytest.mark.parametrize("path", ["/../evil", "../../other/evil", "/d/../../../evil", "..//..//evil"])
def test_no_path_leads_out_of_the_prefix(onboarding, platform, sftp, name, key, path):
    onboarding.add(name, site=SITE, ssh_key=public(key))
    before = _keys(platform)
    sftp(lambda client: _write(client, path), user=name, client_keys=[key])
    assert {found.split("/")[0] for found in _keys(platform) - before} == {name}


def test_no_link_leads_out_of_the_prefix(onboarding, platform, sftp, name, key):
    onboarding.add(name, site=SITE, ssh_key=public(key))
    bucket = platform.output("ingestion", "SftpBucket")
    platform.client("s3").put_object(Bucket=bucket, Key="neighbour/film.mov", Body=b"secret")

    async def look(client):
        for target in ("/../neighbour/film.mov", f"/{bucket}/neighbour/film.mov"):
            with pytest.raises(asyncssh.SFTPError):
                await client.symlink(target, "/link")
            with pytest.raises(asyncssh.SFTPError):
                await client.stat(target)

    sftp(look, user=name, client_keys=[key])


def test_a_password_opens_nothing(onboarding, sftp, name, key):
    password = onboarding.add(name, site=SITE, ssh_key=public(key)).credentials.password
    with pytest.raises(asyncssh.PermissionDenied):
        sftp(lambda client: client.listdir("/"), user=name, password=password, client_keys=None)


def test_the_policy_that_is_kept_names_the_studio_and_nobody_else(onboarding, platform, name, key):
    onboarding.add(name, site=SITE, ssh_key=public(key))
    server = platform.output("ingestion", "SftpServerId").rsplit("/", 1)[-1]
    user = platform.client("transfer").describe_user(ServerId=server, UserName=name)["User"]
    bucket = platform.output("ingestion", "SftpBucket")
    resources = {statement["Resource"] for statement in json.loads(user["Policy"])["Statement"]}
    assert resources == {
        f"arn:aws:s3:::{bucket}/{name}/*",
        f"arn:aws:s3:::{bucket}",
        platform.output("ingestion", "SftpKeyArn"),
    }


def test_adding_again_changes_nothing_and_adds_what_is_new(onboarding, platform, sftp, name, key):
    first = onboarding.add(name, site=SITE, ssh_key=public(key), email="desk@example.com")
    again = onboarding.add(name, site=SITE, ssh_key=f"{public(key)} another-comment", email="desk@example.com")
    assert (again.new_password, again.credentials) == (False, first.credentials)
    another = asyncssh.generate_private_key("ssh-ed25519")
    onboarding.add(name, site=SITE, ssh_key=public(another))
    for each in (key, another):
        sftp(lambda client: client.listdir("/"), user=name, client_keys=[each])
    [entry] = [studio for studio in onboarding.studios() if studio.name == name]
    assert (entry.ssh_keys, entry.emails) == (2, ("desk@example.com",))


def test_a_user_that_somebody_widened_is_set_right(onboarding, platform, name, key):
    onboarding.add(name, site=SITE, ssh_key=public(key))
    server = platform.output("ingestion", "SftpServerId").rsplit("/", 1)[-1]
    transfer = platform.client("transfer")
    told = transfer.describe_user(ServerId=server, UserName=name)["User"]
    wide = [{"Entry": "/", "Target": f"/{platform.output('ingestion', 'SftpBucket')}"}]
    transfer.update_user(ServerId=server, UserName=name, HomeDirectoryMappings=wide, Policy='{"Statement": []}')
    onboarding.add(name, site=SITE, ssh_key=public(key))
    assert transfer.describe_user(ServerId=server, UserName=name)["User"] == told


def test_a_removed_studio_can_neither_log_in_nor_sign_in_and_its_deliveries_stay(onboarding, platform, sftp, name, key):
    credentials = onboarding.add(name, site=SITE, ssh_key=public(key), webhook="https://hooks.example/x").credentials
    sftp(lambda client: _write(client, "/film.mov"), user=name, client_keys=[key])
    onboarding.remove(name)
    with pytest.raises(asyncssh.PermissionDenied):
        sftp(lambda client: client.listdir("/"), user=name, client_keys=[key])
    assert _signs_in(platform, credentials) is None
    assert f"{name}/film.mov" in _keys(platform)
    assert name not in {studio.name for studio in onboarding.studios()}
    with pytest.raises(OnboardingError, match="there is no studio"):
        onboarding.remove(name)


def test_a_studio_that_comes_back_has_nothing_of_what_it_had(onboarding, sftp, name, key):
    first = onboarding.add(name, site=SITE, ssh_key=public(key), webhook="https://hooks.example/x")
    onboarding.remove(name)
    again = onboarding.add(name, site=SITE)
    assert again.new_password
    assert again.credentials.password != first.credentials.password
    assert (again.sftp, again.webhook) == (None, False)
    with pytest.raises(asyncssh.PermissionDenied):
        sftp(lambda client: client.listdir("/"), user=name, client_keys=[key])


def test_an_address_hears_of_the_studios_that_it_was_named_for(onboarding, platform, name):
    other, address = f"{name}-2", f"{name}@example.com"
    onboarding.add(name, site=SITE, email=address)
    onboarding.add(other, site=SITE, email=address)

    def heard_of():
        return {studio.name for studio in onboarding.studios() if address in studio.emails}

    assert heard_of() == {name, other}
    onboarding.remove(other)
    assert heard_of() == {name}
    onboarding.remove(name)
    topic = platform.output("ingestion", "NotificationsTopic")
    left = platform.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert address not in {found["Endpoint"] for found in left}


def test_the_webhook_is_kept_encrypted_under_the_studios_name(onboarding, platform, name):
    added = onboarding.add(name, site=SITE, webhook="https://hooks.example/secret")
    assert added.webhook
    parameter = f"/{platform.namespace}/sandbox/studios/{name}/webhook"
    kept = platform.client("ssm").get_parameter(Name=parameter, WithDecryption=True)["Parameter"]
    assert (kept["Type"], kept["Value"]) == ("SecureString", "https://hooks.example/secret")


def test_a_studio_of_the_settings_is_not_removed(onboarding):
    with pytest.raises(OnboardingError, match="declared in the settings"):
        onboarding.remove("blender")


def test_a_key_needs_a_server(platform, tmp_path, key):
    bare = replace(platform)
    outputs = {name: value for name, value in platform._outputs["ingestion"].items() if name != "SftpServerId"}
    object.__setattr__(bare, "_outputs", {"ingestion": outputs})
    with pytest.raises(OnboardingError, match="no SFTP server"):
        Onboarding(bare, folder=tmp_path).add("no-server", site=SITE, ssh_key=public(key))


@pytest.mark.parametrize("name", ["", "Blender", "-a", "a/b", "..", "a b", "a*", "x" * 64])
def test_what_is_no_prefix_is_no_name(name):
    with pytest.raises(OnboardingError, match="no studio's name"):
        checked_name(name)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/x", "https:///s3cret", "ftp://hooks.example", "hooks.example/s3cret"]
)
def test_what_is_no_webhook_is_refused_without_repeating_it(url):
    with pytest.raises(OnboardingError) as caught:
        checked_webhook(url, loopback=True)
    assert url not in str(caught.value)


def test_a_webhook_on_this_machine_is_for_the_embedded_cloud_only():
    assert checked_webhook("http://127.0.0.1:9/x", loopback=True)
    with pytest.raises(OnboardingError):
        checked_webhook("http://127.0.0.1:9/x", loopback=False)


def test_a_public_key_is_read_and_a_private_one_is_refused(tmp_path, key):
    (tmp_path / "id.pub").write_text(f"{public(key)} ada@desk\n")
    assert read_public_key(tmp_path / "id.pub").split()[:2] == public(key).split()[:2]
    key.write_private_key(tmp_path / "id")
    with pytest.raises(OnboardingError, match="private key"):
        read_public_key(tmp_path / "id")
    (tmp_path / "none").write_text("hello")
    with pytest.raises(OnboardingError, match="no SSH public key"):
        read_public_key(tmp_path / "none")
    with pytest.raises(OnboardingError, match="cannot be read"):
        read_public_key(tmp_path / "missing")


def test_transfer_refuses_a_session_policy_that_is_too_long(platform, name):
    server = platform.output("ingestion", "SftpServerId").rsplit("/", 1)[-1]
    transfer = platform.client("transfer")
    with pytest.raises(transfer.exceptions.InvalidRequestException, match="2048"):
        transfer.create_user(
            ServerId=server, UserName=name, Role="arn:aws:iam::000000000000:role/r", Policy=json.dumps("x" * 2048)
        )
