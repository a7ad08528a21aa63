import json

import pytest
from aws_cdk import App

import app
from stacks.settings import SettingsError
from stacks.synthesis import new_app


def settings(name, **context):
    return app.settings_of(App(context=context), name)


def test_without_context_a_profile_is_as_it_is_written():
    assert settings("sandbox").profile == "sandbox"
    assert settings("production").encoding.image is None


def test_opt_ins_are_the_sandboxs():
    opted = settings("sandbox", sandbox_opt_ins="sftp,web_acl")
    assert (opted.ingestion.sftp, opted.delivery.web_acl, opted.playback.dedicated_content_key) == (True, True, False)
    assert settings("production", sandbox_opt_ins="sftp") == settings("production")


def test_an_unknown_opt_in_is_refused():
    with pytest.raises(SettingsError, match="no such opt-in: nat"):
        settings("sandbox", sandbox_opt_ins="nat")


def test_the_encoders_image_is_taken_from_the_context():
    assert (
        settings("sandbox", encoder_image="registry.example/encoder:1").encoding.image == "registry.example/encoder:1"
    )


def test_the_sign_in_endpoint_is_taken_from_the_context():
    assert (
        settings("sandbox", sign_in_endpoint="http://127.0.0.1:1/").delivery.sign_in_endpoint == "http://127.0.0.1:1/"
    )


def test_where_viewers_sign_in_is_taken_from_the_context():
    assert settings("sandbox", sign_in_domain="/").delivery.sign_in_domain == "/"


def test_webhooks_lead_to_the_machine_itself_in_a_sandbox_that_says_so_only():
    assert settings("sandbox", loopback_webhooks="true").ingestion.loopback_webhooks is True
    assert settings("sandbox").ingestion.loopback_webhooks is False
    assert settings("production", loopback_webhooks="true") == settings("production")


def test_retries_come_as_soon_as_the_context_says():
    assert settings("sandbox", first_retry_pause_s="2").encoding.first_retry_pause_s == 2
    assert settings("sandbox").encoding.first_retry_pause_s == 60


def test_ssh_keys_are_given_to_their_studios():
    studios = settings("sandbox", ssh_keys=json.dumps({"blender": "ssh-ed25519 AAAA"})).ingestion.studios
    assert [studio.ssh_public_keys for studio in studios] == [("ssh-ed25519 AAAA",)]


def test_the_profiles_that_cdk_json_names_exist(tmp_path):
    for name in new_app(tmp_path).node.try_get_context("profiles").split(","):
        assert settings(name).profile == name


def test_a_measurement_may_ask_more_often():
    assert settings("sandbox", playback_quota="5000").rate_limits.playback == 5000
    assert settings("sandbox").rate_limits.playback == 100
