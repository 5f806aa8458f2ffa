"""What each story ends in: `python -m tests.accounting.show [id ...]` lists the differences of all stories or of some.

Exit code 1 when a story differs that is not in pending.yaml, or one holds that is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.accounting.playing import played
from tests.accounting.reported import store_in
from tests.accounting.stories import pending, stories
from tests.support.abas_sandbox import running_sandbox


def main(ids: list[str]) -> int:
    """Play the stories and print what is otherwise than they expect."""
    waiting, wrong, holds = pending(), 0, 0
    with (
        tempfile.TemporaryDirectory() as directory,
        running_sandbox(Path(directory)) as sandbox,
        store_in(Path(directory)) as store,
    ):
        for story in stories():
            if ids and story.id not in ids:
                continue
            found = asyncio.run(played(story, sandbox, store))
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
