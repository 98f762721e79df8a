"""Parent orders, worked as one child an epoch through a `Desk`.

`Slicer` is made in the agent's composition root and `routes.router` mounted on its gateway. What clients
need is in `parents`, which imports neither.
"""
