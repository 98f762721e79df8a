from scripts.network.cli import app

app(prog_name="python -m scripts.network")
