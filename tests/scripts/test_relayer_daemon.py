"""`shadowpool relayer run`: its configuration, and a loop that goes on whatever a round meets."""

import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from offchain.chain import ChainError, Reverted
from offchain.ledger import Diverged
from offchain.store import Busy, StoreError
from relayer.config import CHECKS, ConfigError, RelayerConfig
from relayer.service import Service, Settings
from scripts.cli import app
from scripts.cli.relayer.run import listen

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


def test_the_carrier_s_fees_are_a_table_or_a_variable(tmp_path):
    file = written(tmp_path, 'carrier_listen = "127.0.0.1:0"\n[carrier_fees]\nUSD = "0.50"\n')
    assert RelayerConfig.load(file, {}).carrier_fees == {"USD": "0.50"}
    asked = {"SHADOWPOOL_CARRIER_FEES": "USD=1,BTC=0.0001"}
    assert RelayerConfig.load(file, asked).carrier_fees == {"USD": "1", "BTC": "0.0001"}


def test_a_taken_port_of_the_carrier_is_said_and_nothing_runs():
    """And not by a thread that nobody hears while the relayer goes on without."""
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as stack:
        config = RelayerConfig(carrier_listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(OSError, match="in use"):
            listen(config, stack, sender=None)


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
        ("carrier_fees = {USD = 0.5}", "carrier_fees must be least fees in whole tokens by symbol"),
        ('carrier_fees = "USD=1,USD=2"', "carrier_fees must be least fees in whole tokens"),
        ("carrier_in_flight = 0", "carrier_in_flight must be a whole number from 1 to 1024"),
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
