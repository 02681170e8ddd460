"""Networks. Few rows and epochs: what is proven is the arithmetic of a network, not what it has learned."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyod.models.ae1svm import AE1SVM
from pyod.models.alad import ALAD
from pyod.models.anogan import AnoGAN
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.deep_svdd import DeepSVDD
from pyod.models.devnet import DevNet
from pyod.models.lunar import LUNAR
from pyod.models.mo_gaal import MO_GAAL
from pyod.models.so_gaal import SO_GAAL
from pyod.models.vae import VAE
from tests.converters.build import Build

import torch


def network(make: Callable[[], Any], **of_build: Any) -> Build:
    """A build of 60 rows by default, the same at each call."""

    def seeded() -> Any:
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 - the generator that PyOD draws from
        return make()

    return Build(**{"make": seeded, "rows": 60, **of_build})


TOO_FEW = {"more features than rows": "local variable 'loss'"}
"""PyOD leaves out a last incomplete batch, and has none of 32 in 30 rows."""

BUILDS = {
    "AutoEncoder": network(lambda: AutoEncoder(epoch_num=2, verbose=0), refuses=TOO_FEW),
    "AutoEncoder, plain": network(
        lambda: AutoEncoder(
            epoch_num=2,
            batch_size=10,
            preprocessing=False,
            hidden_neuron_list=[7],
            hidden_activation_name="leaky_relu",
            batch_norm=False,
            dropout_rate=0,
            verbose=0,
        )
    ),
    "AutoEncoder, three layers, elu, sgd": network(
        lambda: AutoEncoder(
            epoch_num=2,
            batch_size=10,
            hidden_neuron_list=[9, 5, 2],
            hidden_activation_name="elu",
            optimizer_name="sgd",
            optimizer_params={"sgd_momentum": 0.5},
            verbose=0,
        )
    ),
    "VAE": network(lambda: VAE(epoch_num=2, verbose=0), refuses=TOO_FEW),
    "VAE, normalised, softplus, bounded": network(
        lambda: VAE(
            epoch_num=2,
            batch_size=10,
            encoder_neuron_list=[6, 4],
            decoder_neuron_list=[5],
            latent_dim=3,
            hidden_activation_name="softplus",
            output_activation_name="tanh",
            batch_norm=True,
            beta=0.5,
            capacity=0.1,
            logvar_clip=None,
            verbose=0,
        )
    ),
    "DeepSVDD": network(lambda: DeepSVDD(1, epochs=2, verbose=0)),
    "DeepSVDD, decoder": network(
        lambda: DeepSVDD(1, use_ae=True, hidden_neurons=[6, 3, 1], hidden_activation="tanh", epochs=2, verbose=0)
    ),
    "DeepSVDD, plain, given centre": network(
        lambda: DeepSVDD(
            1, c=0.5, hidden_neurons=[4, 3], preprocessing=False, hidden_activation="sigmoid", epochs=2, verbose=0
        )
    ),
    "AE1SVM": network(lambda: AE1SVM(epochs=2)),
    "AE1SVM, plain": network(
        lambda: AE1SVM(hidden_neurons=[5], hidden_activation="softmax", batch_norm=False, preprocessing=False, epochs=2)
    ),
    "LUNAR": network(lambda: LUNAR(n_epochs=5, random_state=0)),
    "LUNAR, score, manhattan": network(
        lambda: LUNAR(model_type="SCORE", n_neighbours=3, metric="manhattan", n_epochs=5, random_state=0)
    ),
    "LUNAR, not scaled": network(
        lambda: LUNAR(scaler=False, negative_sampling="UNIFORM", algorithm="brute", n_epochs=5, random_state=0)
    ),
    "AnoGAN": network(lambda: AnoGAN(epochs=2, epochs_query=1), rows=30),
    "AnoGAN, standardised, bounded": network(
        lambda: AnoGAN(
            preprocessing=True,
            activation_hidden="elu",
            output_activation="sigmoid",
            latent_dim_G=3,
            G_layers=[4],
            D_layers=[6],
            epochs=2,
            epochs_query=1,
        ),
        rows=30,
    ),
    "DevNet": network(lambda: DevNet(epochs=2), labelled=True),
    "DevNet, linear": network(lambda: DevNet(network_depth=1, epochs=2), labelled=True),
    "DevNet, deep": network(lambda: DevNet(network_depth=4, epochs=2), labelled=True),
    "SO_GAAL": network(lambda: SO_GAAL(stop_epochs=2)),
    "MO_GAAL": network(lambda: MO_GAAL(k=3, stop_epochs=2)),
    "ALAD": network(lambda: ALAD(epochs=10)),
    "ALAD, standardised, spectral, bounded": network(
        lambda: ALAD(
            preprocessing=True,
            spectral_normalization=True,
            activation_hidden_gen="relu",
            activation_hidden_disc="sigmoid",
            output_activation="tanh",
            latent_dim=3,
            enc_layers=[6],
            dec_layers=[7],
            disc_xx_layers=[8, 3],
            add_recon_loss=True,
            add_disc_zz_loss=False,
            epochs=10,
        )
    ),
}
