"""The gradient of the loss, worked out by hand: for a network this small, autograd's calls cost as much as its sums."""

import torch
from torch import Tensor, nn

from training.objective import Loss, Objective
from training.vae import VAE


@torch.no_grad()
def set_gradients(model: VAE, objective: Objective, pixels: Tensor, noise: Tensor) -> Loss:
    """Set the gradient of each parameter, by the mean loss of a batch; give the loss.

    The chain rule from the logits back to the pixels, through z = mean + deviation * noise (arXiv:1312.6114, 2.4);
    ``g`` is the gradient by what the layer before gives. The encoder's is taken along z alone, as if q's density did
    not depend on the encoder elsewhere: the same in the mean, and nothing where q is the posterior
    (arXiv:1703.09194). Of importance-weighted draws each counts by its share, for the encoder by the share's square
    (arXiv:1810.04152).

    pixels: (batch, pixels) in [0, 1].
    noise: (samples, batch, latent), drawn from N(0, I).
    """
    encoder, decoder = model.encoder, model.decoder
    encoder_hidden = encoder.hidden(pixels).relu_()
    mean, log_variance = encoder.mean(encoder_hidden), encoder.log_variance(encoder_hidden)
    deviation = torch.exp(0.5 * log_variance)
    latent = (mean + deviation * noise).flatten(end_dim=1)
    decoder_hidden = decoder.hidden(latent).relu_()
    logits = decoder.output(decoder_hidden)
    loss = objective.loss(pixels, mean, log_variance, latent, logits)

    shares = loss.shares.reshape(-1, 1) / len(pixels)
    g = backward(decoder.output, decoder_hidden, logit_gradient(objective, pixels, logits).mul_(shares))
    g = backward(decoder.hidden, latent, g.mul_(decoder_hidden > 0))
    g += shares * (latent - (noise / deviation).flatten(end_dim=1))  # -log p(z) + log q(z|x)
    g = g.mul_(loss.shares.reshape(-1, 1)).reshape(noise.shape)
    g_mean, g_log_variance = g.sum(dim=0), 0.5 * deviation * (g * noise).sum(dim=0)
    g = backward(encoder.mean, encoder_hidden, g_mean) + backward(encoder.log_variance, encoder_hidden, g_log_variance)
    set_layer(encoder.hidden, pixels, g.mul_(encoder_hidden > 0))
    return loss


def logit_gradient(objective: Objective, pixels: Tensor, logits: Tensor) -> Tensor:
    """The gradient of the reconstruction loss by each logit, (samples * batch, pixels)."""
    decoded = torch.sigmoid(logits)
    difference = (decoded.reshape(-1, *pixels.shape) - pixels).flatten(end_dim=1)
    if objective.name == "squared-error":
        return difference.mul_(2 * objective.c).mul_(decoded.sub_(decoded.square()))
    return difference


def backward(layer: nn.Linear, inputs: Tensor, g: Tensor) -> Tensor:
    """Set a layer's gradients from that by its outputs (batch, out); give that by its inputs (batch, in)."""
    set_layer(layer, inputs, g)
    return g @ layer.weight


def set_layer(layer: nn.Linear, inputs: Tensor, g: Tensor) -> None:
    """Set a layer's gradients from that by its outputs."""
    layer.weight.grad, layer.bias.grad = g.t() @ inputs, g.sum(dim=0)
