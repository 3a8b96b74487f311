"""Phase 2: frames at full resolution, along flows of the motion grid.

synthesis  phi_s, from the flows at tau to the frame at tau
crispness  gives back what bilinear warping takes
frames     the frames of a pair, a few at once where memory allows
"""
