"""``python -m stream`` is the command ``fraudstream``."""

from stream.cli.main import main

if __name__ == "__main__":
    main()
