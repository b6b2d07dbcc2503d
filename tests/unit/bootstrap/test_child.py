"""What the worker of a standalone server inherits."""

from segue.bootstrap.child import chosen_environment, worker_environment

ENVIRON = {
    "PATH": "/bin",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://proxy:3128",
    "PYTHONPATH": "/plugins",
    "SECRET_TOKEN": "c2VjcmV0",
    "SEGUE_ENCRYPTION_SECRET_KEY": "key",
    "SEGUE_DATASOURCES_POSTGRES_PASSWORD": "password",
    "DATASOURCES_POSTGRES_PASSWORD": "password",
    "KESTRA_CONFIGURATION": "kestra: {}",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "MY_NAME": "me",
    "MY_NAMESAKE": "other",
}


def test_settings_and_secrets_stay_with_the_control_plane() -> None:
    assert set(worker_environment(ENVIRON)) == {"PATH", "LC_ALL", "https_proxy", "PYTHONPATH"}


def test_the_configuration_lets_more_through() -> None:
    assert chosen_environment(ENVIRON, ()) == {}
    assert set(chosen_environment(ENVIRON, ("AWS_*", "MY_NAME", "NONE"))) == {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MY_NAME",
    }  # fmt: skip
