"""What `ape console` does first: let it read the headers of a proof-of-authority chain."""

from web3.middleware import ExtraDataToPOAMiddleware


def ape_init_extras(chain):
    """Clique puts a seal of 65 bytes into extraData, which web3 refuses without this layer."""
    web3 = getattr(chain.provider, "web3", None)
    if web3 is not None and "poa" not in web3.middleware_onion:
        web3.middleware_onion.inject(ExtraDataToPOAMiddleware, "poa", layer=0)
    return {}
