"""`shadowpool relayer run`: its configuration, and a loop that goes on whatever a round meets."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from offchain.chain import ChainError, Reverted
from offchain.ledger import Diverged
from relayer.config import CHECKS, ConfigError, RelayerConfig
from relayer.service import Service, Settings
from relayer.store import Busy, StoreError
from scripts.cli import app

SECRET = "hunter2"


def written(folder: Path, text: str) -> Path:
    file = folder / "relayer.toml"
    file.write_text(text)
    return file


def test_file_then_environment_then_options(tmp_path):
    file = written(tmp_path, 'database = "sqlite:///a"\nconfirmations = 3\nworkers = 2\nkeys = "k"\n')
    environment = {"SHADOWPOOL_CONFIRMATIONS": "7", "SHADOWPOOL_WORKERS": "5", "SHADOWPOOL_PASSWORD": SECRET}
    config = RelayerConfig.load(file, environment, workers=9, account=None)
    assert (config.database, config.confirmations, config.workers) == ("sqlite:///a", 7, 9)
    assert config.keys == tmp_path / "k" and config.account is None and SECRET not in repr(config)


def test_every_setting_is_checked():
    assert set(CHECKS) == set(RelayerConfig.__dataclass_fields__)
    for name, value in vars(RelayerConfig()).items():
        if value is not None:
            assert CHECKS[name](value) == value


@pytest.mark.parametrize(
    "line,words",
    [
        ("worker = 3", "unknown setting worker; known are rpc"),
        ("workers = 0", "workers must be a whole number from 1 to 64"),
        ('workers = "many"', "workers must be a whole number"),
        ("workers = true", "workers must be a whole number"),
        ("confirmations = 2.5", "confirmations must be a whole number"),
        ('database = "mysql://x"', "database must be an address that starts with sqlite:/// or postgresql"),
        (f'database = "postgresql+psycopg://me:{SECRET}@h/d"', "database must be without a password"),
        (f'redis = "redis://:{SECRET}@127.0.0.1/0"', "redis must be without a password"),
        ('metrics_listen = "0.0.0.0:9464"', "metrics_listen must be a loopback address and port"),
        ('carrier_listen = "here"', "carrier_listen must be a loopback"),
        ('log_format = "xml"', "log_format must be one of json, text"),
        ('keys = ""', "keys must be a path"),
        ("=", "is no TOML"),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(tmp_path, line, words):
    with pytest.raises(ConfigError, match=words) as refused:
        RelayerConfig.load(written(tmp_path, line), {})
    assert "relayer.toml" in str(refused.value) and SECRET not in str(refused.value)


def test_a_bad_variable_and_a_missing_file_are_named(tmp_path, capsys):
    with pytest.raises(ConfigError, match="SHADOWPOOL_WORKERS must be a whole number from 1 to 64"):
        RelayerConfig.load(None, {"SHADOWPOOL_WORKERS": "-1"})
    with pytest.raises(SystemExit):
        app.main(["relayer", "run", "--config", str(tmp_path / "none.toml")])
    assert "there is no configuration at" in capsys.readouterr().err


ERRORS = [
    ChainError("no chain answers"), Reverted("settle", "no"), Diverged("another root"), StoreError("gone"),
    Busy("another process"), TimeoutError("slow"), KeyError(SECRET),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_round_that_fails_is_followed_by_the_next(error, monkeypatch, capsys):
    heads, stop, rounds = iter(range(100)), threading.Event(), []
    leader = SimpleNamespace(
        chain=SimpleNamespace(head=lambda: next(heads), chain_id=1), ledger=None, duties=None
    )  # fmt: skip
    service = Service(leader, sender=None, store=None, settings=Settings(poll_seconds=0.001))

    def round_(head):
        rounds.append(head)
        if len(rounds) == 3:
            stop.set()
            return
        raise error

    monkeypatch.setattr(service, "round", round_)
    service.run(stop)
    assert rounds == [0, 1, 2]
    said = capsys.readouterr().err
    assert said.count('"round failed"') == 2 and type(error).__name__ in said and SECRET not in said
