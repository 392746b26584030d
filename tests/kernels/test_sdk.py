"""What changes in the environment of kernels, without a kernel."""

from __future__ import annotations

import configparser

import pytest

from wherobots_storage.kernels.sdk import SERVER_KEYS, SdkSetup, apply, config_text, sdk_changes

PROVIDER = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/credentials",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/state/token",
}
SETUP = SdkSetup(PROVIDER, "eu-central-1", "https://s3.example.org", "/state/config")


def test_the_server_s_keys_go() -> None:
    """Whatever the server lives by, nothing of it is left, and the rest of it stays."""
    base = {**dict.fromkeys(SERVER_KEYS, "of the server"), "PATH": "/bin", "AWS_PAGER": ""}
    found = apply(base, sdk_changes(base, SdkSetup()))
    assert found == {"PATH": "/bin", "AWS_PAGER": ""}


def test_an_sdk_finds_everything() -> None:
    """The endpoint of the keys, the region by both its names, where the store is, a profile."""
    base = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/of/the/server"}
    assert apply(base, sdk_changes(base, SETUP)) == {
        **PROVIDER,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_CONFIG_FILE": "/state/config",
    }


@pytest.mark.parametrize(
    "name",
    [
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
    ],
)
def test_what_is_set_stays(name: str) -> None:
    """A region or an endpoint that the environment names is not replaced."""
    base = {name: "chosen"}
    assert apply(base, sdk_changes(base, SETUP))[name] == "chosen"


def test_an_endpoint_for_all_services_is_enough() -> None:
    """Where AWS_ENDPOINT_URL is set there is no other beside it, which would win."""
    assert "AWS_ENDPOINT_URL_S3" not in sdk_changes({"AWS_ENDPOINT_URL": "http://x"}, SETUP)


def test_aws_itself_needs_no_endpoint() -> None:
    """On AWS the SDKs find it, and use the checksums that they choose."""
    changes = sdk_changes({}, SdkSetup(PROVIDER, "eu-central-1"))
    assert set(changes) == {*PROVIDER, "AWS_REGION", "AWS_DEFAULT_REGION"}
    assert "endpoint" not in config_text(SdkSetup(PROVIDER, "eu-central-1"))


def test_the_generated_file_has_a_default_profile() -> None:
    """It holds a region and an endpoint, and no key: the SDK asks the endpoint for those."""
    parsed = configparser.ConfigParser()
    parsed.read_string(config_text(SETUP))
    assert dict(parsed["default"]) == {
        "region": "eu-central-1",
        "endpoint_url": "https://s3.example.org",
        "request_checksum_calculation": "when_required",
    }
