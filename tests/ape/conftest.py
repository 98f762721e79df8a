def pytest_ignore_collect(collection_path, config):
    """These need ape's plugin; `make test` runs them through `ape test` (tests/network/test_ape.py)."""
    return None if config.pluginmanager.hasplugin("ape_test") else True
