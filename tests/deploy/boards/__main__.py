"""
python -m boards            the files of deploy/grafana/dashboards are what the modules say
python -m boards --write    makes them so
"""

import json
import sys
from pathlib import Path

from boards import audit, overview, purchases, spend, upstream

FOLDER = Path("deploy/grafana/dashboards")
BOARDS = [module.board() for module in (overview, spend, purchases, upstream, audit)]

texts = {board.file: json.dumps(board.board, indent=2) + "\n" for board in BOARDS}
if sys.argv[1:] == ["--write"]:
    for file, text in texts.items():
        (FOLDER / file).write_text(text)
wrong = [file for file, text in texts.items() if not (FOLDER / file).exists() or (FOLDER / file).read_text() != text]
wrong += [path.name for path in FOLDER.glob("*.json") if path.name not in texts]
sys.exit(f"not what python -m boards makes: {', '.join(wrong)}" if wrong else None)
