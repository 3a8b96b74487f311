"""How good are the frames: clips or rendered scenes in, a report of every method's error out.

protocols       which frames of a clip are given and which are asked for
baselines       methods to compare with: without training, and RIFE
core_interpolation  FILM and core's RIFE through an installed ComfyUI, in its own process (core_interpolation_worker)
metrics         PSNR, SSIM, HaarPSI, sharpness; LPIPS, FID and FVD where their networks' files are given; FLIP
distances       what LPIPS and FLIP are computed by
features        what FID and FVD are made of
runner          runs methods over the clips of a folder
report          what came out, as JSON and Markdown
pictures        contact sheet, and a sheet per clip
scenes          rendered scenes with paths of known kind and length
scene_report    methods on these scenes
ablation        variants of the method, for these scenes
motion          phi1 against exact flow
reconstruction  photographs through the latents
cuts            how well cuts are found, in clips that are joined at random
tables          Markdown tables, and trees of numbers as JSON
"""
