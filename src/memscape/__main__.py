"""`python -m memscape` is `memscape`."""

from memscape.cli import main

if __name__ == "__main__":
    main()
