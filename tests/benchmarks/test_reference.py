"""Loading and running a checkout of DiM, on a stand-in that records what it was given."""

import random
import sys

import pytest
import torch
import torchvision

from benchmarks.inputs import CLASSES
from benchmarks.reference import Cut, DiM, unchecked_cifar10, write_cifar10
from gendistill.runtime.errors import UserError

SHARED = """
import random, sys
import torch
import torchvision.transforms as transforms
from torchvision import datasets
import models.convnet
from utils import Normalize
from gan_model import Generator, Discriminator

def load_data(args):
    both = [datasets.CIFAR10(root=args.data_dir, train=train, download=True, transform=transforms.ToTensor())
            for train in (True, False)]
    return [torch.utils.data.DataLoader(each, batch_size=args.batch_size) for each in both]

def diffaug(args):
    normalize = Normalize((0.5,) * 3, (0.5,) * 3, device="cuda")
    return normalize, normalize

seen = []
"""
TRAIN = """
def train(args, epoch, generator, discriminator, optim_g, optim_d, loader, criterion, aug, aug_rand):
    print("noise")
    for image, label in loader:
        inner = len(list(loader)) if hasattr(args, "epochs_match_train") else 0
        image = aug(image.cuda())
        seen.append((tuple(image.shape), inner, random.choice(["a", "b"]), torch.backends.cudnn.deterministic,
                     optim_g.param_groups[0]["lr"], optim_g.param_groups[0]["betas"]))
"""
VALIDATE = """
def validate(args, generator, loader, criterion, aug_rand):
    seen.append((args.eval_model, args.epochs_eval, args.test_interval, args.ipc, args.batch_size, len(loader.dataset)))
"""
FILES = {
    "gen_condense.py": SHARED + TRAIN,
    "pool_match.py": SHARED + TRAIN,
    "validate.py": SHARED + VALIDATE,
    "gan_model.py": "import torch\nGenerator = Discriminator = lambda args: torch.nn.Linear(2, 2).cuda()\n",
    "utils.py": """
import torch
class Normalize:
    def __init__(self, mean, std, device):
        self.mean = torch.tensor(mean, device=device).view(3, 1, 1)
    def __call__(self, x):
        return x - self.mean
""",
    "models/convnet.py": "",
}


@pytest.fixture
def checkout(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "stand-in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "stand-in"


@pytest.fixture
def dim(checkout):
    with DiM(checkout, torch.device("cpu"), images=40) as opened:
        yield opened


def test_the_gan_loop_runs_for_the_steps_asked_for(dim, capsys):
    call = dim.gan_steps(batch=8, steps=2)
    for _ in range(3):  # 6 batches of an epoch of 5: the running pass begins anew
        call()
    seen = dim.scripts["gen_condense"].seen
    assert len(seen) == 6
    shape, inner, _, deterministic, lr, betas = seen[0]
    assert (shape, inner, deterministic, lr, betas) == ((8, 3, 32, 32), 0, True, 1e-4, (0.0, 0.9))
    assert capsys.readouterr() == ("", "")


def test_the_matching_network_begins_a_new_pass_at_every_step(dim):
    dim.distill_steps(batch=8, steps=2, inner_steps=16)()
    seen = dim.scripts["pool_match"].seen
    assert [inner for _, inner, *_ in seen] == [5, 5]
    assert {choice for _, _, choice, *_ in seen} == {"convnet"}


def test_the_evaluation_is_asked_for_five_students(dim):
    dim.evaluation(ipc=10, batch=100, epochs=3, tested=20)()
    assert dim.scripts["validate"].seen == [(["convnet"] * 5, 3, 3, 10, 100, 20)]


def test_the_world_is_as_before_afterwards(dim):
    cuda, choice, switch = torch.Tensor.cuda, random.choice, torch.backends.cudnn.deterministic
    dim.distill_steps(batch=8, steps=1, inner_steps=1)()
    assert torch.Tensor.cuda is cuda
    assert random.choice == choice
    assert torch.backends.cudnn.deterministic == switch
    assert torchvision.datasets.CIFAR10.meta["md5"] is not None


def test_its_modules_leave_no_trace(checkout):
    before = dict(sys.modules), list(sys.path)
    with DiM(checkout, torch.device("cpu"), images=40) as opened:
        scripts = opened.scripts
    assert set(scripts) == {"gen_condense", "pool_match", "validate"}
    assert not {"utils", "models", "gan_model", "validate"} & set(sys.modules)
    assert sys.path == before[1]
    assert scripts["validate"].Generator is scripts["validate"].Generator


def test_a_folder_that_is_no_checkout_is_refused(checkout):
    (checkout / "pool_match.py").unlink()
    with pytest.raises(
        UserError, match=r"--reference .*: pool_match.py not found; expected a checkout of vimar-gu/DiM"
    ):
        DiM(checkout, torch.device("cpu"), images=40)


def test_torchvision_reads_the_written_files(tmp_path):
    write_cifar10(tmp_path, 25, tested=7)
    with unchecked_cifar10():
        train = torchvision.datasets.CIFAR10(tmp_path, train=True)
        test = torchvision.datasets.CIFAR10(tmp_path, train=False)
    assert (len(train), len(test)) == (25, 7)
    assert train.targets == [i % CLASSES for i in range(25)]
    assert train.data.shape == (25, 32, 32, 3)


def test_a_cut_loader_goes_on_where_it_stood():
    cut = Cut([0, 1, 2], steps=2)
    assert [list(cut.rewind()) for _ in range(3)] == [[0, 1], [2, 0], [1, 2]]
    assert list(cut) == [0, 1, 2]
