"""Secret outputs: texts that the control plane encrypts and decrypts for a task (expression language 10.2)."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from segue.domain.encrypted import encrypted, is_encrypted
from segue.domain.errors import SegueError
from segue.domain.fetched_values import Refused
from segue.domain.needs import ValueKind, ValueNeed
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.control import Control
from segue.services.worker.journal import Masks

Answer = TypeVar("Answer")


class TaskCipher:
    """The part of the SDK's ``RunContext`` that encrypts; a worker has no key."""

    def __init__(self, job: pb.Job, control: Control, masks: Masks) -> None:
        self._job_of_cipher = job
        self._control_of_cipher = control
        self._masks = masks
        self._loop = asyncio.get_running_loop()

    async def encrypt(self, text: str) -> Mapping[str, str]:
        """The form in which a secret text may stand among outputs."""
        self.mask(text)
        return encrypted(await self._asked(ValueKind.CIPHER, text))

    async def decrypt(self, value: Mapping[str, str] | str) -> str:
        """The plain text."""
        if not isinstance(value, str) and not is_encrypted(value):
            raise SegueError("Only what was encrypted can be decrypted: a map with `type` and `value`")
        text = await self._asked(ValueKind.PLAIN, value if isinstance(value, str) else value["value"])
        self.mask(text)
        return text

    def encrypt_blocking(self, text: str) -> Mapping[str, str]:
        """As ``encrypt``, called in a thread."""
        return self._wait(self.encrypt(text))

    def decrypt_blocking(self, value: Mapping[str, str] | str) -> str:
        """As ``decrypt``, called in a thread."""
        return self._wait(self.decrypt(value))

    def mask(self, secret: str) -> None:
        """Hide a secret from now on."""
        self._masks.add(secret)

    async def _asked(self, kind: ValueKind, key: str) -> str:
        need = ValueNeed(kind, key)
        found = (await self._control_of_cipher.values(self._job_of_cipher, [need])).get(need)
        if isinstance(found, Refused):
            raise SegueError(found.reason)
        if not isinstance(found, str):
            raise SegueError("The control plane cannot encrypt for tasks: it is older than this worker")
        return found

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
