"""What a package exports is there, and is exported once."""

import importlib
import pkgutil

import pytest

import segue

PACKAGES = ["segue"] + [
    module.name
    for module in pkgutil.walk_packages(segue.__path__, "segue.")
    if module.ispkg and ".generated" not in module.name and ".migrations" not in module.name
]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_names_exist(name: str):
    package = importlib.import_module(name)
    exported = getattr(package, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert not [entry for entry in exported if not hasattr(package, entry)]
