"""Names of features of every kind that the grammar has, and what they are declared over."""

from __future__ import annotations

from stream.features.declare import Condition, Inputs, expand, parse

INPUTS = Inputs(
    ("card", "shop"),
    ("age", "lat", "lon"),
    ("channel",),
    {"online": Condition("channel", ("web", 7)), "large": Condition("amount", above=500.0)},
    ("lat", "lon"),
)
_WRITTEN = """
amount
{hour,week}_{sin,cos}
input.age
is_{night,weekend,online,large}
{card,card+shop,card+channel,card+amount}.{count,frauds,fraud_rate}_{10m,1h,1d,1d_delay_7d}
{card,card+shop}.{amount,age}_{sum,mean,std}_{1h,30d,1d_delay_7d}
{card,card+shop}.{amount,age}_{min,max,zscore}_1h
card.distinct_{shop,channel}_1h
card.share_{night,online,large}_{1h,1d_delay_7d}
card.same_amount_1h
{card,card+shop}.seconds_since_{last,first,fraud,genuine}
{card,card+shop}.rate_2h
card.{amount,age}_decayed_{mean,std}_1d
card.{known_fraud_odds,known_frauds,known_count,surprise}_30d
card.amount_genuine_{mean,std}_30d
card.known_fraud_run
card.new_{shop,channel}
card.speed_kmh
at_fraud(card, amount)
{ratio,difference}(amount, card.age_mean_1h)
log(ratio(input.age, shop.rate_1h))
"""
NAMES = [name for line in _WRITTEN.split("\n") if line for name in expand(line)]
FEATURES = [parse(name, INPUTS) for name in NAMES]
