"""`python -m schemas.generate`: what `saldo schemas generate` does, without importing what it is about to write.

For the moment after a merge, when the generated files hold the marks of a conflict.
"""

import sys

from schemas.catalog import ROOT
from schemas.generate import Untranslatable, run

try:
    changed = run(ROOT)
except Untranslatable as error:
    sys.exit(str(error))
sys.stdout.writelines(f"{file}\n" for file in changed)
