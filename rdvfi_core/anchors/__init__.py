"""Trained networks of others, to be compared with and to learn from. None of their weights is part of this project:
they lie in a folder on the user's machine.

rife   RIFE 4.25 and 4.26 (Huang et al. 2022): frames, and the flows and the mask behind them
lpips  LPIPS (Zhang et al. 2018), the field's perceptual distance and the paper's loss
"""

ENVIRONMENT = "RDVFI_ANCHORS"  # names the folder where a command is not told it
