"""Exports torchvision's classification networks with both of PyTorch's exporters, with random weights, and what ONNX Runtime
answers and PyTorch in double precision, for `npx tsx scripts/onnxNetworks.ts FOLDER`.

    pip install torch torchvision onnx onnxruntime onnxscript
    python scripts/make_onnx_networks.py FOLDER [NAME[:SCALE] ...]

With a scale, the last batch norm of each residual branch has it as its weight (1 where none is given). Training keeps it small, and
begins with 0 since Goyal et al. (2017); branches of full size, more than 30 in a row, enlarge the last bits of any arithmetic.
"""
import pathlib
import sys

import onnxruntime
import torch
import torchvision

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
names = sys.argv[2:] or [
    "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "vgg11_bn", "densenet121", "googlenet", "inception_v3",
    "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_s", "mnasnet1_0", "regnet_y_400mf",
    "regnet_x_400mf", "shufflenet_v2_x1_0", "squeezenet1_1", "convnext_tiny", "vit_b_16", "swin_t"]
# Windows of swin_v2 are of 8 patches.
sizes = {"inception_v3": 299, "swin_v2_t": 256, "swin_v2_s": 256, "swin_v2_b": 256}
for given in names:
    name, _, scale = given.partition(":")
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, **options).eval()
    size = sizes.get(name, 224)
    if scale:
        for module in model.modules():
            if isinstance(module, torchvision.models.resnet.Bottleneck):
                torch.nn.init.constant_(module.bn3.weight, float(scale))
    # Batch norm that has seen images: with statistics of 0 and 1, activations of deep networks vanish.
    with torch.no_grad():
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        model(torch.randn(4, 3, size, size))
        model.eval()
        if name.startswith("vit"):  # its head begins with zeros
            torch.nn.init.normal_(model.heads.head.weight)
    x = torch.randn(1, 3, size, size)
    two = torch.cat([x, x.flip(3)])
    exported = []
    for exporter in ("script", "dynamo"):
        path = folder / f"{name}.{exporter}.onnx"
        try:
            if exporter == "script":
                torch.onnx.export(model, (x,), str(path), dynamo=False, input_names=["images"], output_names=["logits"],
                                  dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}}, opset_version=17)
            else:
                batch = torch.export.Dim("batch", min=1, max=64)
                torch.onnx.export(model, (torch.cat([x, x]),), path, dynamo=True, external_data=True, input_names=["images"],
                                  output_names=["logits"], dynamic_shapes=({0: batch},))
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            logits = session.run(None, {"images": two.numpy()})[0]
            two.numpy().astype("<f4").tofile(folder / f"{path.name}.images.bin")
            logits.astype("<f4").tofile(folder / f"{path.name}.logits.bin")
            exported.append(path.name)
            print("exported", path.name, flush=True)
        except Exception as error:
            print("failed", path.name, type(error).__name__, str(error)[:200], flush=True)
    with torch.no_grad():
        exact = model.double()(two.double()).numpy()
    for name in exported:
        exact.astype("<f8").tofile(folder / f"{name}.exact.bin")
