"""The gradient of the loss by hand, through z = mean + deviation * noise.

For a network this small, autograd's calls cost as much as its arithmetic. The chain
rule runs from the logits back to the pixels (arXiv:1312.6114, section 2.4). ``g`` is
always the gradient with respect to the output of the preceding layer.

The encoder's gradient is taken along z alone, as if q's density did not depend on the
encoder in any other way: the same in expectation, and zero where q is the posterior
(arXiv:1703.09194). Of several samples of an image one is propagated back, drawn by its
share (arXiv:1509.00519, section 3); for the encoder it is weighted by that share
(arXiv:1810.04152).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.network.mlp import VAE, Decoder, Encoder
from training.network.objective import Loss, Objective


@dataclass(frozen=True, slots=True)
class Encoding:
    """Encoder activations: hidden (batch, hidden), the others (batch, latent)."""

    hidden: Tensor
    mean: Tensor
    log_variance: Tensor
    deviation: Tensor


@dataclass(frozen=True, slots=True)
class Decoding:
    """Decoder activations: (batch, latent), (batch, hidden) and (batch, pixels)."""

    latent: Tensor
    hidden: Tensor
    logits: Tensor


@torch.no_grad()
def set_gradients(
    model: VAE,
    objective: Objective,
    pixels: Tensor,
    noise: Tensor,
    generator: torch.Generator,
) -> Loss:
    """Set each parameter's gradient of the mean loss of a batch. Return the loss.

    pixels: (batch, pixels) in [0, 1].
    noise: (samples, batch, latent), drawn from N(0, I).
    generator: chooses the sample to propagate back, where there are several.
    """
    encoding = encode(model.encoder, pixels)
    latents = encoding.mean + encoding.deviation * noise
    reconstruction = noise.new_empty(noise.shape[:2])
    # One sample at a time: its arrays stay in the processor's caches.
    for sample, latent in enumerate(latents):
        decoding = decode(model.decoder, latent)
        reconstruction[sample] = objective.reconstruction_loss(pixels, decoding.logits)
    loss = objective.loss(reconstruction, encoding.mean, encoding.log_variance, latents)
    if objective.samples == 1:
        noise, share = noise[0], loss.shares[0]
    else:
        drawn = draw_by_share(loss.shares, generator)
        noise, share = noise[drawn], loss.shares[drawn]
        decoding = decode(model.decoder, latents[drawn])
    g = backward_decoder(model.decoder, objective, pixels, decoding)
    g += latent_gradient(encoding, decoding, noise)
    g *= share[:, None]
    backward_encoder(model.encoder, pixels, encoding, noise, g)
    return loss


def encode(encoder: Encoder, pixels: Tensor) -> Encoding:
    """Return the encoder's activations for pixels (batch, pixels)."""
    hidden = encoder.hidden(pixels).relu_()
    mean = encoder.mean(hidden)
    log_variance = encoder.log_variance(hidden)
    deviation = torch.exp(0.5 * log_variance)
    return Encoding(hidden, mean, log_variance, deviation)


def decode(decoder: Decoder, latent: Tensor) -> Decoding:
    """Return the decoder's activations for latents (batch, latent)."""
    hidden = decoder.hidden(latent).relu_()
    return Decoding(latent, hidden, decoder.output(hidden))


def draw_by_share(shares: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one sample of each image with its share as the probability.

    Return its index in arrays (samples, batch, ...). Of exponential variables, each
    divided by its share, each is the smallest with its share as the probability.

    shares: (samples, batch).
    """
    times = torch.empty_like(shares).exponential_(generator=generator)
    samples = times.div_(shares).argmin(dim=0)
    images = torch.arange(shares.shape[1], device=shares.device)
    return samples, images


def backward_decoder(
    decoder: Decoder,
    objective: Objective,
    pixels: Tensor,
    decoding: Decoding,
) -> Tensor:
    """Set the decoder's gradients of the mean reconstruction loss.

    Return the gradient with respect to the latents, (batch, latent).
    """
    g = logit_gradient(objective, pixels, decoding.logits)
    g = g.div_(len(pixels))
    g = backward(decoder.output, decoding.hidden, g)
    g = g.mul_(decoding.hidden.sign())
    return backward(decoder.hidden, decoding.latent, g)


def logit_gradient(objective: Objective, pixels: Tensor, logits: Tensor) -> Tensor:
    """Return the reconstruction loss's gradient by each logit, (batch, pixels)."""
    decoded = torch.sigmoid(logits)
    difference = decoded - pixels
    if objective.name == "squared-error":
        slope = decoded.sub_(decoded.square())
        difference.mul_(2 * objective.c)
        difference.mul_(slope)
    return difference


def latent_gradient(encoding: Encoding, decoding: Decoding, noise: Tensor) -> Tensor:
    """Return the gradient by z of the batch's mean of -log p(z) + log q(z|x)."""
    g = decoding.latent - noise / encoding.deviation
    return g.div_(len(noise))


def backward_encoder(
    encoder: Encoder,
    pixels: Tensor,
    encoding: Encoding,
    noise: Tensor,
    g: Tensor,
) -> None:
    """Set the encoder's gradients, given that with respect to the latents."""
    hidden = encoding.hidden
    g_log_variance = 0.5 * encoding.deviation * noise * g
    through_mean = backward(encoder.mean, hidden, g)
    through_variance = backward(encoder.log_variance, hidden, g_log_variance)
    g = through_mean + through_variance
    g = g.mul_(hidden.sign())
    set_layer(encoder.hidden, pixels, g)


def backward(layer: nn.Linear, inputs: Tensor, g: Tensor) -> Tensor:
    """Set a layer's gradients, given that by its outputs, (batch, out).

    Return the gradient by its inputs, (batch, in).
    """
    set_layer(layer, inputs, g)
    return g @ layer.weight


def set_layer(layer: nn.Linear, inputs: Tensor, g: Tensor) -> None:
    """Set a layer's gradients, given that by its outputs."""
    layer.weight.grad = g.t() @ inputs
    layer.bias.grad = g.sum(dim=0)
