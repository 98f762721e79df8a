"""`agent.toml`: read strictly; what is wrong is named with where it stands."""

import pytest

from offchain.agent.config import AgentConfig, ConfigError
from offchain.fix.settings import Counterparty, hash_password

HASH = hash_password("a password")

LEAST = """
[agent]
deployment = "deployment.json"
key = "key.json"
credentials = ["credential.json"]
carriers = ["https://carrier.example", "carrier.json"]
"""
FIX = LEAST + '[fix]\nlisten = "127.0.0.1:1"\n'


def load(folder, text):
    (folder / "agent.toml").write_text(text)
    return AgentConfig.load(folder / "agent.toml")


def test_all_of_it(tmp_path):
    found = load(
        tmp_path,
        LEAST
        + """
        workers = 3
        [max_fees]
        USD = "0.50"
        [ahead.USD]
        pairs = 2
        covering = "100000"
        [gateway]
        listen = "127.0.0.1:8700"
        origins = ["https://desk.example"]
        [fix]
        listen = "[::1]:8701"
        symbols = {"BTC/USD" = 0}
        counterparties = [{comp_id = "OMS", password_hash = "HASH"}]
        [limits.markets.0]
        band_bps = 500
        """.replace("HASH", HASH),
    )
    assert found.carriers == ("https://carrier.example", tmp_path / "carrier.json") and found.key == tmp_path / "key.json"
    assert (found.workers, found.max_fees, found.ahead) == (3, {"USD": "0.50"}, {"USD": (2, "100000")})
    assert (found.gateway.host, found.gateway.port, found.fix.host) == ("127.0.0.1", 8700, "::1")
    assert found.fix.counterparties == (Counterparty("OMS", HASH),) and found.limits == {"markets": {"0": {"band_bps": 500}}}
    assert found.gateway.origins == frozenset({"https://desk.example"})


@pytest.mark.parametrize(
    "text,words",
    [
        ("", "lacks agent"),
        ("[agent]\n", "agent lacks key"),
        (LEAST.replace("carriers", "couriers"), "unknown setting couriers; known are rpc"),
        (LEAST + "workers = true\n", "workers must be a whole number from 1 to 16"),
        (LEAST + "workers = 0\n", "workers must be a whole number from 1 to 16"),
        (LEAST + 'rpc = "ftp://x"\n', "rpc must be an address that starts with http"),
        (LEAST + 'store = "postgresql+psycopg://me:secret@x/y"\n', "without a password"),
        (LEAST + "in_my_name = true\n", "in_my_name needs agent.account"),
        (LEAST.replace('"https://carrier.example", "carrier.json"', ""), "names nobody to send what is private"),
        (LEAST + '[gateway]\nlisten = "0.0.0.0:8700"\n', "listen must be a loopback address"),
        (LEAST + "[gateway]\norigins = []\n", "gateway lacks listen"),
        (LEAST + '[max_fees]\nUSD = 0.5\n', "max_fees must be whole tokens by symbol as text"),
        (LEAST + '[ahead.USD]\npairs = 2\n', "ahead.USD lacks covering"),
        ("ahead = 5\n" + LEAST, "ahead must be a table"),
        (LEAST + '[fix]\nlisten = "127.0.0.1:1"\ncounterparties = [{comp_id = "A"}]\n', r"counterparties\[0\] lacks password_hash"),
        (LEAST + '[gateway]\nlisten = "127.0.0.1:1"\norigins = ["*"]\n', "gateway: '\\*' is no origin: write scheme"),
        (FIX, "fix lacks counterparties"),
        (FIX + f'counterparties = [{{comp_id = "O MS", password_hash = "{HASH}"}}]\n', "CompID 'O MS': use 1 to 20 of A-Z"),
        (FIX + 'counterparties = [{comp_id = "OMS", password_hash = "00"}]\n', "64 hexadecimal digits; `shadowpool agent fix-password`"),
        (FIX + f'comp_id = "A B"\ncounterparties = [{{comp_id = "OMS", password_hash = "{HASH}"}}]\n', "CompID 'A B': use 1 to 20"),
        (FIX + f'comp_id = "OMS"\ncounterparties = [{{comp_id = "OMS", password_hash = "{HASH}"}}]\n', "must differ: give each its own"),
        ("[agent\n", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        load(tmp_path, text)
    assert "secret" not in str(refused.value)


def test_no_file_says_where_one_is_shown(tmp_path):
    with pytest.raises(ConfigError, match="docs/agent.md"):
        AgentConfig.load(tmp_path / "none.toml")
