from scripts.services.cli import app

app(prog_name="python -m scripts.services")
