"""Function words of English: words that say little on their own. Our own list, by word class."""

from __future__ import annotations

_ARTICLES_AND_DETERMINERS = "a an the this that these those each every either neither some any no all both"
_PRONOUNS = (
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his "
    "himself she her hers herself it its itself they them their theirs themselves who whom whose "
    "which what"
)
_PREPOSITIONS = (
    "about above across after against along among around at before behind below beneath beside "
    "between beyond by down during for from in into near of off on onto out over through throughout "
    "to toward towards under until up upon with within without"
)
_CONJUNCTIONS = "and but or nor so yet if because as than while although though whether unless since"
_AUXILIARIES = (
    "be am is are was were been being have has had having do does did doing done can could may might "
    "must shall should will would ought"
)
_ADVERBS = (
    "here there when where why how such then now very too just also only again once further more most "
    "own same"
)
_CONTRACTIONS = (
    "i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll "
    "we're we've we'd we'll they're they've they'd they'll that's there's here's what's who's let's"
)

# Negations (not, no one's "don't", never) stay in a text: what they turn round is often the whole point.
ENGLISH = frozenset(
    " ".join(
        [
            _ARTICLES_AND_DETERMINERS,
            _PRONOUNS,
            _PREPOSITIONS,
            _CONJUNCTIONS,
            _AUXILIARIES,
            _ADVERBS,
            _CONTRACTIONS,
        ]
    ).split()
) - {"no", "nor", "neither", "against", "without"}
