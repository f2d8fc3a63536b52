"""Write the golden answers that tests/test_shipped_model.py compares with, after a new training.

python scripts/golden_answers.py
"""

from __future__ import annotations

import json
from pathlib import Path

from objrec import Recognizer, open_dataset

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Recognise every 100th unseen toy with the shipped model."""
    recognizer = Recognizer.load(device="cpu")
    toys = open_dataset(ROOT / "data" / "toys", split="test")
    rows = []
    for index in range(0, len(toys), 100):
        answer = recognizer.recognize(toys[index])
        rows.append(
            {
                "index": index,
                "category": answer.category,
                "pose": {name: round(value, 3) for name, value in answer.pose.to_dict().items()},
                "energies": {name: round(value, 4) for name, value in answer.energies.items()},
            }
        )
    path = ROOT / "tests" / "golden" / "toys.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{path}: {len(rows)} answers")


if __name__ == "__main__":
    main()
