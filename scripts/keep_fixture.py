"""Writes a fixture file, or checks that the committed one is what this run makes (`--check`)."""

import argparse
import sys

from make_fixtures import FOLDER, text_of


def keep_fixture(name, make, description):
    """Keeps what `make` gives in the file `name` of `test/fixtures/torch`; with `--check`, exits with 1 if that differs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--check', action='store_true')
    check = parser.parse_args().check
    path, text = FOLDER / name, text_of(make())
    if check:
        same = path.exists() and path.read_text() == text
        print('the same' if same else f'{path.name} is not what this run makes')
        sys.exit(0 if same else 1)
    path.write_text(text)
    print(f'{path.name}: {len(text):,} bytes')
