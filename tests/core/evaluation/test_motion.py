"""The measurement of phi1: an exact method must score zero, a still one the size of the motion."""

import pytest
import torch

from rdvfi_core.evaluation.motion import BASELINES, SPANS, endpoint_errors, held_out_pairs, network_flow, to_markdown
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.motion.adjacent import AdjacentMotion
from rdvfi_core.motion.between import Between


@pytest.fixture(scope="module")
def pairs():
    return list(held_out_pairs(None, scenes=2, height=64, width=96))


def test_exact_flow_scores_zero_and_no_flow_scores_the_motion(pairs):
    exact = {id(pair.first): pair.flow for pair in pairs}
    errors = endpoint_errors(
        iter(pairs), {"exact": lambda first, second, span: exact[id(first)], "zero": BASELINES["zero"]}
    )
    for span in SPANS:
        lengths = [p.flow.square().sum(1).sqrt().mean().item() for p in pairs if p.span == span]
        assert errors["exact"][span] == {"visible": 0.0, "all": 0.0}
        assert errors["zero"][span]["all"] == pytest.approx(sum(lengths) / len(lengths), rel=1e-5)


def test_hidden_pixels_count_only_for_all(pairs):
    def wrong_where_hidden(first, second, span):
        pair = next(p for p in pairs if p.first is first)
        return pair.flow + 5 * (1 - pair.seen)

    errors = endpoint_errors(iter(pairs), {"m": wrong_where_hidden})["m"]["ends"]
    assert errors["visible"] == 0
    assert errors["all"] > 0


def test_the_set_is_fixed_and_spans_grow(pairs):
    again = list(held_out_pairs(None, scenes=2, height=64, width=96))
    assert all(torch.equal(a.first, b.first) and torch.equal(a.flow, b.flow) for a, b in zip(pairs, again, strict=True))
    assert [p.span for p in pairs[:3]] == list(SPANS)
    assert pairs[0].flow.norm() < pairs[2].flow.norm()


def test_a_network_is_measured_and_the_table_names_every_method(pairs):
    torch.manual_seed(0)
    flow = network_flow(AdjacentMotion().eval(), Between().eval(), Autoencoder().eval(), torch.device("cpu"))
    table = to_markdown(endpoint_errors(iter(pairs[:3]), {"phi1": flow, "zero": BASELINES["zero"]}))
    assert "| phi1 |" in table and "| zero |" in table and "neighbours, visible px" in table
