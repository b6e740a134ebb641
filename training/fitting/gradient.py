"""The gradient of the loss, worked out by hand: for a network this small, autograd's calls cost as much as its sums."""

import torch
from torch import Tensor, nn

from training.network.mlp import VAE, Decoder
from training.network.objective import Loss, Objective


@torch.no_grad()
def set_gradients(
    model: VAE,
    objective: Objective,
    pixels: Tensor,
    noise: Tensor,
    generator: torch.Generator,
) -> Loss:
    """Set the gradient of each parameter, by the mean loss of a batch; give the loss.

    The chain rule from the logits back to the pixels, through z = mean + deviation * noise (arXiv:1312.6114, 2.4);
    ``g`` is the gradient by what the layer before gives. The encoder's is taken along z alone, as if q's density did
    not depend on the encoder elsewhere: the same in the mean, and nothing where q is the posterior
    (arXiv:1703.09194). Of several samples of an image one goes back, drawn by its share (arXiv:1509.00519, section 3),
    and counts by its share for the encoder (arXiv:1810.04152).

    pixels: (batch, pixels) in [0, 1].
    noise: (samples, batch, latent), drawn from N(0, I).
    generator: draws, where there are several samples, which of an image's goes back.
    """
    encoder, decoder = model.encoder, model.decoder
    encoder_hidden = encoder.hidden(pixels).relu_()
    mean, log_variance = (
        encoder.mean(encoder_hidden),
        encoder.log_variance(encoder_hidden),
    )
    deviation = torch.exp(0.5 * log_variance)
    latents = mean + deviation * noise
    reconstruction = torch.empty(
        noise.shape[:2], device=pixels.device, dtype=pixels.dtype
    )
    for sample, latent in enumerate(
        latents
    ):  # one by one, they stay in the processor's caches
        decoder_hidden, logits = decode(decoder, latent)
        reconstruction[sample] = objective.reconstruction_loss(pixels, logits)
    loss = objective.loss(reconstruction, mean, log_variance, latents)

    if objective.samples == 1:
        noise, share = noise[0], loss.shares[0]
    else:
        drawn = draw_by_share(loss.shares, generator)
        latent, noise, share = latents[drawn], noise[drawn], loss.shares[drawn]
        decoder_hidden, logits = decode(decoder, latent)
    g = backward(
        decoder.output,
        decoder_hidden,
        logit_gradient(objective, pixels, logits).div_(len(pixels)),
    )
    g = backward(decoder.hidden, latent, g.mul_(decoder_hidden.sign()))
    g += (latent - noise / deviation).div_(len(pixels))  # -log p(z) + log q(z|x)
    g *= share[:, None]
    g_log_variance = 0.5 * deviation * noise * g
    g = backward(encoder.mean, encoder_hidden, g) + backward(
        encoder.log_variance, encoder_hidden, g_log_variance
    )
    set_layer(encoder.hidden, pixels, g.mul_(encoder_hidden.sign()))
    return loss


def decode(decoder: Decoder, latent: Tensor) -> tuple[Tensor, Tensor]:
    """The decoder's hidden layer (batch, hidden) and its logits (batch, pixels)."""
    hidden = decoder.hidden(latent).relu_()
    return hidden, decoder.output(hidden)


def draw_by_share(shares: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one sample of each image by the shares (samples, batch): its index in arrays (samples, batch, ...).

    The smallest of exponential variables, each over its share, is each one's with its share for the probability.
    """
    times = torch.empty_like(shares).exponential_(generator=generator).div_(shares)
    return times.argmin(dim=0), torch.arange(shares.shape[1], device=shares.device)


def logit_gradient(objective: Objective, pixels: Tensor, logits: Tensor) -> Tensor:
    """The gradient of the reconstruction loss by each logit, (batch, pixels)."""
    decoded = torch.sigmoid(logits)
    difference = decoded - pixels
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
