"""What each story ends in: `python -m tests.accounting.show [id ...]` lists the differences of all stories or of some.

`--twice` writes each record twice, `--turned SEED` changes the order of what is independent within a day.
Exit code 1 when a story differs that is not in pending.yaml, or one holds that is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.accounting.playing import played
from tests.accounting.reported import store_in
from tests.accounting.stories import pending, stories
from tests.accounting.turning import turned
from tests.support.abas_sandbox import running_sandbox


def main(arguments: list[str]) -> int:
    """Play the stories and print what is otherwise than they expect."""
    parser = argparse.ArgumentParser(prog="python -m tests.accounting.show")
    parser.add_argument("ids", nargs="*", help="ids of stories; all without any")
    parser.add_argument("--twice", action="store_true", help="write each record into its inbox twice")
    parser.add_argument("--turned", type=int, metavar="SEED", help="change the order of independent events of a day")
    asked = parser.parse_args(arguments)
    waiting, wrong, holds = pending(), 0, 0
    with (
        tempfile.TemporaryDirectory() as directory,
        running_sandbox(Path(directory)) as sandbox,
        store_in(Path(directory)) as store,
    ):
        for story in stories():
            if asked.ids and story.id not in asked.ids:
                continue
            ordered = story if asked.turned is None else turned(story, asked.turned)
            found = asyncio.run(played(ordered, sandbox, store, times=2 if asked.twice else 1))
            holds += not found
            wrong += bool(found) != (story.id in waiting)
            sys.stdout.write(
                f"{'pending' if found and story.id in waiting else 'differs' if found else 'holds'}  {story.id}\n"
            )
            sys.stdout.writelines(f"    {line}\n" for line in found)
    sys.stdout.write(f"{holds} hold, {wrong} are not as pending.yaml says\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
