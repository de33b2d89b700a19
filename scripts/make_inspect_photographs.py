"""What plain PyTorch sees in photographs, in float64 and in float32, for `npx tsx scripts/inspectPhotographs.ts FOLDER`: logits,
Grad-CAM of layer3 and the gradient of class 281 with respect to pixels, for torchvision's ResNet-18 and ResNet-50 with random
weights and random running statistics.

    pip install torch torchvision numpy pillow
    python scripts/make_inspect_photographs.py FOLDER PICTURE [PICTURE ...]
"""
import pathlib
import sys

import numpy as np
import torch
import torchvision
from PIL import Image

CLASS, SIZE = 281, 224


def cut(path):
    """The middle square of a picture, [224, 224, 3] bytes."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.BILINEAR))


def network(name):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None)
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def look(model, pictures, dtype):
    """Logits, Grad-CAM of layer3 and the gradient of the class's logit to pixels in [0, 1], all in float64 arrays."""
    model = model.to(dtype)
    held = {}

    def hold(_module, _inputs, output):
        output.retain_grad()
        held["layer3"] = output

    handle = model.layer3.register_forward_hook(hold)
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=dtype).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], dtype=dtype).view(1, 3, 1, 1)
    pixels = (torch.tensor(pictures).permute(0, 3, 1, 2).to(dtype) / 255).requires_grad_()
    logits = model((pixels - mean) / std)
    logits[:, CLASS].sum().backward()
    handle.remove()
    stage = held["layer3"]
    cam = (stage.grad.mean((2, 3), keepdim=True) * stage).sum(1).clamp(min=0)
    return {"logits": logits.detach().double().numpy(), "cam": cam.detach().double().numpy(), "gradient": pixels.grad.double().numpy()}


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
pictures = np.stack([cut(path) for path in sys.argv[2:]])
pictures.tofile(folder / "pictures.bin")
for name in ("resnet18", "resnet50"):
    model = network(name)
    torch.save(model.state_dict(), folder / f"{name}.pth")
    for dtype, kind in ((torch.float64, "float64"), (torch.float32, "float32")):
        # One picture at a time: a batch may take other kernels.
        found = [look(model, picture[None], dtype) for picture in pictures]
        for what in found[0]:
            np.concatenate([one[what] for one in found]).astype("<f8").tofile(folder / f"{name}.{kind}.{what}.bin")
    print("looked with", name, flush=True)
