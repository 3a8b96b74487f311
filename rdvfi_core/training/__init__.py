"""From folders of videos and photographs to weights.

commands, stages   `train STAGE`: what each stage trains and needs
autoencoder, motion, fusion, rendering, decoding, generation, backbone_training
                   a trainer each
backbones, lora    Wan and SVD in ComfyUI's classes
store, windows, pairs, keyframe_sources, cache
                   what they learn from: clips, windows of them, rendered pairs, keyframes, prepared batches
losses             what is asked of a rendered frame
engine, schedule, checkpoint, processes
                   the loop that all trainers share
"""
