"""How good are the frames: clips in, a report of every method's error out.

protocols   which frames of a clip are given and which are asked for
clips       folders of videos or of frames, decoded as far as needed
baselines   methods without training to compare with
metrics     PSNR, SSIM, HaarPSI
report      runs all of it; JSON, Markdown and contact sheet
sheet       rows of captioned pictures
"""
