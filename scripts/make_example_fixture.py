"""What `examples/pytorch/small.py` computes with the weights of test/fixtures/pth/small.pth: the other half of `examples/pytorch/small.ts`.

    python scripts/make_example_fixture.py [--check]
"""
import json
import pathlib
import sys

import torch

root = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(root / "examples/pytorch"))
from small import Small  # noqa: E402

folder = root / "test/fixtures/pth"
torch.manual_seed(0)
model = Small()
with torch.no_grad():
    for norm in (model.bn1, model.bn2):
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 1.5)
images = torch.tensor([7 * i % 11 / 11 for i in range(384)], dtype=torch.float64).reshape(2, 3, 8, 8)
logits = [float(f"{value:.9g}") for value in model.double().eval()(images).flatten().tolist()]
text = json.dumps({"generator": "scripts/make_example_fixture.py", "torch": torch.__version__, "logits": logits}) + "\n"
if "--check" in sys.argv:
    assert (folder / "small.json").read_text() == text, "small.json is not what this run makes"
    print("the same")
else:
    torch.save(model.float().state_dict(), folder / "small.pth")
    (folder / "small.json").write_text(text)
