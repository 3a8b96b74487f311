"""The continuous motion of a pair, and its flows at any time.

trajectory  `Trajectory` holds the motion at the knots and is asked for any tau
cubic       the weights of the knots: cubic convolution in time
flow_pair   `FlowPair`, its answer: what phase 1 hands to phase 2
file        a trajectory as a safetensors file
"""
