"""Networks as files.

files         one safetensors file for a set of networks
networks      which networks such a file holds, and how they come to life
sets          files of one system in full: a diffusion model or a LoRA with the networks that read its latents
tensor_files  safetensors as they lie on disk, renamed without loading
key_names     how Wan and SVD name their weights
"""
