"""`python -m sealmq` is `sealmq`."""

from sealmq.cli import main

if __name__ == "__main__":
    main()
