"""`shadowpool relayer new-key` and `erase-keys`: the reveal keys."""

from scripts.cli.common import AccountFile, AsJson, show
from scripts.cli.relayer.common import DEFAULT_KEYS, Keys, open_leader, show_receipts


def new_key(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Make a reveal key, keep it encrypted, and register it for windows that open later."""
    show_receipts(open_leader(account_file, keys).register_key(), as_json)


def erase_keys(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Erase every reveal key that nothing can need any more."""
    show([{"version": version} for version in open_leader(account_file, keys).erase_final_keys()], as_json)
