"""Makes event files of TensorBoard as others write them, for the tests of what reads them.

    python scripts/make_tensorboard_fixtures.py      write test/fixtures/tensorboard

`torch/` is PyTorch's SummaryWriter in two files of one run, with a histogram, a text and a picture between the scalars; `lightning/` has the
tags of PyTorch Lightning; `keras/` the folders, tags and tensors of Keras' TensorBoard callback with TensorFlow 2. Needs torch, numpy and
tensorboard 2.21 (whose writer of scalars as tensors is TensorFlow's, without TensorFlow). Times are those of a clock that is set, so that
the same versions give the same bytes.
"""

import shutil
import struct
from pathlib import Path

import numpy
import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter

ROOT = Path(__file__).resolve().parent.parent / 'test/fixtures/tensorboard'
BEGAN = 1_700_000_000.0


def named(folder, number):
    """Gives the one new file of a folder a name that does not depend on the machine."""
    new = [path for path in folder.iterdir() if not path.name.endswith('.host')]
    assert len(new) == 1, new
    new[0].rename(folder / f'events.out.tfevents.{int(BEGAN) + number}.{number}.host')


def write_torch(folder):
    for part, steps in enumerate([range(1, 21), range(21, 41)]):
        writer = SummaryWriter(folder)
        for step in steps:
            time = BEGAN + step
            writer.add_scalar('Loss/train', 2 / step, step, walltime=time)
            writer.add_scalar('Accuracy/train', 1 - 1 / step, step, walltime=time)
            if step % 10 == 0:
                writer.add_scalar('Loss/validation', 2.5 / step, step, walltime=time + 0.5)
                writer.add_scalar('Accuracy/validation', 0.9 - 1 / step, step, walltime=time + 0.5)
            if step == 5:
                writer.add_histogram('weights', numpy.arange(8, dtype=numpy.float32), step, bins=4, walltime=time)
                writer.add_text('note', 'a text', step, walltime=time)
                writer.add_image('picture', torch.zeros(3, 2, 2), step, walltime=time)
        writer.close()
        named(folder, part)


def write_lightning(folder):
    writer = SummaryWriter(folder)
    for step in range(0, 100, 10):
        writer.add_scalar('epoch', step // 50, step, walltime=BEGAN + step)
        writer.add_scalar('train_loss', 1 / (step + 1), step, walltime=BEGAN + step)
    for step in (49, 99):
        writer.add_scalar('val_loss', 1 / step, step, walltime=BEGAN + step)
        writer.add_scalar('val_acc', 90 + step / 100, step, walltime=BEGAN + step)
    writer.close()
    named(folder, 0)


def write_events(path, events):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def tensor_event(tag, step, tensor):
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name='scalars'))
    value = Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
    return Event(wall_time=BEGAN + step, step=step, summary=Summary(value=[value]))


def float_tensor(value):
    return TensorProto(dtype=1, tensor_shape=TensorShapeProto(), tensor_content=struct.pack('<f', value))


def write_keras(folder):
    for name, factor in (('train', 1.0), ('validation', 0.9)):
        events = [Event(wall_time=BEGAN, file_version='brain.Event:2')]
        events.append(tensor_event('keras', 0, TensorProto(dtype=7, string_val=[b'{}'])))
        for epoch in range(4):
            events.append(tensor_event('epoch_loss', epoch, float_tensor(factor / (epoch + 1))))
            accuracy = TensorProto(dtype=1, tensor_shape=TensorShapeProto(), float_val=[factor * (0.5 + epoch / 10)])
            events.append(tensor_event('epoch_accuracy', epoch, accuracy))
        # Other numbers: double, half, whole, a vector that is no scalar, a zero without its value.
        if name == 'train':
            shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)])
            events += [
                tensor_event('double', 1, TensorProto(dtype=2, tensor_content=struct.pack('<d', 0.1))),
                tensor_event('half', 1, TensorProto(dtype=19, half_val=[0x3555])),
                tensor_event('whole', 1, TensorProto(dtype=9, int64_val=[-7])),
                tensor_event('vector', 1, TensorProto(dtype=1, tensor_shape=shape, float_val=[1.0, 2.0])),
                tensor_event('zero', 1, TensorProto(dtype=1)),
            ]
        write_events(folder / name / f'events.out.tfevents.{int(BEGAN)}.0.host.v2', events)


if __name__ == '__main__':
    import time

    shutil.rmtree(ROOT, ignore_errors=True)
    # The first record of a SummaryWriter has the time of the clock.
    time.time = lambda: BEGAN
    for name, write in (('torch', write_torch), ('lightning', write_lightning), ('keras', write_keras)):
        (ROOT / name).mkdir(parents=True)
        write(ROOT / name)
    for path in sorted(ROOT.rglob('*tfevents*')):
        print(path.relative_to(ROOT), path.stat().st_size)
