"""Studios deliver by SFTP, each confined to its own prefix."""

import asyncio

import pytest

asyncssh = pytest.importorskip("asyncssh", reason="needs requirements-sandbox.txt: SFTP")

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def key():
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def studio(deploy, key):
    public = key.export_public_key().decode()
    return deploy(
        {
            "Raw": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
                },
            },
            "Server": {
                "Type": "AWS::Transfer::Server",
                "Properties": {
                    "Protocols": ["SFTP"],
                    "IdentityProviderType": "SERVICE_MANAGED",
                    "Tags": [{"Key": "a", "Value": "b"}],
                },
            },
            "User": {
                "Type": "AWS::Transfer::User",
                "Properties": {
                    "ServerId": {"Fn::GetAtt": ["Server", "ServerId"]},
                    "UserName": "acme",
                    "Role": "arn:aws:iam::000000000000:role/studio",
                    "HomeDirectoryType": "LOGICAL",
                    "HomeDirectoryMappings": [
                        {"Entry": "/", "Target": {"Fn::Sub": "/${Raw}/$" + "{!transfer:UserName}"}}
                    ],
                    "SshPublicKeys": [public],
                },
            },
            "Seen": {"Type": "AWS::SQS::Queue"},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": [{"Ref": "Raw"}]}}},
                    "Targets": [{"Id": "seen", "Arn": {"Fn::GetAtt": ["Seen", "Arn"]}}],
                },
            },
        },
        {"Raw": {"Ref": "Raw"}, "Seen": {"Ref": "Seen"}, "Server": {"Ref": "Server"}},
    )


@pytest.fixture(scope="module")
def session(cloud, studio, key):
    """Runs a coroutine function with an SFTP client of the studio."""

    def run(work, *, client_key=key, user="acme"):
        async def connected():
            async with (
                asyncssh.connect(
                    "127.0.0.1",
                    cloud.sftp_port,
                    username=user,
                    client_keys=[client_key],
                    known_hosts=None,
                    config=None,
                    agent_path=None,
                ) as connection,
                connection.start_sftp_client() as sftp,
            ):
                return await work(sftp)

        return asyncio.run(connected())

    return run


async def _write(sftp, path, content):
    async with sftp.open(path, "wb") as file:
        for start in range(0, len(content), 1000):
            await file.write(content[start : start + 1000])


def _keys(aws, bucket):
    return [entry["Key"] for entry in aws("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_an_upload_lands_under_the_studios_prefix_as_one_event(aws, session, studio, eventually, received):
    content = bytes(range(256)) * 40
    session(lambda sftp: _write(sftp, "/d1/film.mov", content))
    stored = aws("s3").get_object(Bucket=studio["Raw"], Key="acme/d1/film.mov")
    assert stored["Body"].read() == content
    assert stored["VersionId"]
    events = list(eventually(lambda: received(studio["Seen"])))
    session(lambda sftp: _write(sftp, "/d1/last", b"x"))
    while not any(event["detail"]["object"]["key"] == "acme/d1/last" for event in events):
        events += eventually(lambda: received(studio["Seen"]))
    films = [event for event in events if event["detail"]["object"]["key"] == "acme/d1/film.mov"]
    assert len(films) == 1
    assert films[0]["detail-type"] == "Object Created"
    assert films[0]["detail"]["object"]["size"] == len(content)


@pytest.mark.parametrize("path", ["/../evil", "../../other/evil", "/d1/../../../evil", "..//..//evil", "/./../evil"])
def test_no_path_leads_out_of_the_prefix(aws, session, studio, path):
    session(lambda sftp: _write(sftp, path, b"x"))
    assert all(key.startswith("acme/") for key in _keys(aws, studio["Raw"]))


def test_a_neighbours_files_are_out_of_sight(aws, session, studio):
    aws("s3").put_object(Bucket=studio["Raw"], Key="acme-secret/film.mov", Body=b"x")
    aws("s3").put_object(Bucket=studio["Raw"], Key="neighbour/film.mov", Body=b"x")

    async def look(sftp):
        listed = await sftp.listdir("/..")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.stat("/../neighbour/film.mov")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.rename("/../acme-secret/film.mov", "/mine")
        return listed

    assert not {"neighbour", "acme-secret", "film.mov"} & set(session(look))


def test_another_key_does_not_open_the_door(session):
    with pytest.raises(asyncssh.PermissionDenied):
        session(lambda sftp: sftp.listdir("/"), client_key=asyncssh.generate_private_key("ssh-ed25519"))


def test_another_user_does_not_either(session):
    with pytest.raises(asyncssh.PermissionDenied):
        session(lambda sftp: sftp.listdir("/"), user="other")


def test_a_deletion_leaves_the_version(aws, session, studio):
    session(lambda sftp: _write(sftp, "/gone", b"x"))
    session(lambda sftp: sftp.remove("/gone"))
    assert "acme/gone" not in _keys(aws, studio["Raw"])
    versions = aws("s3").list_object_versions(Bucket=studio["Raw"], Prefix="acme/gone")
    assert len(versions["Versions"]) == 1
    assert len(versions["DeleteMarkers"]) == 1


def test_the_server_is_described(aws, studio):
    server = aws("transfer").describe_server(ServerId=studio["Server"].rsplit("/", 1)[1])["Server"]
    assert (server["State"], server["UserCount"], server["Arn"]) == ("ONLINE", 1, studio["Server"])
