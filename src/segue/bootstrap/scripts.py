"""What a worker keeps for Python scripts, from its start to its end."""

import sys

from segue.config.sections import PythonSection
from segue.plugins.scripts.python.environments import Environments
from segue.plugins.scripts.python.home import PythonHome, cache_folder, leave, settle
from segue.plugins.scripts.python.warm import WarmInterpreters
from segue.services.lifecycle import Service


class PythonScripts(Service):
    """Environments, and on Linux warm interpreters, for the tasks of this process."""

    name = "python-scripts"

    def __init__(self, section: PythonSection) -> None:
        super().__init__()
        self._section = section
        self._home: PythonHome | None = None

    async def on_start(self) -> None:
        """Have tasks find them."""
        section = self._section
        warm = None
        if section.warm_interpreters and sys.platform == "linux":
            warm = WarmInterpreters(most=section.warm_interpreters, idle_for=section.idle_time.total_seconds())
        environments = Environments(section.cache_path or cache_folder(), most_bytes=section.cache_size)
        self._home = PythonHome(environments, warm)
        settle(self._home)

    async def on_stop(self) -> None:
        """End the interpreters."""
        if self._home is None:
            return
        leave(self._home)
        if self._home.interpreters is not None:
            await self._home.interpreters.close()
