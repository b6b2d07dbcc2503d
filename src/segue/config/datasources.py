"""Named databases, with the keys that Kestra's ``datasources`` use (server document 3.1)."""

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from segue.config.errors import ConfigurationError

_JDBC = "jdbc:"
_POSTGRES_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
# Parameters of the Java driver that mean the same to libpq under another name.
_JDBC_PARAMETERS = {
    "sslmode": "sslmode",
    "ApplicationName": "application_name",
    "connectTimeout": "connect_timeout",
}

POOL_SETTINGS = frozenset(
    {
        "connection_timeout",
        "driver_class_name",
        "idle_timeout",
        "initialization_fail_timeout",
        "keepalive_time",
        "leak_detection_threshold",
        "max_lifetime",
        "minimum_idle",
    }
)
"""Keys of the original's connection pool, accepted and not used."""


class DataSource(BaseModel):
    """Where a database is and who logs in."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    url: str = Field(
        repr=False,
        description="`sqlite:///path/file.db`, `postgresql://host:5432/name` or the same after `jdbc:`.",
    )
    username: str | None = Field(default=None, description="Role to log in as, unless the URL names it.")
    password: SecretStr | None = Field(default=None, description="Its password, unless the URL holds it.")
    maximum_pool_size: int = Field(
        default=6, ge=1, le=100, description="Connections that one process opens to it at most."
    )

    def address(self) -> str:
        """The URL for the SQL adapters, with the credentials in it: never log it.

        Raises ``ConfigurationError`` for a database that is not supported.
        """
        url = self.url.removeprefix(_JDBC)
        scheme = url.split(":", 1)[0].lower()
        if scheme == "sqlite":
            return url
        if scheme not in _POSTGRES_SCHEMES:
            raise ConfigurationError(
                f"a data source has a URL that begins with `{scheme}:`; supported are sqlite and postgresql"
            )
        return self._postgres(url)

    def _postgres(self, url: str) -> str:
        parts = urlsplit(url)
        query: dict[str, Any] = {}
        user, password = self.username, self.password.get_secret_value() if self.password else None
        for key, value in parse_qsl(parts.query):
            if key == "user":
                user = user or value
            elif key == "password":
                password = password or value
            elif not self.url.startswith(_JDBC):
                query[key] = value
            elif key in _JDBC_PARAMETERS:
                query[_JDBC_PARAMETERS[key]] = value
        place = parts.netloc
        if "@" not in place and user:
            secret = f":{quote(password, safe='')}" if password else ""
            place = f"{quote(user, safe='')}{secret}@{place}"
        tail = f"?{urlencode(query)}" if query else ""
        return f"postgresql+psycopg://{place}{parts.path}{tail}"
