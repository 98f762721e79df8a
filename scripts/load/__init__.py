"""`make load`: ten thousand orders an hour through one relayer, with real proofs.

A trader proves its commit on a machine of its own. Here two cores do everything, and as many commits a
second as this rate has would alone take more than both: so what is the traders' is prepared, and what
is the venue's is measured.

    prepared    deposits, and for every order its commit's proof, valid in one epoch of one market
    live        six geth nodes that check every proof, the carrier that simulates and sends every commit
                and reveal, reveals made from the frozen set, and of the relayer: each settlement of up to 64
                orders with its proof, advances of the tree with theirs, prints with theirs

Waiting is measured from the last block in which a reveal can come to the block of the settlement,
an order each. It contains the confirmations that the relayer waits for before it acts.
"""
