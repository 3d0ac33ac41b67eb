"""Loads the verification's plugin when the tests are collected without it (plain pytest on this folder)."""

import pytest

from veloq.verification import plugin

NAME = "veloq.verification.plugin"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    if not pluginmanager.has_plugin(NAME):
        pluginmanager.register(plugin, NAME)


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(plugin, NAME)
