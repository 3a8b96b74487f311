"""A few sparse latents between the two images, imagined or given.

latents      latent spaces: what channels mean, and which frames they stand for
autoencoder  the built-in space
keyframes    `Keyframes`, and the three ways they come about
diffusion    noise schedules, and one step of denoising
generator    the built-in one-step generator
known_ends   what Wan and SVD see of the two images
"""
