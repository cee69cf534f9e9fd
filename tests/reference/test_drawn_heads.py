"""What drawn hierarchies end in, and what stands beside their attention: heads, gates, experts."""

import pytest
import timm
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_drawn_hierarchies import BLOCKS, DIM, Block, Drawn, check, refusal
from torch import nn

import agcam


class Beside(Block):
    """A convolution beside the attention, and a gate of its output by the tokens."""

    def __init__(self, *given):
        super().__init__(*given)
        self.beside = nn.Conv2d(DIM, DIM, 3, 1, 1, groups=DIM)

    def forward(self, x):
        convolved = self.beside(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return super().forward(x) * x.mean(-1, keepdim=True).sigmoid() + convolved


SEVERAL = {
    "concatenated": lambda head, stages: head(
        torch.cat([stages[0][..., :4], stages[-1][..., 4:]], -1)
    ),
    "summed": lambda head, stages: head(sum(stages)),
    "averaged": lambda head, stages: head(torch.stack(stages, 1).mean(1)),
    "greatest": lambda head, stages: head(torch.maximum(stages[0], stages[-1])),
    "logits": lambda head, stages: sum(head(stage) for stage in stages),
    "weighed": lambda head, stages: (
        (torch.stack(stages, -1) @ stages[-1].new_ones(len(stages))) @ head.weight.T
    ),
    "gated": lambda head, stages: head(stages[-1] * stages[0].sigmoid()),
}


class Reading(Drawn):
    """A classifier that reads the means of several stages, or of the last one alone."""

    def __init__(self, stages, reads, block):
        super().__init__(stages)
        self.reads = reads
        self.stages = nn.ModuleList(
            nn.Sequential(*(block(*one) for one in some)) for some in stages
        )

    def forward(self, pixels):
        means = []
        hooks = [
            stage.register_forward_hook(lambda _, __, x: means.append(x.mean((1, 2))))
            for stage in self.stages
        ]
        last = super().forward(pixels)
        for hook in hooks:
            hook.remove()
        return SEVERAL[self.reads](self.head, means) if self.reads in SEVERAL else last


@settings(max_examples=10, phases=[Phase.explicit, Phase.generate])
@given(
    stages=st.lists(st.lists(BLOCKS, min_size=1, max_size=2), min_size=2, max_size=3),
    reads=st.sampled_from(["last", "last", *SEVERAL]),
    block=st.sampled_from([Block, Beside]),
    seed=st.integers(0, 9),
)
def test_a_classifier_of_several_stages_is_refused_where_a_method_starts_at_the_last(
    stages, reads, block, seed
):
    torch.manual_seed(seed)
    model = Reading(stages, reads, block).double().eval()
    pixels = torch.randn(1, 3, 48, 48, dtype=torch.float64)
    agcam.explain(model, pixels, 1, "agcam")
    for method in ("rollout", "gae"):
        try:
            agcam.explain(model, pixels, 1, method)
            refused = ""
        except agcam.ModelError as error:
            refused = str(error)
        assert ("reads several stages" in refused) == (reads != "last"), refused


class Experts(Block):
    """Its MLP is one of several for each token, the one whose gate is highest."""

    def __init__(self, *given):
        super().__init__(*given)
        self.gate = nn.Linear(DIM, 3)
        self.experts = nn.ModuleList(nn.Linear(16, DIM) for _ in range(3))

    def forward(self, x):
        x = super().forward(x)
        weights, chosen = self.gate(x).softmax(-1).topk(1, -1)
        hidden = self.mlp(x)
        for number, expert in enumerate(self.experts):
            x = x + (chosen == number) * weights * expert(hidden)
        return x


class ChoosingExperts(Experts):
    """Its experts choose their tokens, and put them in the order of their gate."""

    def forward(self, x):
        x = super().forward(x)
        tokens = x.flatten(1, 2)
        order = self.gate(tokens)[..., :1].argsort(1).expand_as(tokens)
        return tokens.gather(1, order).view_as(x)


def test_a_mixture_of_experts_is_explained_and_tokens_in_another_order_are_not():
    torch.manual_seed(0)
    stages = [[((4, 4), 0, 1, "fused"), ((4, 4), 2, 1, "fused")], [((4, 4), 0, 1, "fused")]]
    check(Reading(stages, "last", Experts), 32, 32, {1, 3, 5})  # not the softmaxes of gates
    assert "ranks its tokens" in refusal(Reading(stages, "last", ChoosingExperts), 32, 32)


@pytest.mark.parametrize("name", ["levit_128s", "levit_conv_128s"])
def test_a_single_token_that_is_reached_by_attention_alone_counts(name):
    """LeViT at 64 pixels: no skip connection leads to its last stage."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4, img_size=64)
    for block in model.modules():
        if isinstance(block, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(block.weight, 0.5, 1.5)
    check(model, 64, 64, set())
