"""The losses of classification, summed over texts, in float32. That of the perceptron stands by itself.

One formula covers plain, smoothed, weighted and focal cross-entropy. With q the truth after smoothing, p the
prediction, w the weights and g the focal exponent (Lin et al. 2017, https://arxiv.org/abs/1708.02002,
equation 5):

    one label:      sum_l  w_l q_l (1 - p_l)^g (-log p_l)                                  q = (1 - s) onehot
    + s / L many labels:    sum_l  w_l q_l (1 - p_l)^g (-log p_l) + (1 - q_l) p_l^g (-log(1 - p_l))   q = (1 -
    s) y + s / 2
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def single_label_loss(
    logits: Tensor, target: Tensor, weights: Tensor | None, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """logits [B, L], target [B] label ids, weights [L] or None -> scalar sum."""
    if gamma == 0:
        return F.cross_entropy(logits.float(), target, weights, label_smoothing=smoothing, reduction="sum")
    log_p = logits.float().log_softmax(dim=-1)
    q = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    # Kept off 0, where a power below 1 has no slope: an answer that is certain and right would give NaN.
    easy = (-torch.expm1(log_p)).clamp(min=1e-7) ** gamma
    terms = q * easy * -log_p
    return (terms if weights is None else terms * weights).sum()


def multi_label_loss(
    logits: Tensor, target: Tensor, weights: Tensor | None, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """logits [B, L], target [B, L] of 0 and 1, weights [L] of the positive side or None -> scalar sum."""
    logits = logits.float()
    q = target * (1 - smoothing) + smoothing / 2
    if gamma == 0:
        return F.binary_cross_entropy_with_logits(logits, q, pos_weight=weights, reduction="sum")
    log_p, log_not = F.logsigmoid(logits), F.logsigmoid(-logits)
    positive = q * torch.exp(gamma * log_not) * -log_p
    negative = (1 - q) * torch.exp(gamma * log_p) * -log_not
    return torch.sum((positive if weights is None else positive * weights) + negative)


def perceptron_loss(logits: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    """logits [B, L], target [B] label ids or [B, L] of 0 and 1, weights [L] or None -> scalar sum.

    One label: how far the best wrong label is above the right one, not below 0. Several: how far each label
    is on the wrong side of 0. A step of plain SGD is then the perceptron's rule (Rosenblatt 1958,
    https://doi.org/10.1037/h0042519; with many labels Collins 2002, https://aclanthology.org/W02-1001,
    section 2): nothing changes where the answer is right, and a tie is a mistake.
    """
    logits = logits.float()
    if target.dim() == 2:
        wrong = torch.where(target > 0, -logits, logits).clamp(min=0)
        return torch.sum(wrong if weights is None else torch.where(target > 0, wrong * weights, wrong))
    gold = target[:, None]
    right = logits.gather(1, gold)[:, 0]
    rival = logits.scatter(1, gold, -torch.inf).max(dim=1).values
    wrong = (rival - right).clamp(min=0)  # whose slope at 0 is 1, as the rule wants it
    return torch.sum(wrong if weights is None else wrong * weights[target])
