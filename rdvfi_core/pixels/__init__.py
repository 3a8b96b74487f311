"""What happens to pictures and fields of motion, pixel by pixel: no networks, no notion of keyframes.

warp       gathers: backward warping, composition and resizing of flows
splat      scatters, and the filling of what they leave empty
patches    means over the square around each pixel
blending   how two warps are blended before anything is learned
light      light that is not the same in both images
flow_viz   a flow as a picture
"""
