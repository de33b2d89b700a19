"""TensorFlow: any row as a tf.function of `tf.nn` operations, NHWC; inference of batch-normalized networks with frozen weights."""

import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from protocol import serve, threads

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

import work

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.random.set_seed(0)


class Net(tf.Module):
    """The network of a row's nodes; `[N, H, W, C]` to logits."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes
        self.weights = [_weights(node) for node in nodes]

    def __call__(self, x, training):
        values = [x]
        for node, weights in zip(self.nodes[1:], self.weights[1:]):
            values.append(_call(node, weights, training, *(values[i] for i in node["inputs"])))
        return values[-1]


def _variable(shape, fan_in, trainable=True):
    return tf.Variable(tf.random.normal(shape, stddev=math.sqrt(2 / fan_in)), trainable=trainable)


def _weights(node):
    if node["op"] == "conv":
        size, channels = node["kernel"], node["in"] // node["groups"]
        depthwise = node["groups"] > 1
        shape = (size, size, node["in"], 1) if depthwise else (size, size, channels, node["out"])
        weights = {"kernel": _variable(shape, channels * size * size)}
        if node["bias"]:
            weights["bias"] = tf.Variable(tf.zeros(node["out"]))
        return weights
    if node["op"] == "linear":
        return {"kernel": _variable((node["in"], node["out"]), node["in"]), "bias": tf.Variable(tf.zeros(node["out"]))}
    if node["op"] == "batchNorm":
        channels = node["channels"]
        return {
            "scale": tf.Variable(tf.ones(channels)),
            "offset": tf.Variable(tf.zeros(channels)),
            "mean": tf.Variable(tf.zeros(channels), trainable=False),
            "variance": tf.Variable(tf.ones(channels), trainable=False),
        }
    return {}


def _padding(begin, end):
    return [[0, 0], [begin, end], [begin, end], [0, 0]] if begin or end else "VALID"


def _convolution(node, weights, x):
    stride, pad = node["stride"], node["pad"]
    # 'SAME' is the padding of the definition where the stride is 1.
    padding = "SAME" if stride == 1 and pad == node["kernel"] // 2 else _padding(pad, pad)
    if node["groups"] > 1:
        y = tf.nn.depthwise_conv2d(x, weights["kernel"], [1, stride, stride, 1], padding)
    else:
        y = tf.nn.conv2d(x, weights["kernel"], stride, padding)
    return tf.nn.bias_add(y, weights["bias"]) if node["bias"] else y


def _batch_norm(node, weights, training, x):
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x,
        weights["scale"],
        weights["offset"],
        mean=None if training else weights["mean"],
        variance=None if training else weights["variance"],
        epsilon=node["epsilon"],
        is_training=training,
    )
    if training:
        weights["mean"].assign_add(0.1 * (mean - weights["mean"]))
        weights["variance"].assign_add(0.1 * (variance - weights["variance"]))
    return y


def _call(node, weights, training, x, y=None, *more):
    op = node["op"]
    if op == "conv":
        return _convolution(node, weights, x)
    if op == "batchNorm":
        return _batch_norm(node, weights, training, x)
    if op == "linear":
        return tf.nn.bias_add(tf.matmul(x, weights["kernel"]), weights["bias"])
    if op == "maxPool":
        return tf.nn.max_pool2d(x, node["kernel"], node["stride"], _padding(node["pad"], node["padEnd"]))
    if op == "flatten":
        return tf.reshape(x, [x.shape[0], -1])
    if op == "globalPool":
        return tf.reduce_mean(x, [1, 2], keepdims=True)
    if op == "dropout":
        return tf.nn.dropout(x, node["probability"]) if training else x
    if op == "add":
        return x + y
    if op == "scale":
        return x * y
    if op == "concat":
        return tf.concat([x, y, *more], 3)
    if op == "subsample":
        half = node["extra"] // 2
        return tf.pad(x[:, ::2, ::2, :], [[0, 0], [0, 0], [0, 0], [half, half]])
    return {"relu": tf.nn.relu, "relu6": tf.nn.relu6, "sigmoid": tf.sigmoid}[op](x)


model = Net(work.NODES)
parameters = sum(math.prod(v.shape) for v in model.trainable_variables)
pixels, classes = work.batches()
images = [tf.constant(x) for x in pixels]
labels = [tf.constant(y) for y in classes]


def training():
    variables = model.trainable_variables
    velocities = [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]

    @tf.function
    def train(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        for v, velocity, g in zip(variables, velocities, tape.gradient(loss, variables)):
            # One fused operation for each variable: v ← μ v + g, w ← w − η v.
            tf.raw_ops.ResourceApplyMomentum(
                var=v.handle,
                accum=velocity.handle,
                lr=work.LEARNING_RATE,
                grad=g + work.WEIGHT_DECAY * v,
                momentum=work.MOMENTUM,
            )
        return loss

    return lambda i: float(train(images[i % work.BATCHES], labels[i % work.BATCHES]))


def inference():
    traced = tf.function(lambda x: model(x, False)).get_concrete_function(tf.TensorSpec(images[0].shape))
    # Freezing folds batch normalization. It takes sixteen times the memory of the weights, and minutes with VGG-16, which has none.
    if not any(node["op"] == "batchNorm" for node in work.NODES):
        return lambda i: float(traced(images[i % work.BATCHES])[0, 0])
    frozen = convert_variables_to_constants_v2(traced)
    return lambda i: float(frozen(images[i % work.BATCHES])[0][0, 0])


serve(training() if work.TRAIN else inference(), {"version": tf.__version__, "parameters": parameters})
