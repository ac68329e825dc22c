"""The sums and searches of a linear-chain CRF as compiled loops over texts end to end, without padding.

Forward and backward in probabilities that are scaled at every token (Rabiner 1989, section V.A): a product of
a vector and a small matrix, and one exponential per tag, where sums of logarithms take one per pair of tags.
A text in which so little probability is left that float32 cannot hold it is done again in logarithms.

Arrays: emissions [M, L] float32 of all tokens, offsets [S + 1] of the texts, transitions [L, L] from row to
column, start and end [L]; minus infinity where the constraints forbid it.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np

from textladder.layers.halves import exponential, kernel

TINY = np.float32(1e-30)  # of a token's scale: below, float32 has lost too much
FAINT = np.float32(1e-33)  # of a tag's share: below, it has few digits, and may be all that is left later
NOTHING = -np.inf


@kernel
def forward_backward(
    emissions: Any, offsets: Any, transitions: Any, start: Any, end: Any, marginals: Any, log_z: Any
) -> Any:
    """Fills marginals [M, L] and log_z [S]; returns the expected number of each transition [L, L]."""
    labels = emissions.shape[1]
    highest = np.max(transitions)
    steps = np.exp(transitions - highest).astype(np.float32)  # [from, to]
    turned = steps.T.copy()
    first, last = np.max(start), np.max(end)
    begin = np.exp(start - first).astype(np.float32)
    finish = np.exp(end - last).astype(np.float32)
    expected = np.zeros((labels, labels), np.float64)
    longest = np.max(offsets[1:] - offsets[:-1])
    alpha, factor = np.empty((longest, labels), np.float32), np.empty((longest, labels), np.float32)
    scale = np.empty(longest, np.float32)
    beta, weight = np.empty(labels, np.float32), np.empty(labels, np.float32)
    pairs = np.empty((labels, labels), np.float32)  # [to, from]
    for s in range(len(offsets) - 1):
        a, count = offsets[s], offsets[s + 1] - offsets[s]
        if count == 0:
            log_z[s] = 0.0
            continue
        total, sound = np.float64(first) + np.float64(last) + (count - 1) * np.float64(highest), True
        for t in range(count):
            row, now, x = emissions[a + t], alpha[t], factor[t]
            top = row[0]
            for j in range(labels):
                top = max(top, row[j])
            for j in range(labels):
                x[j] = exponential(row[j] - top)
            if t == 0:
                for j in range(labels):
                    now[j] = begin[j]
            else:
                before = alpha[t - 1]
                for j in range(labels):
                    now[j] = np.float32(0)
                for i in range(labels):
                    share, step = before[i], steps[i]
                    for j in range(labels):
                        now[j] += share * step[j]
            c = np.float32(0)
            for j in range(labels):
                now[j] *= x[j]
                c += now[j]
            if not TINY < c < np.inf:
                sound = False
                break
            rest, faintest = np.float32(1) / c, np.float32(1)
            for j in range(labels):
                now[j] *= rest
                faintest = min(faintest, now[j] if now[j] > 0 else np.float32(1))
            if faintest < FAINT:
                sound = False
                break
            scale[t] = c
            total += np.log(np.float64(c)) + top
        z = np.float32(0)
        if sound:
            for j in range(labels):
                z += alpha[count - 1, j] * finish[j]
        sound = bool(TINY < z < np.inf)
        log_z[s] = total + np.log(np.float64(max(z, TINY)))
        for j in range(labels):
            beta[j] = finish[j] / max(z, TINY)
        pairs[:] = 0
        if not sound:
            count = 0  # nothing to go back over
        for t in range(count - 1, -1, -1):
            now, said = alpha[t], marginals[a + t]
            for j in range(labels):
                said[j] = now[j] * beta[j]
            if t == 0:
                break
            x, before, rest = factor[t], alpha[t - 1], np.float32(1) / scale[t]
            for j in range(labels):
                weight[j] = x[j] * beta[j] * rest
                beta[j] = np.float32(0)
            for j in range(labels):
                w, step, pair = weight[j], turned[j], pairs[j]
                for i in range(labels):
                    beta[i] += step[i] * w
                for i in range(labels):
                    pair[i] += before[i] * w
            for j in range(labels):
                sound = sound and beta[j] < np.inf  # and not NaN
        if not sound:
            b = offsets[s + 1]
            log_z[s] = _in_logarithms(emissions[a:b], transitions, start, end, marginals[a:b], expected)
            continue
        for j in range(labels):
            for i in range(labels):
                expected[i, j] += np.float64(pairs[j, i]) * np.float64(steps[i, j])
    return expected


@kernel
def _sum_of(values: Any) -> float:
    """log of the sum of exp."""
    top = np.max(values)
    if top == NOTHING:
        return NOTHING
    return top + np.log(np.sum(np.exp(values - top)))


@kernel
def _in_logarithms(
    emissions: Any, transitions: Any, start: Any, end: Any, marginals: Any, expected: Any
) -> float:
    """The same of one text, in float64; minus infinity if the constraints leave it no tags."""
    count, labels = emissions.shape
    alpha, beta = np.empty((count, labels)), np.empty((count, labels))
    values = np.empty(labels)
    for t in range(count):
        for j in range(labels):
            if t == 0:
                alpha[t, j] = np.float64(start[j]) + emissions[t, j]
                continue
            for i in range(labels):
                values[i] = alpha[t - 1, i] + transitions[i, j]
            alpha[t, j] = _sum_of(values) + emissions[t, j]
    for j in range(labels):
        beta[count - 1, j] = end[j]
        values[j] = alpha[count - 1, j] + end[j]
    log_z = _sum_of(values)
    if log_z == NOTHING:
        marginals[:] = 0
        return NOTHING
    for t in range(count - 2, -1, -1):
        for i in range(labels):
            for j in range(labels):
                values[j] = beta[t + 1, j] + transitions[i, j] + emissions[t + 1, j]
                expected[i, j] += np.exp(alpha[t, i] + values[j] - log_z)
            beta[t, i] = _sum_of(values)
    for t in range(count):
        for j in range(labels):
            marginals[t, j] = np.exp(alpha[t, j] + beta[t, j] - log_z)
    return log_z


@kernel
def path_scores(emissions: Any, offsets: Any, transitions: Any, start: Any, end: Any, tags: Any) -> Any:
    """[S] the score of the given tags [M] of each text."""
    scores = np.zeros(len(offsets) - 1, np.float64)
    for s in range(len(scores)):
        a, b = offsets[s], offsets[s + 1]
        if a == b:
            continue
        score = np.float64(start[tags[a]]) + end[tags[b - 1]]
        for t in range(a, b):
            score += emissions[t, tags[t]]
            if t > a:
                score += transitions[tags[t - 1], tags[t]]
        scores[s] = score
    return scores


@kernel
def viterbi(emissions: Any, offsets: Any, transitions: Any, start: Any, end: Any) -> Any:
    """[M] the tags of the best path of each text (Viterbi 1967); of equal ones that with lower numbers."""
    tags = np.empty(len(emissions), np.int64)
    labels = emissions.shape[1]
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    back = np.empty((longest, labels), np.int32)
    best, fresh = np.empty(labels, np.float32), np.empty(labels, np.float32)
    for s in range(len(offsets) - 1):
        a, count = offsets[s], offsets[s + 1] - offsets[s]
        if count == 0:
            continue
        for j in range(labels):
            best[j] = start[j] + emissions[a, j]
        for t in range(1, count):
            row, origin = emissions[a + t], back[t]
            for j in range(labels):
                fresh[j], origin[j] = best[0] + transitions[0, j], 0
            for i in range(1, labels):
                score, step = best[i], transitions[i]
                for j in range(labels):
                    better = score + step[j] > fresh[j]
                    fresh[j] = score + step[j] if better else fresh[j]
                    origin[j] = i if better else origin[j]
            for j in range(labels):
                best[j] = fresh[j] + row[j]
        here = 0
        for j in range(labels):
            if best[j] + end[j] > best[here] + end[here]:
                here = j
        for t in range(count - 1, -1, -1):
            tags[a + t] = here
            if t:
                here = back[t, here]
    return tags


@kernel
def n_best(emissions: Any, transitions: Any, start: Any, end: Any, number: int) -> Any:
    """The `number` best paths of one text: tags [P, T] and scores [P], the best first; P is smaller where
    the constraints allow fewer. (Seshadri and Sundberg 1994, list Viterbi.)"""
    count, labels = emissions.shape
    score = np.full((count, labels, number), NOTHING)
    origin = np.zeros((count, labels, number), np.int64)  # tag before * number + which of its paths
    for j in range(labels):
        score[0, j, 0] = start[j] + emissions[0, j]
    for t in range(1, count):
        for j in range(labels):
            kept, came = score[t, j], origin[t, j]
            for i in range(labels):
                for k in range(number):
                    value = score[t - 1, i, k] + transitions[i, j]
                    if value <= kept[number - 1]:
                        break  # those after it are no better
                    place = number - 1
                    while place > 0 and kept[place - 1] < value:
                        kept[place], came[place] = kept[place - 1], came[place - 1]
                        place -= 1
                    kept[place], came[place] = value, i * number + k
            for k in range(number):
                kept[k] += emissions[t, j]
    ends = (score[count - 1] + end.reshape(-1, 1)).ravel()
    order = np.argsort(-ends)[:number]
    found = 0
    for place in order:
        if ends[place] > NOTHING:
            found += 1
    tags, scores = np.empty((found, count), np.int64), np.empty(found)
    for p in range(found):
        place = order[p]
        scores[p] = ends[place]
        for t in range(count - 1, -1, -1):
            tags[p, t] = place // number
            place = origin[t, place // number, place % number]
    return tags, scores
