"""Train torchvision's ResNet-18 on distilled digits: python examples/train_torchvision.py [STEPS]."""

import sys
from itertools import islice

import torch
from torchvision.models import resnet18

import gendistill
from gendistill.data.sources import read_digits

artifact = gendistill.load("zoo/digits.safetensors", device="cuda" if torch.cuda.is_available() else "cpu")
network = resnet18(num_classes=len(artifact.classes)).to(artifact.device)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
for images, labels in islice(artifact.fresh(batch_size=100, seed=0), steps):  # new images at every step
    loss = torch.nn.functional.cross_entropy(network(images.expand(-1, 3, -1, -1)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
real = read_digits(artifact.card["data"]["split_seed"]).test  # 360 images that the generator never saw
tests = torch.stack([artifact.transform(image) for image in real.images])
predicted = network.eval()(tests.expand(-1, 3, -1, -1).to(artifact.device)).argmax(1).cpu()
print(f"accuracy {(predicted == torch.from_numpy(real.labels)).float().mean():.3f} after {steps} steps")
