"""TensorFlow: the LeNet-5 training step, as Keras' compiled train_on_batch, as a tf.function, or as a tf.function through XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from protocol import serve, threads, variant

import tensorflow as tf

import work

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.random.set_seed(0)

layers = tf.keras.layers
model = tf.keras.Sequential(
    [
        layers.Input((work.SIDE, work.SIDE, 1), batch_size=work.BATCH),
        layers.Conv2D(6, 5, padding="same", activation="relu"),
        layers.MaxPool2D(2),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPool2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"),
        layers.Dense(work.CLASSES),
    ]
)
optimizer = tf.keras.optimizers.SGD(work.LEARNING_RATE, momentum=work.MOMENTUM)
loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

pixels, classes = work.batches()
images = [tf.constant(x) for x in pixels]
labels = [tf.constant(y) for y in classes]


def keras_step():
    model.compile(optimizer=optimizer, loss=loss_of, jit_compile=False)

    def step(i):
        b = i % work.BATCHES
        return float(model.train_on_batch(images[b], labels[b]))

    return step


def function_step(jit_compile):
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit_compile)
    def train(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return lambda i: float(train(images[i % work.BATCHES], labels[i % work.BATCHES]))


step = {"keras": keras_step, "function": lambda: function_step(False), "xla": lambda: function_step(True)}[variant()]()

serve(step, {"version": f"{tf.__version__} (Keras {tf.keras.__version__})"})
