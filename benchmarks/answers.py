"""Every model of a folder in this Python's ONNX Runtime, beside the answers that another gave: one JSON object.

    python -m benchmarks.answers FOLDER       answers.npz: "pictures/S" (n,S,S,3) by size, "MODEL/OUTPUT" (n, ...)

Run by `old_runtime.py` under Python 3.8, where there is neither torch nor pytest.
"""
from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from jetracer.engine.onnx_runtime import OnnxEngine


def ask(path: Path, pictures: np.ndarray) -> Dict[str, np.ndarray]:
    """All answers of a model, by output, (n, values)."""
    with OnnxEngine(path) as engine:
        rows: List[Dict[str, np.ndarray]] = []
        for picture in pictures:
            answer = engine.infer({"image": picture[None]})
            rows.append({name: values[0].copy() for name, values in answer.items()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def beside(path: Path, wanted: Any) -> Dict[str, Any]:
    """How far each output is from what is wanted, in parts of the largest output's spread; or why it failed."""
    try:
        answers = ask(path, wanted[f"{path.stem}/pictures"])
    except Exception as error:  # whatever it is, the test shall name the model
        return {"failed": f"{type(error).__name__}: {error}"}
    known = {name: wanted[f"{path.stem}/{name}"] for name in answers}
    spread = max(float(values.std()) for values in known.values())
    return {"apart": {name: float(np.abs(found - known[name]).max()) / spread for name, found in answers.items()}}


def main(folder: Path) -> None:
    import onnxruntime

    with np.load(folder / "answers.npz") as wanted:
        models = {path.stem: beside(path, wanted) for path in sorted(folder.glob("*.onnx"))}
    print(json.dumps({"python": platform.python_version(), "onnxruntime": onnxruntime.__version__, "models": models}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
